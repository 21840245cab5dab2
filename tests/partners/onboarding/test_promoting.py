"""Promotion: production becomes as test is, as far as somebody chose, and no further."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from audit.models import AuditEvent
from config.access.roles import Role
from partners.models import Connection
from tests import factories
from tests.config.access import world
from tests.factories import identity

pytestmark = pytest.mark.django_db


@pytest.fixture
def source() -> Connection:
    return factories.connection(
        as2_id="AMAZON-T", sign="sha-512", subject="Orders", tls_trust="pinned"
    )


@pytest.fixture
def target(source: Connection) -> Connection:
    return factories.bare_connection(
        source.organization, source.partner, as2_id="AMAZON-P", environment="production"
    )


def page_of(row: Connection) -> str:
    return reverse("admin:partners_connection_promote", args=(row.pk,))


def promote(client: Client, row: Connection, *fields: str, **data: Any) -> Any:
    return client.post(page_of(row), {"fields_": fields, **data})


def test_the_differences_are_shown(
    admin_client: Client, source: Connection, target: Connection
) -> None:
    answer = admin_client.get(page_of(source))
    found = {each.name: each.chosen_at_first for each in answer.context["differences"]}
    assert found == {"sign": True, "subject": True, "tls_trust": False}
    assert answer.context["target"] == target


def test_what_is_chosen_is_taken_over(
    admin_client: Client, source: Connection, target: Connection
) -> None:
    assert promote(admin_client, source, "sign").status_code == 302
    target.refresh_from_db()
    assert (target.sign, target.subject, target.as2_id) == ("sha-512", "", "AMAZON-P")
    event = AuditEvent.objects.get(tag="connection:settings:changed")
    assert event.data == {"sign": {"old": "sha-256", "new": "sha-512"}}


def test_certificates_come_along_when_wanted(
    admin_client: Client, source: Connection, target: Connection
) -> None:
    promote(admin_client, source)
    assert not target.certificates.exists()
    promote(admin_client, source, certificates="on")
    promote(admin_client, source, certificates="on")
    assert target.certificates.get().value == identity("AMAZON-T").certificate


def test_a_production_connection_is_made_where_there_is_none(
    admin_client: Client, source: Connection
) -> None:
    data = {"as2_id": "AMAZON-P", "url": "https://as2.amazon.example/", "certificates": "on"}
    assert promote(admin_client, source, "sign", **data).status_code == 302
    row = Connection.objects.get(environment="production")
    assert (row.as2_id, row.sign, row.subject) == ("AMAZON-P", "sha-512", "")
    assert row.certificates.count() == 1


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({"as2_id": "AMAZON-T", "url": "https://x.example/"}, "already exists"),
        ({"as2_id": "AMAZON-P", "url": "nowhere"}, "Enter a valid URL"),
    ],
)
def test_a_wrong_production_connection_is_refused(
    admin_client: Client, source: Connection, data: dict[str, str], text: str
) -> None:
    answer = promote(admin_client, source, **data)
    assert answer.status_code == 200
    assert text in answer.content.decode()
    assert Connection.objects.count() == 1


def test_what_the_profile_refuses_is_not_taken_over(
    admin_client: Client, source: Connection, target: Connection
) -> None:
    Connection.objects.filter(pk=target.pk).update(profile="as2-modern")
    Connection.objects.filter(pk=source.pk).update(profile="as2-modern", sign="sha-1")
    answer = promote(admin_client, source, "sign")
    assert "as2.sign.min" in answer.content.decode()
    target.refresh_from_db()
    assert target.sign == "sha-256"


def test_settings_that_cannot_be_are_not_taken_over(
    admin_client: Client, source: Connection, target: Connection
) -> None:
    Connection.objects.filter(pk=source.pk).update(tls_pins="no fingerprint")
    answer = promote(admin_client, source, "sign", "tls_pins")
    assert "tls_pins" in answer.context["form"].errors["__all__"][0]
    target.refresh_from_db()
    assert (target.sign, target.tls_pins) == ("sha-256", "")


def test_which_production_connection_can_be_chosen(
    admin_client: Client, source: Connection, target: Connection
) -> None:
    other = factories.bare_connection(
        source.organization, source.partner, as2_id="AMAZON-P2", environment="production"
    )
    for wanted, expected in (("", target), (str(other.pk), other), ("new", None)):
        shown = admin_client.get(page_of(source), {"to": wanted}).context["target"]
        assert (shown if shown.pk else None) == expected


def test_who_may_not_add_connections_brings_nothing_to_a_new_one(
    client: Client, source: Connection
) -> None:
    client.force_login(world.user(Role.PROVIDER, scope=source))
    data = {"as2_id": "AMAZON-P", "url": "https://as2.amazon.example/"}
    assert promote(client, source, "sign", **data).status_code == 403
    assert Connection.objects.count() == 1


def test_production_is_not_promoted(admin_client: Client, target: Connection) -> None:
    assert admin_client.get(page_of(target)).status_code in {403, 404}
