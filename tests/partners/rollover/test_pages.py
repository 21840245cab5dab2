"""The pages of rollovers, through the browser's door: two journeys, and what is refused."""

import datetime as dt
import re
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core import mail
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from as2gateway.certificates import Certificate
from audit.models import AuditEvent
from partners.models import (
    Confirmation,
    Connection,
    KeyPair,
    Rollover,
    RolloverState,
    Scope,
)
from partners.noticing import make_notices
from partners.rollover import used
from partners.rollover.announcing import pretty
from tests import factories
from tests.factories import DAY, identity

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("still_clock")]


@pytest.fixture
def row() -> Connection:
    return factories.connection(environment="test")


def words(answer: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def page_of(rollover: Rollover) -> str:
    return reverse("admin:partners_rollover_change", args=(rollover.pk,))


def partner_page(row: Connection) -> str:
    return reverse("admin:partners_partner_renew_certificate", args=(row.partner.pk,))


def our_page(row: Connection) -> str:
    return reverse("admin:partners_organization_renew_key", args=(row.organization.pk,))


def upload(certificate: Certificate, name: str = "new.cer") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, certificate.pem().encode())


def tomorrow() -> dt.datetime:
    return (timezone.now() + DAY).replace(second=0, microsecond=0)


def wanted(*rows: Connection, **fields: Any) -> dict[str, Any]:
    return {
        "connections": [each.pk for each in rows],
        "verifies": "on",
        "encrypts": "on",
        "when": "at",
        "start": f"{tomorrow():%Y-%m-%dT%H:%M}",
        **fields,
    }


def act(client: Client, rollover: Rollover, name: str, **fields: Any) -> str:
    door = reverse("admin:partners_rollover_act", args=(rollover.pk,))
    return words(client.post(door, {"act": name, **fields}, follow=True))


def test_amazon_renews_its_certificate(admin_client: Client, row: Connection) -> None:
    production = factories.connection(
        row.organization, row.partner, as2_id="AMAZON-P", environment="production"
    )
    new = identity("AMAZON-2").certificate
    both = wanted(row, production)
    seen = admin_client.post(partner_page(row), {**both, "file": upload(new), "step": "look"})
    text = words(seen)
    assert pretty(identity("AMAZON").certificate.fingerprint) in text
    assert text.count(pretty(new.fingerprint)) == 2
    assert not Rollover.objects.exists()
    again = {**both, "pem": seen.context["pem"], "step": "plan"}
    assert admin_client.post(partner_page(row), again).status_code == 302
    assert [each.starts_at for each in Rollover.objects.all()] == [tomorrow()] * 2
    rollover = Rollover.objects.filter(new_certificate__connection=production).get()
    used([new.fingerprint], production, timezone.now())
    text = words(admin_client.get(page_of(rollover)))
    assert "The new certificate is used from" in text
    assert "confirmed" in text


def test_our_certificate_rolls_over(
    admin_client: Client, row: Connection, settings: Settings
) -> None:
    settings.AS2_MAIL = True
    row.partner.email = "edi@amazon.example"
    row.partner.save()
    fields = {
        "name": "next",
        "kind": "rsa-2048",
        "days": "730",
        "host": "as2.vendor.example",
        "when": "at",
        "start": f"{tomorrow():%Y-%m-%dT%H:%M}",
    }
    answer = admin_client.post(our_page(row), fields, follow=True)
    rollover = Rollover.objects.get()
    new = KeyPair.objects.get(name="next")
    assert pretty(new.fingerprint) in words(answer)
    assert "PRIVATE KEY" not in answer.content.decode()
    confirmation = Confirmation.objects.get()
    assert "Sent to edi@amazon.example" in act(
        admin_client, rollover, "mail", confirmation=confirmation.pk
    )
    assert pretty(new.fingerprint) in mail.outbox[0].body
    act(admin_client, rollover, "acknowledge", confirmation=confirmation.pk)
    confirmation.refresh_from_db()
    assert (confirmation.step, confirmation.acknowledged_by) == ("acknowledged", "admin")
    act(admin_client, rollover, "now")
    rollover.refresh_from_db()
    assert rollover.state == RolloverState.ACTIVE
    assert "although 1 have not confirmed" in words(admin_client.get(page_of(rollover)))
    assert "were not seen to use" in act(admin_client, rollover, "retire")
    assert "is retired" in act(admin_client, rollover, "retire", although="yes")
    assert KeyPair.objects.get(name="key-1").retires_at is not None


def plan(client: Client, row: Connection, **fields: Any) -> Rollover:
    new = upload(identity("AMAZON-2").certificate)
    client.post(partner_page(row), wanted(row, file=new, step="plan", **fields))
    return Rollover.objects.get()


def test_now_is_now(admin_client: Client, row: Connection) -> None:
    assert plan(admin_client, row, when="now", start="").state == RolloverState.ACTIVE


def test_a_start_after_the_old_end_is_refused(admin_client: Client, row: Connection) -> None:
    late = wanted(row, start="2999-01-01T00:00", file=upload(identity("AMAZON-2").certificate))
    text = words(admin_client.post(partner_page(row), {**late, "step": "plan"}))
    assert "is too late: the present certificate ends on" in text
    assert not Rollover.objects.exists()


def test_a_start_that_no_clock_shows_is_refused(admin_client: Client, row: Connection) -> None:
    new = upload(identity("AMAZON-2").certificate)
    # In that night New York's clocks go from 02:00 to 03:00.
    fields = wanted(row, start="2027-03-14T02:30", file=new, step="plan")
    with timezone.override("America/New_York"):
        text = words(admin_client.post(partner_page(row), fields))
    assert "be interpreted in time zone America/New_York" in text


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({}, "Choose the file of the new certificate."),
        ({"file": SimpleUploadedFile("x", b"hello")}, "no key or certificate file"),
        (
            {"file": SimpleUploadedFile("x", identity("AMAZON").certificate.der)},
            "has this certificate already",
        ),
        (
            {
                "file": SimpleUploadedFile("x", identity("AMAZON-2").certificate.der),
                "verifies": "",
                "encrypts": "",
            },
            "Choose at least one use.",
        ),
        (
            {
                "file": SimpleUploadedFile("x", identity("AMAZON-2").certificate.der),
                "start": "",
            },
            "Say from when on, or choose now.",
        ),
    ],
)
def test_what_cannot_be_planned_is_said(
    admin_client: Client, row: Connection, fields: dict[str, Any], why: str
) -> None:
    if file := fields.get("file"):
        file.seek(0)
    assert why in words(admin_client.post(partner_page(row), wanted(row, **fields, step="plan")))


def test_a_plan_can_be_moved_and_cancelled(admin_client: Client, row: Connection) -> None:
    rollover = plan(admin_client, row)
    later = tomorrow() + DAY
    act(admin_client, rollover, "move", start=f"{later:%Y-%m-%dT%H:%M}")
    rollover = Rollover.objects.get()
    assert rollover.starts_at == later
    assert "stays" in act(admin_client, rollover, "cancel")
    assert Rollover.objects.get().state == RolloverState.CANCELLED
    assert "Cancelled" in words(admin_client.get(page_of(rollover)))
    assert "It is closed already." in act(admin_client, rollover, "cancel")


@pytest.mark.parametrize(
    ("start", "why"),
    [
        ("", "Say to which date and time."),
        ("2027-02-31T00:00", "There is no such date and time."),
        ("2999-01-01T00:00Z", "is too late"),
    ],
)
def test_a_plan_is_not_moved_anywhere(
    admin_client: Client, row: Connection, start: str, why: str
) -> None:
    assert why in act(admin_client, plan(admin_client, row), "move", start=start)


def test_what_is_planned_cannot_be_retired(admin_client: Client, row: Connection) -> None:
    text = act(admin_client, plan(admin_client, row), "retire", although="yes")
    assert "is not in use yet" in text


def test_a_key_pair_may_come_from_a_file(admin_client: Client, row: Connection) -> None:
    ours = identity("VENDOR-2")
    file = SimpleUploadedFile("k.pem", ours.key_pem + ours.certificate.pem().encode())
    fields = {"name": "own", "kind": "rsa-2048", "days": "1", "when": "now", "file": file}
    assert admin_client.post(our_page(row), fields).status_code == 302
    assert KeyPair.objects.get(name="own").fingerprint == ours.certificate.fingerprint


def test_an_authority_may_issue_for_our_request(admin_client: Client, row: Connection) -> None:
    door = reverse("admin:partners_keypair_request_certificate", args=(KeyPair.objects.get().pk,))
    answer = admin_client.get(door)
    assert answer.content.startswith(b"-----BEGIN CERTIFICATE REQUEST-----")
    issued = factories.certificate("VENDOR", lifetime=400 * DAY)  # another one for the same key
    fields = {"name": "issued", "kind": "rsa-2048", "days": "1", "when": "now"}
    assert admin_client.post(our_page(row), {**fields, "file": upload(issued)}).status_code == 302
    pair = KeyPair.objects.get(name="issued")
    assert pair.fingerprint == issued.fingerprint
    assert bytes(pair.private_key) == identity("VENDOR").pkcs8


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"name": "key-1"}, "has a key pair key-1 already"),
        ({"name": "x", "file": SimpleUploadedFile("x", b"hello")}, "no key or certificate file"),
        ({"name": "x", "kind": "p-256"}, "can encrypt to an RSA key only"),
        (
            {"name": "x", "file": SimpleUploadedFile("x", identity("B").certificate.der)},
            "this is a certificate (DER); a private key with its certificate",
        ),
    ],
)
def test_a_key_pair_that_cannot_follow_is_refused(
    admin_client: Client, row: Connection, fields: dict[str, Any], why: str
) -> None:
    if file := fields.get("file"):
        file.seek(0)
    defaults = {"kind": "rsa-2048", "days": "730", "when": "now"}
    assert why in words(admin_client.post(our_page(row), defaults | fields))
    assert KeyPair.objects.count() == 1


@pytest.mark.parametrize(
    ("form", "content_type"),
    [
        ("pem", "application/x-pem-file"),
        ("der", "application/pkix-cert"),
        ("p7b", "application/x-pkcs7-certificates"),
    ],
)
@pytest.mark.parametrize("kind", ["keypair", "partnercertificate"])
def test_public_certificates_are_downloaded_and_audited(
    admin_client: Client, row: Connection, kind: str, form: str, content_type: str
) -> None:
    pk = (KeyPair.objects if kind == "keypair" else row.certificates).get().pk
    answer = admin_client.get(reverse(f"admin:partners_{kind}_download", args=(pk, form)))
    assert (answer.status_code, answer["Content-Type"]) == (200, content_type)
    assert b"PRIVATE" not in answer.content
    event = AuditEvent.objects.get()
    assert (event.tag, event.actor) == ("certificate:file:downloaded", "admin")


def test_the_pages_open(admin_client: Client, row: Connection) -> None:
    for door in (
        partner_page(row),
        our_page(row),
        reverse("admin:partners_rollover_changelist"),
        reverse("admin:partners_notice_changelist"),
    ):
        assert admin_client.get(door).status_code == 200
    plan(admin_client, row)
    assert "0 of 1" in words(admin_client.get(reverse("admin:partners_rollover_changelist")))


def provider(row: Connection, *codes: str) -> Client:
    """Somebody who sees one connection and may do that much."""
    user = User.objects.create_user("provider", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codes))
    scope = Scope.objects.create(user=user)
    scope.connections.add(row)
    client = Client()
    client.force_login(user)
    return client


PROVIDER = ("view_rollover", "view_partner", "add_partnercertificate", "change_partnercertificate")


def test_a_provider_plans_for_its_connections_only(row: Connection) -> None:
    other = factories.connection(row.organization, row.partner, as2_id="AMAZON-P")
    client = provider(row, *PROVIDER)
    page = words(client.get(partner_page(row)))
    assert "VENDOR → AMAZON-P" not in page
    new = upload(identity("AMAZON-2").certificate)
    client.post(partner_page(row), wanted(row, other, file=new, step="plan"))
    assert not Rollover.objects.exists()
    assert plan(client, row).new_certificate is not None


def test_a_provider_sees_of_ours_only_its_own_part(admin_client: Client, row: Connection) -> None:
    factories.bare_connection(row.organization, factories.partner("Walmart"), as2_id="WALMART-AS2")
    ours = {"name": "next", "kind": "rsa-2048", "days": "730", "when": "now"}
    admin_client.post(our_page(row), ours)
    rollover = Rollover.objects.get()
    client = provider(row, *PROVIDER, "change_keypair", "add_keypair", "view_organization")
    page = words(client.get(page_of(rollover)))
    assert "AMAZON" in page
    assert "WALMART" not in page.upper()
    door = reverse("admin:partners_rollover_act", args=(rollover.pk,))
    assert client.post(door, {"act": "cancel"}).status_code == 403
    assert client.get(our_page(row)).status_code == 403


@pytest.mark.parametrize("name", ["", "explode"])
def test_an_unknown_act_is_not_found(admin_client: Client, row: Connection, name: str) -> None:
    door = reverse("admin:partners_rollover_act", args=(plan(admin_client, row).pk,))
    assert admin_client.post(door, {"act": name}).status_code == 404
    assert admin_client.get(door).status_code == 404


def test_without_a_mail_server_the_letter_can_be_copied(
    admin_client: Client, row: Connection, settings: Settings
) -> None:
    settings.AS2_MAIL = False
    ours = {"name": "next", "kind": "rsa-2048", "days": "730", "when": "now"}
    admin_client.post(our_page(row), ours)
    rollover, pk = Rollover.objects.get(), Confirmation.objects.get().pk
    assert "no mail address here" in act(admin_client, rollover, "mail", confirmation=pk)
    row.partner.email = "edi@amazon.example"
    row.partner.save()
    assert "There is no mail server" in act(admin_client, rollover, "mail", confirmation=pk)
    assert Confirmation.objects.get().told_at is None


def test_the_page_tells_the_whole_way(admin_client: Client, row: Connection) -> None:
    rollover = plan(admin_client, row, when="now", start="")
    Confirmation.objects.update(confirmed_at=timezone.now())
    text = words(admin_client.get(page_of(rollover)))
    assert "and confirmed" in text
    assert "The old one is retired a week after that." in text
    act(admin_client, rollover, "retire")
    text = words(admin_client.get(page_of(rollover)))
    assert "The new certificate is used, the old one is retired." in text


def test_a_partner_was_told(admin_client: Client, row: Connection) -> None:
    admin_client.post(
        our_page(row), {"name": "next", "kind": "rsa-2048", "days": "730", "when": "now"}
    )
    rollover, told = Rollover.objects.get(), Confirmation.objects.get()
    act(admin_client, rollover, "tell", confirmation=told.pk)
    told.refresh_from_db()
    assert (str(told), told.step) == ("VENDOR → AMAZON", "told")


@pytest.mark.parametrize("word", ["tell", "acknowledge"])
def test_what_is_closed_is_acknowledged_no_more(
    admin_client: Client, row: Connection, word: str
) -> None:
    ours = {"name": "next", "kind": "rsa-2048", "days": "730", "when": "now"}
    admin_client.post(our_page(row), ours)
    rollover, part = Rollover.objects.get(), Confirmation.objects.get()
    act(admin_client, rollover, "cancel")
    assert "It is closed already." in act(admin_client, rollover, word, confirmation=part.pk)
    part.refresh_from_db()
    assert part.step == "open"


def test_another_ones_confirmation_is_not_found(admin_client: Client, row: Connection) -> None:
    admin_client.post(
        our_page(row), {"name": "next", "kind": "rsa-2048", "days": "730", "when": "now"}
    )
    door = reverse("admin:partners_rollover_act", args=(Rollover.objects.get().pk,))
    for pk in ("", "x", "0"):
        fields = {"act": "tell", "confirmation": pk}
        assert admin_client.post(door, fields).status_code == 404


def test_what_is_not_there_is_not_found(admin_client: Client, row: Connection) -> None:
    pair = KeyPair.objects.get().pk
    for door, arguments, status in (
        ("keypair_download", (pair, "p12"), 404),
        ("keypair_download", (0, "pem"), 404),
        ("keypair_request_certificate", (0,), 404),
        ("partner_renew_certificate", (0,), 404),
        ("organization_renew_key", (0,), 404),
        ("apikeypair_download", (0,), 404),
        ("rollover_change", (0,), 302),
    ):
        answer = admin_client.get(reverse(f"admin:partners_{door}", args=arguments))
        assert answer.status_code == status, door


def test_a_certificate_of_somebody_else_is_no_successor(
    admin_client: Client, row: Connection
) -> None:
    ours = identity("VENDOR-2")
    file = SimpleUploadedFile("k.pem", ours.key_pem + identity("B").certificate.pem().encode())
    fields = {"name": "x", "kind": "rsa-2048", "days": "1", "when": "now", "file": file}
    assert "do not belong together" in words(admin_client.post(our_page(row), fields))


def test_notices_are_listed(admin_client: Client, row: Connection) -> None:
    make_notices(identity("AMAZON").certificate.not_after - 3 * DAY)
    text = words(admin_client.get(reverse("admin:partners_notice_changelist")))
    assert "urgent" in text
    assert "The certificate of Amazon for VENDOR → AMAZON" in text
