"""No page is wider than the window, on a small desk and on a telephone."""

from collections.abc import Iterator
from typing import Final

import pytest
from django.contrib.auth.models import User
from django.db.models import Model
from playwright.sync_api import BrowserContext, Page, expect
from pytest_django.live_server_helper import LiveServer

from audit.links import list_of, page_of
from audit.models import AuditEvent
from messages.models import MDN, Delivery
from partners.models import Connection, KeyPair, Organization, Partner, PartnerCertificate, Rollover
from tests.browser import story
from tests.browser.pages import log_in

#: Inside of the window, what scrolls sideways by itself: texts to copy keep their lines.
_WIDE: Final = """() => {
  const scrolls = each => ["auto", "scroll"].includes(getComputedStyle(each).overflowX)
    && each.tagName !== "PRE" && each.clientWidth > 0 && each.scrollWidth > each.clientWidth + 1;
  const wide = [...document.querySelectorAll("#content *")].filter(scrolls);
  const page = document.scrollingElement;
  if (page.scrollWidth > page.clientWidth) wide.push(page);
  return wide.map(each => `${each.tagName} ${each.className}: ${each.scrollWidth}`);
}"""

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.parametrize("scheme", ["light"]),
]


@pytest.fixture
def page(browser: BrowserContext, live_server: LiveServer) -> Page:
    return log_in(browser, live_server.url, User.objects.create_superuser("ann"))


def addresses(told: story.Story) -> Iterator[str]:
    """Name each list, a row of it, and the pages that are no forms."""
    yield "/admin/"
    models: list[type[Model]] = [
        *(Connection, Partner, Organization, KeyPair, PartnerCertificate, Rollover),
        *(MDN, Delivery, AuditEvent),
    ]
    for model in models:
        yield list_of(model._meta.app_label, model.__name__.lower())
        yield page_of(model._default_manager.latest("pk"))
    yield list_of("as2_messages", "message")
    yield page_of(told.failed)
    yield page_of(told.delivered)
    link = Connection.objects.get(as2_id="AMAZON-TEST").pk
    for name in ("sheet", "promote", "test"):
        yield f"/admin/partners/connection/{link}/{name}/"
    yield "/admin/partners/connection/wizard/?preset=amazon-vendor"


@pytest.mark.parametrize("width", [1280, 390])
def test_no_page_scrolls_sideways(page: Page, live_server: LiveServer, width: int) -> None:
    told = story.tell_on()
    page.set_viewport_size({"width": width, "height": 800})
    found = {}
    for address in addresses(told):
        answer = page.goto(live_server.url + address)
        assert answer is not None
        assert answer.status == 200, address
        expect(page.locator("#content")).to_be_visible()
        found[address] = page.evaluate(_WIDE)
    assert {address: wide for address, wide in found.items() if wide} == {}


def test_the_board_works_by_keyboard(page: Page, live_server: LiveServer) -> None:
    story.tell_on()
    page.goto(live_server.url + list_of("partners", "connection"))
    first = page.locator("#result_list tbody tr").first.get_by_role("link").first
    first.focus()
    expect(first).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("select[name=encrypt]")).to_be_visible()


def test_a_wide_window_shows_how_connections_are_set(page: Page, live_server: LiveServer) -> None:
    story.tell_on()
    page.goto(live_server.url + list_of("partners", "connection"))
    settings = page.locator("td.field-security").first
    expect(settings).to_be_hidden()
    page.set_viewport_size({"width": 1800, "height": 800})
    expect(settings).to_be_visible()
