"""Lists of certificates, and of connections, narrowed by the days that are left."""

import datetime as dt

import pytest
from django.test import Client
from django.utils import timezone

from partners.models import Connection
from tests import factories
from tests.factories import DAY

pytestmark = pytest.mark.django_db


def ending(days: float, name: str, **fields: object) -> Connection:
    """Make a connection whose certificate has so many days left."""
    row = factories.bare_connection(
        factories.organization(f"V-{name}"), factories.partner(name), as2_id=name
    )
    value = factories.certificate(
        name, start=timezone.now() - 400 * DAY, lifetime=dt.timedelta(days=400 + days)
    )
    factories.partner_certificate(row, value, **fields)
    return row


@pytest.fixture(autouse=True)
def rows() -> None:
    ending(-1, "GONE")
    ending(5, "SOON")
    ending(5, "RETIRED", retires_at=timezone.now() - DAY, activates_at=timezone.now() - 2 * DAY)
    ending(20, "LATER")
    ending(300, "FAR")


CHOICES = [
    ("", {"GONE", "SOON", "RETIRED", "LATER", "FAR"}),
    ("ended", {"GONE"}),
    ("7", {"SOON"}),
    ("30", {"SOON", "LATER"}),
    ("8", {"GONE", "SOON", "RETIRED", "LATER", "FAR"}),
]


@pytest.mark.parametrize(("chosen", "found"), CHOICES)
def test_certificates_are_found_by_the_days_that_are_left(
    admin_client: Client, chosen: str, found: set[str]
) -> None:
    page = admin_client.get(f"/admin/partners/partnercertificate/?days={chosen}")
    assert {row.connection.as2_id for row in page.context["cl"].result_list} == found


@pytest.mark.parametrize(("chosen", "found"), CHOICES)
def test_connections_are_found_by_the_days_of_their_certificate(
    admin_client: Client, chosen: str, found: set[str]
) -> None:
    page = admin_client.get(f"/admin/partners/connection/?days={chosen}")
    assert {row.as2_id for row in page.context["cl"].result_list} == found


def test_our_key_pairs_are_found_by_the_days_that_are_left(admin_client: Client) -> None:
    pair = factories.key_pair(factories.organization("OURS"))
    for chosen, found in (("90", []), ("", [pair])):
        page = admin_client.get(f"/admin/partners/keypair/?days={chosen}")
        assert list(page.context["cl"].result_list) == found
