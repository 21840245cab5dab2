"""The form of a connection in a real browser: fields are marked while they are typed into."""

from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import BrowserContext, Page, expect
from pytest_django.live_server_helper import LiveServer

from partners.models import Connection
from tests.browser.conftest import Watch
from tests.partners.profiles import amazon

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.parametrize("scheme", ["light"]),
]


@pytest.fixture
def connection() -> Connection:
    return amazon()


@pytest.fixture
def page(browser: BrowserContext, live_server: LiveServer, connection: Connection) -> Page:
    """Be logged in as the administrator, on the page of the connection."""
    User.objects.create_superuser("ann", password="a long password")
    tab = browser.pages[0]
    tab.goto(f"{live_server.url}/admin/partners/connection/{connection.pk}/change/")
    tab.fill("input[name=username]", "ann")
    tab.fill("input[name=password]", "a long password")
    tab.click("button[type=submit]")
    expect(tab.locator("#as2-compliance[data-live]")).to_contain_text("ok")
    return tab


def test_a_field_is_marked_while_typing_and_cleared_again(
    page: Page, live_server: LiveServer, connection: Connection
) -> None:
    watch = Watch(page, urlsplit(live_server.url).netloc)
    mark = page.locator('[data-rule="as2.encrypt.min"]')
    page.locator("select[name=encrypt]").select_option("des-ede3-cbc", force=True)
    expect(mark).to_contain_text("AES-128 or stronger")
    expect(page.locator("#as2-compliance")).to_contain_text("error")
    page.locator("select[name=encrypt]").select_option("aes-256-cbc", force=True)
    expect(mark).to_have_count(0)
    expect(page.locator("#as2-compliance")).to_contain_text("ok")
    connection.refresh_from_db()
    assert (connection.encrypt, watch.faults) == ("aes-128-cbc", [])


def test_a_refused_save_shows_the_error_at_its_field(page: Page, connection: Connection) -> None:
    page.locator("select[name=sign]").select_option("sha-1", force=True)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".errorlist").first).to_contain_text("SHA-256 or stronger")
    connection.refresh_from_db()
    assert connection.sign == "sha-256"
