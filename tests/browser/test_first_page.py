"""The pages in a real browser: they work, look right in both colour schemes, and stay at home."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import BrowserContext, Page, expect
from pytest_django.live_server_helper import LiveServer

from audit.models import AuditEvent
from messages.models import State
from tests.browser import story
from tests.browser.conftest import Watch
from tests.messages.made_up import PAYLOAD

LARGEST_PICTURE = 200_000  # bytes; larger ones weigh down every clone

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.parametrize("scheme", ["light", "dark"]),
]


class Camera:
    """Takes a picture of each page, to look at when a test has failed."""

    def __init__(self, folder: Path, scheme: str) -> None:
        self._folder = folder
        self._scheme = scheme

    def take(self, page: Page, name: str) -> None:
        expect(page.locator("#content")).to_be_visible()
        path = self._folder / f"{name}-{self._scheme}.png"
        page.screenshot(path=path)
        assert path.stat().st_size < LARGEST_PICTURE


@pytest.fixture
def rows() -> story.Story:
    return story.tell()


@pytest.fixture
def camera(tmp_path: Path, scheme: str) -> Camera:
    return Camera(tmp_path, scheme)


@pytest.fixture
def page(browser: BrowserContext, live_server: LiveServer) -> Page:
    """Be logged in as the administrator, on the start page."""
    User.objects.create_superuser("ann", password="a long password")
    tab = browser.pages[0]
    tab.goto(f"{live_server.url}/admin/")
    tab.fill("input[name=username]", "ann")
    tab.fill("input[name=password]", "a long password")
    tab.click("button[type=submit]")
    # A test that went on at once would cut off the answer to the login.
    expect(tab.locator("#nav-sidebar-apps")).to_be_visible()
    return tab


@pytest.fixture
def watch(page: Page, live_server: LiveServer) -> Watch:
    return Watch(page, urlsplit(live_server.url).netloc)


def test_an_operator_finds_out_why_a_message_failed(
    rows: story.Story, page: Page, watch: Watch, camera: Camera
) -> None:
    page.reload()
    expect(page.get_by_role("heading", name="Failed messages")).to_be_visible()
    camera.take(page, "start")
    page.get_by_role("link", name=re.compile(rows.failed.filename)).click()
    expect(page.get_by_role("heading", name="Failed", exact=True)).to_be_visible()
    expect(page.get_by_text(story.DECRYPTION_FAILED)).to_be_visible()
    camera.take(page, "failed-message")
    assert watch.faults == []


def test_the_list_leads_to_a_message_and_its_timeline(
    rows: story.Story, page: Page, watch: Watch, camera: Camera
) -> None:
    page.locator("#nav-sidebar-apps").get_by_text("Messages", exact=True).click()
    expect(page.get_by_text(rows.delivered.filename)).to_be_visible()
    camera.take(page, "messages")
    page.get_by_role("row", name=re.compile(rows.delivered.filename)).get_by_role(
        "link"
    ).first.click()
    expect(page.get_by_text("MDN received: positive")).to_be_visible()
    camera.take(page, "message")
    assert watch.faults == []


def test_an_operator_sends_a_failed_message_again(
    rows: story.Story, page: Page, watch: Watch, camera: Camera, live_server: LiveServer
) -> None:
    page.goto(f"{live_server.url}/admin/as2_messages/message/{rows.failed.pk}/change/")
    page.get_by_role("link", name="Resend").click()
    camera.take(page, "resend")
    page.get_by_role("button", name="Send again").click()
    expect(page.get_by_text("The message is sent again")).to_be_visible()
    rows.failed.refresh_from_db()
    assert (rows.failed.state, watch.faults) == (State.QUEUED, [])


def test_a_payload_is_saved_as_it_is(
    rows: story.Story, page: Page, watch: Watch, live_server: LiveServer, tmp_path: Path
) -> None:
    page.goto(f"{live_server.url}/admin/as2_messages/message/{rows.delivered.pk}/change/")
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Download payload").click()
    waiting.value.save_as(tmp_path / "saved")
    assert waiting.value.suggested_filename == rows.delivered.filename
    assert (tmp_path / "saved").read_bytes() == PAYLOAD
    assert AuditEvent.objects.filter(tag="message:payload:downloaded", actor="ann").count() == 1
    assert watch.faults == []


def test_a_start_page_without_trouble_says_so(page: Page, watch: Watch, camera: Camera) -> None:
    page.reload()
    expect(page.get_by_text("All is well")).to_be_visible()
    expect(page.locator("#content h2")).to_have_count(0)
    camera.take(page, "all-is-well")
    assert watch.faults == []
