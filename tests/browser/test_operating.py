"""An operator's day in a real browser: find, count, send again, ask for again, prove."""

import csv
import re
import zipfile
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from config.access.roles import Role
from messages.models import Message, Redelivery, SavedView, State
from partners.models import Connection, Partner
from tests.browser import story
from tests.browser.conftest import Watch
from tests.browser.pages import log_in
from tests.config.access import world

MESSAGES = "/admin/as2_messages/message/"

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.parametrize("scheme", ["light", "dark"]),
]


@pytest.fixture
def rows(settings: Settings, tmp_path: Path) -> story.Story:
    settings.AS2_STORE = tmp_path / "store"
    found = story.tell()
    Connection.objects.update(profile="amazon-vendor-as2")
    Partner.objects.filter(name="Amazon").update(email="edi@amazon.example")
    return found


class Camera:
    """Takes a picture of a page as it stands there, all of it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def take(self, page: Page, name: str) -> None:
        """Keep it where the test's other files are: who changes the pages looks at them."""
        page.screenshot(path=self._folder / f"{name}.png", full_page=True)


@pytest.fixture
def camera(tmp_path: Path) -> Camera:
    return Camera(tmp_path)


@pytest.fixture
def page(browser: BrowserContext, live_server: LiveServer, rows: story.Story) -> Page:
    return log_in(browser, live_server.url, world.user(Role.OPERATOR))


@pytest.fixture
def watch(page: Page, live_server: LiveServer) -> Watch:
    return Watch(page, urlsplit(live_server.url).netloc)


def test_the_start_page_draws_the_traffic(page: Page, watch: Watch, camera: Camera) -> None:
    expect(page.get_by_role("img", name=re.compile("^Traffic: 8|^Traffic: 9"))).to_be_visible()
    expect(page.get_by_role("img", name=re.compile("^Failures:"))).to_be_visible()
    expect(page.get_by_role("img", name=re.compile("^Time to the MDN:"))).to_be_visible()
    camera.take(page, "start")
    assert watch.faults == []


def test_filters_are_saved_counted_and_exported(
    page: Page, watch: Watch, camera: Camera, live_server: LiveServer, tmp_path: Path
) -> None:
    page.goto(f"{live_server.url}{MESSAGES}?state__exact=failed")
    page.locator("summary", has_text="Save view").click()
    camera.take(page, "save")
    page.get_by_label("Name", exact=True).fill("Given up")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("link", name="Given up")).to_be_visible()
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Export CSV").click()
    waiting.value.save_as(tmp_path / "messages.csv")
    with (tmp_path / "messages.csv").open(newline="") as file:
        assert [row["state"] for row in csv.DictReader(file)] == ["failed"]
    camera.take(page, "list")
    page.get_by_role("link", name="Counts").click()
    expect(page.get_by_role("heading", name="By partner")).to_be_visible()
    page.get_by_role("link", name="By month").click()
    camera.take(page, "counts")
    page.get_by_role("link", name="Back to the list").click()
    page.get_by_role("button", name="Delete the view Given up").click()
    expect(page.get_by_text("is deleted")).to_be_visible()
    assert (SavedView.objects.count(), watch.faults) == (0, [])


def test_many_messages_are_sent_again_after_a_look(
    page: Page, watch: Watch, camera: Camera, live_server: LiveServer
) -> None:
    page.goto(f"{live_server.url}{MESSAGES}?direction__exact=outbound&state__exact=delivered")
    page.locator("#action-toggle").check()
    page.locator("select[name=action]").select_option("resend_selected")
    page.get_by_role("button", name=re.compile("Run|Go")).click()
    expect(page.get_by_role("heading", name=re.compile("Send again: 9 messages"))).to_be_visible()
    camera.take(page, "many")
    page.get_by_role("button", name="Send again").click()
    expect(page.get_by_text("9 on their way")).to_be_visible()
    assert Message.objects.filter(state=State.QUEUED).count() == 9
    assert watch.faults == []


def test_a_case_is_copied_and_evidence_is_saved(
    page: Page, camera: Camera, live_server: LiveServer, rows: story.Story, tmp_path: Path
) -> None:
    watch = Watch(page, urlsplit(live_server.url).netloc)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{live_server.url}{MESSAGES}{rows.failed.pk}/change/")
    page.get_by_text("Ask the partner").click()
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert rows.failed.message_id in page.evaluate("navigator.clipboard.readText()")
    camera.take(page, "case")
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Evidence").click()
    waiting.value.save_as(tmp_path / "evidence.zip")
    with zipfile.ZipFile(tmp_path / "evidence.zip") as bundle:
        assert "verify.sh" in bundle.namelist()
    assert watch.faults == []


def test_a_rejected_message_is_asked_for_again(
    page: Page, watch: Watch, camera: Camera, live_server: LiveServer
) -> None:
    row = Message.objects.get(state=State.REJECTED)
    page.goto(f"{live_server.url}{MESSAGES}{row.pk}/change/")
    page.get_by_role("link", name="Ask for it again").click()
    expect(page.get_by_label("Numbers")).to_have_value(row.message_id)
    camera.take(page, "ask")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("please send these documents again")).to_be_visible()
    camera.take(page, "redelivery")
    page.get_by_role("button", name="Close the request").click()
    expect(page.get_by_role("heading", name="Closed")).to_be_visible()
    assert Redelivery.objects.get().items.get().number == row.message_id
    assert watch.faults == []


def test_the_board_tells_of_success_and_failure(
    page: Page, watch: Watch, camera: Camera, live_server: LiveServer
) -> None:
    page.goto(f"{live_server.url}/admin/partners/connection/")
    expect(page.get_by_role("columnheader", name="last failure (UTC)")).to_be_visible()
    camera.take(page, "board")
    assert watch.faults == []
