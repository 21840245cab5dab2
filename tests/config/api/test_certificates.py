"""Certificates and connections by the API: what stands in them, what is due, what is planned."""

import base64
import datetime as dt
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from audit.models import AuditEvent
from config.access.roles import Role
from partners.compliance import verdicts
from partners.compliance.evaluating import evaluate
from partners.models import Connection, PartnerCertificate, Rollover
from tests import factories
from tests.config.access import world
from tests.config.api import calling

pytestmark = pytest.mark.django_db

CERTIFICATES = f"{calling.ROOT}certificates"


def plan(program: Client, link: Connection, **fields: Any) -> Any:
    """Call for the partner's next certificate."""
    path = f"{calling.ROOT}partners/{link.partner_id}/certificates"
    body = calling.next_certificate(link, **fields)
    return program.post(path, body, content_type="application/json")


def test_a_certificate_is_told_as_it_is(operator: Client, link: Connection) -> None:
    row = link.certificates.get()
    told = operator.get(f"{CERTIFICATES}/{row.pk}").json()
    value = factories.identity(link.as2_id).certificate
    assert told["fingerprint"] == value.fingerprint
    assert (told["roles"], told["in_use"]) == (["verify", "encrypt"], True)
    assert told["days_left"] == (value.not_after - timezone.now()).days


def test_what_ends_soon_is_due_with_what_follows(operator: Client, link: Connection) -> None:
    day = dt.timedelta(days=1)
    short = factories.certificate("SHORT", lifetime=10 * day)
    PartnerCertificate.objects.all().delete()
    factories.partner_certificate(link, short)
    due = operator.get(f"{CERTIFICATES}/due", {"days": 30}).json()["items"]
    assert [(each["ours"], each["fingerprint"]) for each in due] == [(False, short.fingerprint)]
    assert due[0]["successor"] == ""
    start = timezone.now() + 5 * day
    factories.partner_certificate(link, factories.certificate("NEXT"), activates_at=start)
    due = operator.get(f"{CERTIFICATES}/due", {"days": 30}).json()["items"]
    assert due[0]["successor"].startswith("Its successor CN=NEXT starts on")


def test_ours_are_due_as_well(operator: Client, link: Connection) -> None:
    due = operator.get(f"{CERTIFICATES}/due", {"days": 400}).json()["items"]
    ours = [each["fingerprint"] for each in due if each["ours"]]
    assert ours == [factories.identity(link.organization.as2_id).certificate.fingerprint]


def test_a_next_certificate_is_planned_as_on_the_page(operator: Client, link: Connection) -> None:
    answer = plan(operator, link)
    (told,) = answer.json()["items"]
    row = Rollover.objects.get()
    new = factories.identity(f"{link.as2_id}-next").certificate
    assert (answer.status_code, told["id"], told["state"]) == (201, row.pk, "planned")
    assert told["new_fingerprint"] == new.fingerprint == row.new.fingerprint
    assert (row.created_by, row.new_certificate is not None) == ("user0", True)
    event = AuditEvent.objects.get(tag="rollover:certificate:planned")
    assert (event.actor, event.data["token"]) == ("user0", "erp")


@pytest.mark.parametrize("form", ["pem", "der", "text before"])
def test_a_certificate_comes_in_as_people_have_it(
    operator: Client, link: Connection, form: str
) -> None:
    value = factories.identity(f"{link.as2_id}-next").certificate
    text = {
        "pem": value.pem(),
        "der": base64.encodebytes(value.der).decode(),
        "text before": f"From: Amazon\r\n\r\n{value.pem()}",
    }[form]
    assert plan(operator, link, certificate=text).status_code == 201
    assert PartnerCertificate.objects.filter(fingerprint=value.fingerprint).exists()


def test_without_a_start_it_is_used_at_once(operator: Client, link: Connection) -> None:
    assert plan(operator, link, start=None).json()["items"][0]["state"] == "active"


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"certificate": "hello"}, "certificate", "neither PEM nor base64"),
        ({"certificate": "aGVsbG8="}, "certificate", ""),
        ({"start": "2020-01-01T00:00:00Z"}, "certificate", "that is in the past"),
        ({"start": "2027-01-01T00:00:00"}, "start", "timezone"),
        ({"connections": [987654]}, "connections", "no connection 987654"),
        ({"connections": []}, "connections", "no certificate that could be replaced"),
        ({"verifies": False, "encrypts": False}, "verifies", "at least one use"),
    ],
    ids=["text", "no certificate", "past", "no zone", "unknown", "none", "no use"],
)
def test_what_cannot_be_planned_is_refused_whole(
    operator: Client, link: Connection, fields: dict[str, Any], field: str, words: str
) -> None:
    answer = plan(operator, link, **fields)
    assert answer.status_code == 422
    (mistake,) = answer.json()["errors"]
    assert mistake["field"] == field
    assert words in mistake["text"]
    assert not Rollover.objects.exists()


def test_a_provider_plans_on_its_connections_only(link: Connection) -> None:
    other = factories.connection(link.organization, link.partner, as2_id="AMAZON-2")
    user = world.user(Role.PROVIDER, scope=link, whole_partner=False)
    program = calling.client_of(user)
    assert plan(program, link, connections=[other.pk]).status_code == 422
    assert [each["connection"]["id"] for each in plan(program, link).json()["items"]] == [link.pk]


def test_a_connection_is_judged_by_the_same_rules(operator: Client, link: Connection) -> None:
    Connection.objects.update(profile="as2-modern", sign="sha1")
    link.refresh_from_db()
    verdicts.reevaluate(Connection.objects.all(), timezone.now())
    told = operator.get(f"{calling.ROOT}connections/{link.pk}/compliance").json()
    expected = evaluate(link, timezone.now())
    assert [(each["rule"], each["status"]) for each in told["findings"]] == [
        (each.rule, each.status.value) for each in expected
    ]
    kept = operator.get(f"{calling.ROOT}connections", {"verdict": told["verdict"]}).json()["items"]
    assert [each["compliance"]["verdict"] for each in kept] == [told["verdict"]]


def test_no_password_of_a_connection_is_told(operator: Client, link: Connection) -> None:
    Connection.objects.update(url="https://erp:hunter2@amazon.example/as2")
    answer = operator.get(f"{calling.ROOT}connections/{link.pk}")
    assert answer.json()["url"] == "https://erp:***@amazon.example/as2"
    assert b"hunter2" not in answer.content
