"""Pictures of the main pages for the documentation, in light and dark colours.

``make pictures`` makes them anew (``AS2_SCREENSHOTS`` says where); without the variable the pages
are looked at all the same.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import BrowserContext, Page, expect
from pytest_django.live_server_helper import LiveServer

from audit.sealing import seal
from messages import sending
from messages.models import Message
from messages.onboarding import testing
from partners.models import Connection
from partners.rollover.recording import By
from tests import factories
from tests.browser import story
from tests.browser.pages import log_in
from tests.messages.partner import Partner as Software
from tests.messages.servers import serve

#: Where the pictures of the documentation are, if they are to be made anew.
PICTURES = os.environ.get("AS2_SCREENSHOTS", "")
#: Bytes; larger ones weigh down every clone.
LARGEST = 150_000

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.parametrize("scheme", ["light", "dark"]),
]

Snap = Callable[[str], None]


@pytest.fixture
def rows() -> story.Story:
    return story.tell_on()


@pytest.fixture
def page(rows: story.Story, browser: BrowserContext, live_server: LiveServer) -> Page:
    """Be logged in as the administrator, on the start page."""
    tab = log_in(browser, live_server.url, User.objects.create_superuser("ann"))
    tab.set_viewport_size({"width": 1280, "height": 720})
    return tab


@pytest.fixture
def snap(page: Page, scheme: str, tmp_path: Path) -> Snap:
    """Take a picture of what the window shows."""

    def take(name: str) -> None:
        expect(page.locator("#content")).to_be_visible()
        page.wait_for_load_state("networkidle")
        path = tmp_path / f"{name}-{scheme}.png"
        page.screenshot(path=path)
        assert path.stat().st_size <= LARGEST
        if PICTURES:
            shutil.copy(path, Path(PICTURES) / path.name)

    return take


def test_the_start_page(page: Page, live_server: LiveServer, snap: Snap) -> None:
    page.goto(f"{live_server.url}/admin/")
    expect(page.get_by_role("heading", name="Failed messages")).to_be_visible()
    snap("start")


def test_the_timeline_of_a_message(
    page: Page, rows: story.Story, live_server: LiveServer, snap: Snap
) -> None:
    page.goto(f"{live_server.url}/admin/as2_messages/message/{rows.delivered.pk}/change/")
    title = page.get_by_role("heading", name="What happened")
    title.evaluate("element => element.scrollIntoView()")
    expect(page.get_by_text("MDN received: positive")).to_be_visible()
    snap("message")


def test_the_board_of_connections(page: Page, live_server: LiveServer, snap: Snap) -> None:
    page.goto(f"{live_server.url}/admin/partners/connection/")
    expect(page.locator("#result_list tbody tr")).to_have_count(3)
    snap("connections")


def test_a_form_that_is_refused(page: Page, live_server: LiveServer, snap: Snap) -> None:
    row = Connection.objects.get(as2_id="AMAZON")
    page.goto(f"{live_server.url}/admin/partners/connection/{row.pk}/change/")
    page.locator("select[name=encrypt]").select_option("des-ede3-cbc")
    page.get_by_role("button", name="Save", exact=True).click()
    wrong = page.get_by_text("as2.encrypt.min: des-ede3-cbc").first
    expect(wrong).to_be_visible()
    page.locator("select[name=encrypt]").evaluate("element => element.scrollIntoView()")
    page.mouse.wheel(0, -220)
    snap("connection-refused")


def test_what_a_profile_says(page: Page, live_server: LiveServer, snap: Snap) -> None:
    row = Connection.objects.get(as2_id="WALMART-AS2")
    page.goto(f"{live_server.url}/admin/partners/connection/{row.pk}/change/")
    expect(page.locator("#as2-compliance")).to_contain_text("warning")
    snap("compliance")


def test_old_and_new_side_by_side(page: Page, live_server: LiveServer, snap: Snap) -> None:
    page.goto(f"{live_server.url}/admin/partners/rollover/")
    page.locator("#result_list tbody tr").first.get_by_role("link").first.click()
    expect(page.get_by_role("heading", name="Old and new")).to_be_visible()
    snap("rollover")


def test_a_connection_that_is_tested(
    page: Page, rows: story.Story, live_server: LiveServer, snap: Snap
) -> None:
    amazon = Connection.objects.get(as2_id="AMAZON").partner
    with serve(Software().answers) as peer:
        row = factories.connection(company=amazon, url=peer.url)
        testing.start(row, By("ann"))
        sending.send(Message.objects.filter(connection=row).latest("pk").pk)
    page.goto(f"{live_server.url}/admin/partners/connection/{row.pk}/test/")
    expect(page.get_by_role("heading", name="Delivered")).to_be_visible()
    snap("test-connection")


def test_the_wizard(page: Page, live_server: LiveServer, snap: Snap) -> None:
    page.goto(f"{live_server.url}/admin/partners/connection/wizard/?preset=amazon-vendor")
    page.get_by_label("Its name").fill("Amazon EU")
    page.locator("[name=test-as2_id]").fill("AMAZON-EU-TEST")
    page.locator("[name=test-url]").fill("https://test.as2.amazon-eu.example/")
    expect(page.locator("#as2-compliance")).to_contain_text("Test")
    snap("wizard")


def test_our_sheet(page: Page, live_server: LiveServer, snap: Snap) -> None:
    row = Connection.objects.get(as2_id="AMAZON")
    page.goto(f"{live_server.url}/admin/partners/connection/{row.pk}/sheet/")
    expect(page.get_by_text("Our AS2 id", exact=True)).to_be_visible()
    snap("sheet")


def test_the_audit_log(page: Page, live_server: LiveServer, snap: Snap) -> None:
    seal()
    page.goto(f"{live_server.url}/admin/audit/auditevent/?q=AMAZON-2027")
    expect(page.get_by_text("rollover:certificate:planned").first).to_be_visible()
    snap("audit")
