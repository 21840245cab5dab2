"""Our sheet: what a partner needs to set us up, and nothing secret."""

import pytest
from django.core.checks import run_checks
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from messages.endpoint import PATHS
from partners.models import Connection
from partners.onboarding.sheet import build
from tests import factories
from tests.factories import DAY, identity

pytestmark = pytest.mark.django_db


@pytest.fixture
def connection() -> Connection:
    return factories.connection(accept_sha1=True, mdn="async", compress="zlib")


def address(row: Connection) -> str:
    return reverse("admin:partners_connection_sheet", args=(row.pk,))


def test_it_names_the_address_that_we_answer_at(connection: Connection, settings: Settings) -> None:
    settings.AS2_BASE_URL = "https://as2.vendor.example"
    sheet = build(connection, timezone.now())
    host, path = sheet.url.removeprefix("https://").split("/", 1)
    assert (host, f"/{path}" in PATHS) == ("as2.vendor.example", True)


def test_it_says_how_messages_are(connection: Connection) -> None:
    sheet = build(connection, timezone.now())
    assert "signed async MDN, please" in sheet.messages_we_send
    assert "compressed (zlib)" in sheet.messages_we_send
    assert "must be signed: SHA-256, SHA-384, SHA-512, SHA-1" in sheet.messages_we_accept


def test_plain_messages_are_called_so() -> None:
    row = factories.connection(
        sign="none", encrypt="none", mdn="none", require_signature=False, require_encryption=False
    )
    sheet = build(row, timezone.now())
    assert sheet.messages_we_send[:3] == ["not signed", "not encrypted", "no MDN is asked for"]
    assert sheet.messages_we_accept[0].startswith("may be signed")


def test_it_shows_the_next_certificate_and_no_retired_one(connection: Connection) -> None:
    now = timezone.now()
    ours = connection.organization
    factories.key_pair(ours, identity("NEXT"), activates_at=now + 9 * DAY)
    factories.key_pair(ours, identity("PAST"), retires_at=now - DAY / 2)
    names = [each.subject for each in build(connection, now).certificates]
    assert names == ["CN=VENDOR", "CN=NEXT"]


def test_it_comes_as_a_page_and_as_json(admin_client: Client, connection: Connection) -> None:
    value = identity("VENDOR").certificate
    page = admin_client.get(address(connection)).content.decode()
    data = admin_client.get(address(connection), {"format": "json"}).json()
    for text in (value.fingerprint, "VENDOR", "BEGIN CERTIFICATE"):
        assert text in page
    assert data["certificates"][0]["pem"] == value.pem()
    assert data["as2_id"] == "VENDOR"
    assert "PRIVATE" not in page


def test_without_a_key_it_says_so(admin_client: Client) -> None:
    assert (
        "has no key pair" in admin_client.get(address(factories.bare_connection())).content.decode()
    )


def test_it_names_the_addresses_that_we_send_from(
    admin_client: Client, connection: Connection, settings: Settings
) -> None:
    assert "Set AS2_SENDING_ADDRESSES" in admin_client.get(address(connection)).content.decode()
    settings.AS2_SENDING_ADDRESSES = ["192.0.2.7", "2001:db8::/64"]
    page = admin_client.get(address(connection)).content.decode()
    assert "<code>192.0.2.7</code>, <code>2001:db8::/64</code>" in page
    plain = admin_client.get(address(connection), {"format": "json"}).json()
    assert plain["sending_addresses"] == ["192.0.2.7", "2001:db8::/64"]


def test_nonsense_for_an_address_stops_the_start(settings: Settings) -> None:
    settings.AS2_SENDING_ADDRESSES = ["192.0.2.7", "our office"]
    found = [each for each in run_checks() if each.id == "partners.E004"]
    assert ["'our office'" in each.msg for each in found] == [True]
