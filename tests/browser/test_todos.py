"""What people do about things that wait for them, in a real browser."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import BrowserContext, Page, expect
from pytest_django.live_server_helper import LiveServer

from partners import api_keys, suspending
from partners.models import APIKeyPair, Connection, Renewal
from tests import factories
from tests.browser.conftest import Watch
from tests.browser.pages import log_in

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.parametrize("scheme", ["light"]),
]


@pytest.fixture
def connection() -> Connection:
    return factories.connection(environment="production")


@pytest.fixture
def page(browser: BrowserContext, live_server: LiveServer, connection: Connection) -> Page:
    return log_in(browser, live_server.url, User.objects.create_superuser("ann"))


@pytest.fixture
def watch(page: Page, live_server: LiveServer) -> Watch:
    return Watch(page, urlsplit(live_server.url).netloc)


def test_a_mail_about_a_certificate_becomes_something_to_do(
    page: Page, watch: Watch, connection: Connection, live_server: LiveServer, tmp_path: Path
) -> None:
    (tmp_path / "next.cer").write_bytes(
        factories.certificate("next", lifetime=900 * factories.DAY).der
    )
    page.goto(f"{live_server.url}/admin/partners/partner/{connection.partner.pk}/change/")
    page.get_by_role("link", name="Certificate announced").click()
    page.get_by_label("What they say").fill("from edi@amazon, in the shared mailbox")
    page.get_by_role("button", name="Take note").click()
    expect(page.get_by_text("from edi@amazon, in the shared mailbox")).to_be_visible()
    page.get_by_role("link", name="Upload the new certificate").click()
    page.get_by_label("New certificate").set_input_files(tmp_path / "next.cer")
    page.get_by_label("now").check()
    page.get_by_role("button", name="Compare old and new").click()
    page.get_by_role("button", name="Plan it").click()
    expect(page.get_by_role("heading", name="Who has confirmed")).to_be_visible()
    assert Renewal.objects.get().closed_by == "ann"
    assert watch.faults == []


def test_a_connection_is_suspended_when_that_is_proposed(
    page: Page, watch: Watch, connection: Connection, live_server: LiveServer
) -> None:
    suspending.propose(connection, 5, "The partner answered 403.", timezone.now())
    page.goto(f"{live_server.url}/admin/")
    page.locator("#nav-sidebar-apps").get_by_text("Proposed suspensions", exact=True).click()
    page.get_by_role("link", name="VENDOR → AMAZON: 5 refusals in a row").click()
    expect(page.get_by_text("The partner answered 403.")).to_be_visible()
    page.get_by_role("button", name="Suspend the connection").click()
    expect(page.get_by_role("heading", name="Suspended")).to_be_visible()
    connection.refresh_from_db()
    assert (connection.state, watch.faults) == ("suspended", [])


def test_a_public_key_becomes_an_id_step_by_step(
    page: Page, watch: Watch, connection: Connection, live_server: LiveServer
) -> None:
    row = APIKeyPair(partner=connection.partner, name="pay", owner="Shop", purpose="payments")
    api_keys.fill(row)
    row.save()
    page.goto(f"{live_server.url}/admin/partners/apikeypair/{row.pk}/change/")
    current = page.locator("[aria-current=step] h3")
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Download the public key").click()
    assert Path(waiting.value.path()).read_text() == api_keys.public_pem(row)
    page.get_by_role("button", name="It is there").click()
    expect(current).to_contain_text("Paste the id that it got")
    page.get_by_label("Partner's key id").fill("LIVE-A1B2")
    page.get_by_role("button", name="Save and continue editing").click()
    expect(current).to_contain_text("Let your program use key and id")
    page.get_by_role("button", name="A program uses it").click()
    expect(current).to_contain_text("Change it after 90 days")
    page.get_by_role("button", name="It was used just now").click()
    expect(page.get_by_text("Noted: it was used just now.")).to_be_visible()
    assert watch.faults == []
