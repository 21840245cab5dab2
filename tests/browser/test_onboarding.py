"""Onboarding in a real browser: from a preset to a connection that was tested."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import BrowserContext, Page, expect
from pytest_django.live_server_helper import LiveServer

from messages import sending
from messages.models import Message
from partners.models import Connection, Organization
from tests import factories
from tests.browser.conftest import Watch
from tests.browser.pages import log_in
from tests.factories import identity
from tests.messages.partner import Partner as Software
from tests.messages.servers import serve

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.parametrize("scheme", ["light", "dark"]),
]


@pytest.fixture
def page(browser: BrowserContext, live_server: LiveServer) -> Page:
    """Be logged in as the administrator of a vendor that has a key."""
    factories.key_pair(factories.organization())
    return log_in(browser, live_server.url, User.objects.create_superuser("ann"))


def test_a_partner_is_made_from_a_preset(
    page: Page, live_server: LiveServer, tmp_path: Path, scheme: str
) -> None:
    watch = Watch(page, urlsplit(live_server.url).netloc)
    (tmp_path / "amazon.cer").write_bytes(identity("AMAZON").certificate.der)
    page.goto(f"{live_server.url}/admin/partners/connection/")
    page.get_by_role("link", name="Onboard a partner").click()
    page.get_by_role("link", name="Amazon Vendor Central").click()
    page.get_by_label("Its name").fill("Amazon")
    for title, name in (("Test", "AMAZON-T"), ("Production", "AMAZON-P")):
        section = page.get_by_role("region", name=title, exact=True)
        section.get_by_label("Partner's AS2 id").fill(name)
        section.get_by_label("URL").fill(f"https://as2.amazon.example/{name}")
        section.get_by_label("Its certificates").set_input_files(tmp_path / "amazon.cer")
    page.get_by_role("button", name="Look it over").click()
    expect(page.get_by_role("region", name="To be made")).to_have_count(2)
    page.screenshot(path=tmp_path / f"wizard-{scheme}.png", full_page=True)
    assert not Connection.objects.exists()
    page.get_by_role("button", name="Make it").click()
    expect(page.get_by_text("2 connections were made")).to_be_visible()
    assert set(Connection.objects.values_list("as2_id", flat=True)) == {"AMAZON-T", "AMAZON-P"}
    assert watch.faults == []


def test_the_wizard_marks_while_it_is_filled_in(
    page: Page, live_server: LiveServer, scheme: str
) -> None:
    watch = Watch(page, urlsplit(live_server.url).netloc)
    page.goto(f"{live_server.url}/admin/partners/connection/wizard/?preset=amazon-vendor")
    expect(page.locator("#as2-compliance[data-live]")).to_be_visible()
    page.get_by_label("Encrypt", exact=True).select_option("des-ede3-cbc")
    mark = page.locator('.as2-entry [data-rule="as2.encrypt.min"]')
    expect(mark).to_contain_text("AES-128 or stronger")
    page.get_by_label("Encrypt", exact=True).select_option("aes-128-cbc")
    expect(mark).to_have_count(0)
    assert watch.faults == []


def test_a_mistake_is_marked_where_it_is(page: Page, live_server: LiveServer, scheme: str) -> None:
    page.goto(f"{live_server.url}/admin/partners/connection/wizard/?preset=walmart")
    page.get_by_role("button", name="Look it over").click()
    expect(page.get_by_role("heading", name="This cannot be made yet")).to_be_visible()
    expect(page.locator(".as2-entry-wrong").first).to_be_visible()


def test_a_connection_is_tested_and_turns_green(
    page: Page, live_server: LiveServer, tmp_path: Path, scheme: str
) -> None:
    watch = Watch(page, urlsplit(live_server.url).netloc)
    with serve(Software().answers) as peer:
        ours = Organization.objects.get()
        row = factories.connection(ours, url=peer.url)
        page.goto(f"{live_server.url}/admin/partners/connection/{row.pk}/change/")
        page.get_by_role("link", name="Test connection").click()
        page.get_by_role("button", name="Send a test message").click()
        expect(page.get_by_role("row", name="Sent")).to_contain_text("queued")
        sending.send(Message.objects.get().pk)  # what a worker does
        # The page looks again by itself.
        expect(page.get_by_role("heading", name="Delivered")).to_be_visible()
    expect(page.get_by_role("row", name="Signature of the MDN")).to_contain_text("verified")
    page.screenshot(path=tmp_path / f"tested-{scheme}.png")
    assert watch.faults == []


def test_test_settings_come_to_production(
    page: Page, live_server: LiveServer, tmp_path: Path, scheme: str
) -> None:
    watch = Watch(page, urlsplit(live_server.url).netloc)
    ours = Organization.objects.get()
    row = factories.connection(ours, as2_id="AMAZON-T", sign="sha-512")
    production = factories.connection(
        ours, row.partner, as2_id="AMAZON-P", environment="production"
    )
    page.goto(f"{live_server.url}/admin/partners/connection/{row.pk}/change/")
    page.get_by_role("link", name="Bring to production").click()
    expect(page.get_by_label("Take over sign")).to_be_checked()
    page.screenshot(path=tmp_path / f"promote-{scheme}.png")
    page.get_by_role("button", name="Take over what is chosen").click()
    expect(page.get_by_text("taken over were sign")).to_be_visible()
    production.refresh_from_db()
    assert production.sign == "sha-512"
    page.goto(f"{live_server.url}/admin/partners/connection/{production.pk}/change/")
    page.get_by_role("link", name="Our sheet").click()
    expect(page.get_by_text(identity("VENDOR").certificate.fingerprint)).to_be_visible()
    page.screenshot(path=tmp_path / f"sheet-{scheme}.png")
    assert watch.faults == []
