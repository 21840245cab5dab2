"""Rollovers in a real browser: the partner's next certificate, and ours with its letter."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import BrowserContext, Page, expect
from pytest_django.live_server_helper import LiveServer

from partners.models import Connection, Rollover, RolloverState
from partners.rollover.announcing import pretty
from tests import factories
from tests.browser.conftest import Watch
from tests.factories import identity

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.parametrize("scheme", ["light", "dark"]),
]


@pytest.fixture
def connection() -> Connection:
    row = factories.connection()
    factories.connection(row.organization, row.partner, as2_id="AMAZON-P", environment="production")
    return row


@pytest.fixture
def page(browser: BrowserContext, live_server: LiveServer, connection: Connection) -> Page:
    """Be logged in as the administrator, on the partner's page."""
    User.objects.create_superuser("ann", password="a long password")
    tab = browser.pages[0]
    tab.goto(f"{live_server.url}/admin/partners/partner/{connection.partner.pk}/change/")
    tab.fill("input[name=username]", "ann")
    tab.fill("input[name=password]", "a long password")
    tab.click("button[type=submit]")
    expect(tab.get_by_role("link", name="New certificate")).to_be_visible()
    return tab


def test_the_partners_next_certificate_is_compared_and_planned(
    page: Page, live_server: LiveServer, tmp_path: Path, scheme: str
) -> None:
    watch = Watch(page, urlsplit(live_server.url).netloc)
    new = identity("AMAZON-2").certificate
    (tmp_path / "new.cer").write_text(new.pem())
    page.get_by_role("link", name="New certificate").click()
    page.locator("input[name=file]").set_input_files(tmp_path / "new.cer")
    page.get_by_label("now").check()
    page.get_by_role("button", name="Compare old and new").click()
    expect(page.get_by_text(pretty(new.fingerprint))).to_have_count(2)
    page.screenshot(path=tmp_path / f"compare-{scheme}.png", full_page=True)
    page.get_by_role("button", name="Plan it").click()
    expect(page.locator("#result_list tbody tr")).to_have_count(2)
    assert {each.state for each in Rollover.objects.all()} == {RolloverState.ACTIVE}
    assert watch.faults == []


def test_our_next_key_pair_is_made_and_announced(
    page: Page, live_server: LiveServer, connection: Connection, tmp_path: Path, scheme: str
) -> None:
    watch = Watch(page, urlsplit(live_server.url).netloc)
    owner = connection.organization.pk
    page.goto(f"{live_server.url}/admin/partners/organization/{owner}/change/")
    page.get_by_role("link", name="New key pair").click()
    page.fill("input[name=start]", "2027-01-15T00:00")
    page.get_by_role("button", name="Plan it").click()
    expect(page.get_by_role("heading", name="is used from 2027-01-15 00:00 UTC")).to_be_visible()
    page.get_by_text("Letter, ready to send").first.click()
    page.get_by_role("button", name="They have it").first.click()
    expect(page.get_by_text("noted by ann")).to_be_visible()
    page.screenshot(path=tmp_path / f"ours-{scheme}.png", full_page=True)
    page.get_by_role("button", name="Use the new one now").click()
    expect(page.get_by_text("although 2 have not confirmed")).to_be_visible()
    assert Rollover.objects.get().state == RolloverState.ACTIVE
    assert watch.faults == []
