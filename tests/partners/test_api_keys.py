"""API key pairs: from their making to their end, on pages that never show the private one."""

import re
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    load_der_private_key,
)
from django.contrib.auth.models import Group, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db import IntegrityError
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from audit.models import AuditEvent
from partners import api_keys, importing
from partners.exporting import public_key_pem
from partners.importing import KeyFileError
from partners.models import APIKeyPair, APIKeyState, Partner
from partners.parsed import PrivateKey
from partners.rollover.recording import By
from tests import factories
from tests.factories import DAY, identity

pytestmark = pytest.mark.django_db

ADD = "admin:partners_apikeypair_add"
LIST = "admin:partners_apikeypair_changelist"
OURS = identity("VENDOR")


@pytest.fixture
def company() -> Partner:
    return factories.partner("Amazon Pay")


def saved(company: Partner, key: PrivateKey = OURS.private_key, **fields: Any) -> APIKeyPair:
    columns = {"name": "checkout", "owner": "Shop team", "purpose": "payments"}
    row = APIKeyPair(partner=company, **{**columns, **fields})
    api_keys.fill(row, key)
    row.save()
    return row


def entered(company: Partner, **fields: Any) -> dict[str, Any]:
    columns = {"name": "checkout", "owner": "Shop team", "purpose": "payments", "region": "EU"}
    return {"partner": company.pk, "environment": "production", **columns, **fields}


def step(row: APIKeyPair, state: APIKeyState) -> bool:
    return api_keys.advance(row, state, timezone.now(), By())


def test_a_key_is_made(admin_client: Client, company: Partner) -> None:
    answer = admin_client.post(reverse(ADD), entered(company))
    assert answer.status_code == 302
    row = APIKeyPair.objects.get()
    assert (row.state, row.bits, row.region) == (APIKeyState.GENERATED, 2048, "EU")
    key = load_der_private_key(bytes(row.private_key), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    assert api_keys.public_pem(row).encode() == public_key_pem(key.public_key())
    assert AuditEvent.objects.get().tag == "key:api:added"


def test_a_key_is_brought(admin_client: Client, company: Partner) -> None:
    pem = factories.encrypted_pem(OURS, BestAvailableEncryption(b"open sesame"))
    file = SimpleUploadedFile("privateKey.pem", pem)
    admin_client.post(reverse(ADD), entered(company, file=file, password="open sesame"))
    assert bytes(APIKeyPair.objects.get().private_key) == OURS.pkcs8


def test_the_same_key_is_not_brought_twice(admin_client: Client, company: Partner) -> None:
    saved(company)
    file = SimpleUploadedFile("privateKey.pem", OURS.key_pem)
    answer = admin_client.post(reverse(ADD), entered(company, name="again", file=file))
    assert "This key is here already." in answer.content.decode()


@pytest.mark.parametrize(
    ("key", "why"),
    [
        (ec.generate_private_key(ec.SECP256R1()), "an EC key; an RSA key was wanted"),
        (factories.rsa_key("WEAK", 1024), "has 1024 bits; at least 2048"),
        (rsa.generate_private_key(3, 2048), "an unusual exponent"),
    ],
)
def test_a_key_that_services_do_not_take_is_refused(key: PrivateKey, why: str) -> None:
    with pytest.raises(KeyFileError, match=why):
        api_keys.fill(APIKeyPair(), key)


def test_a_wrong_file_is_named(admin_client: Client, company: Partner) -> None:
    file = SimpleUploadedFile("x.pub", b"ssh-rsa AAAAB3Nza me@here")
    answer = admin_client.post(reverse(ADD), entered(company, file=file))
    assert "a public key in OpenSSH&#x27;s own format" in answer.content.decode()
    assert not APIKeyPair.objects.exists()


def test_pages_show_the_public_key_and_never_the_private_one(
    admin_client: Client, company: Partner
) -> None:
    row = saved(company)
    page = reverse("admin:partners_apikeypair_change", args=(row.pk,))
    text = (
        admin_client.get(page).content.decode() + admin_client.get(reverse(LIST)).content.decode()
    )
    assert "-----BEGIN PUBLIC KEY-----" in text
    assert "PRIVATE KEY-----" not in text
    answer = admin_client.get(reverse("admin:partners_apikeypair_download", args=(row.pk,)))
    assert importing.read_public_key(answer.content) == OURS.private_key.public_key()
    assert AuditEvent.objects.get().tag == "certificate:file:downloaded"


def test_a_key_goes_its_way_by_the_pages(admin_client: Client, company: Partner) -> None:
    row = saved(company)

    def choose(action: str) -> str:
        admin_client.post(reverse(LIST), {"action": action, "_selected_action": [row.pk]})
        row.refresh_from_db()
        return row.state

    assert choose("mark_active") == APIKeyState.GENERATED
    assert choose("mark_sent") == APIKeyState.SENT
    page = reverse("admin:partners_apikeypair_change", args=(row.pk,))
    columns = {"name": "checkout", "owner": "Shop team", "purpose": "payments"}
    admin_client.post(page, {**columns, "external_key_id": "LIVE-A1B2"})
    row.refresh_from_db()
    assert (row.state, row.external_key_id) == (APIKeyState.RECORDED, "LIVE-A1B2")
    assert choose("mark_active") == APIKeyState.ACTIVE
    assert row.rotate_at is not None
    assert row.activated_at is not None
    assert row.rotate_at - row.activated_at == 90 * DAY
    assert choose("mark_retired") == APIKeyState.RETIRED
    assert row.rotate_at is None


def test_a_step_is_not_taken_twice(company: Partner) -> None:
    row = saved(company)
    assert [step(row, APIKeyState.SENT), step(row, APIKeyState.SENT)] == [True, False]
    assert AuditEvent.objects.get().data == {"state": {"old": "generated", "new": "sent"}}


def test_without_the_partners_id_a_key_is_not_active(company: Partner) -> None:
    row = saved(company)
    assert not step(row, APIKeyState.RECORDED)


def test_what_is_retired_does_not_come_back(company: Partner) -> None:
    row = saved(company, external_key_id="LIVE-1")
    assert step(row, APIKeyState.RETIRED)
    assert not any(step(row, state) for state in APIKeyState if state in api_keys.STEPS)


def test_names_are_told_apart_by_region_and_environment(company: Partner) -> None:
    saved(company, region="EU")
    saved(company, factories.rsa_key("AMAZON"), region="US")
    with pytest.raises(IntegrityError):
        saved(company, factories.rsa_key("CA"), region="EU")


def page_of(row: APIKeyPair) -> str:
    return reverse("admin:partners_apikeypair_change", args=(row.pk,))


def act(client: Client, row: APIKeyPair, word: str) -> int:
    """Press a button of the page; the status of the answer."""
    status = client.post(reverse("admin:partners_apikeypair_act", args=(row.pk,)), {"act": word})
    row.refresh_from_db()
    return status.status_code


def next_step(client: Client, row: APIKeyPair) -> str:
    """The step that the page marks as next; "" if there is none."""
    page = client.get(page_of(row)).content.decode()
    found = re.search(r'aria-current="step">\s*<h3>(.*?)<', page)
    return found[1].strip() if found else ""


def test_the_page_leads_from_the_key_to_the_id(admin_client: Client, company: Partner) -> None:
    row = saved(company)
    seen = [next_step(admin_client, row)]
    act(admin_client, row, "sent")
    seen.append(next_step(admin_client, row))
    columns = {"name": "checkout", "owner": "Shop team", "purpose": "payments"}
    admin_client.post(page_of(row), {**columns, "external_key_id": "LIVE-A1B2"})
    seen.append(next_step(admin_client, row))
    for word in ("active", "retired"):
        act(admin_client, row, word)
        seen.append(next_step(admin_client, row))
    assert seen == [
        "Give the public key to the partner",
        "Paste the id that it got",
        "Let your program use key and id",
        "Change it after 90 days",
        "",
    ]
    moments = (row.sent_at, row.recorded_at, row.activated_at, row.retired_at)
    assert None not in moments


def test_a_step_that_does_not_follow_is_not_taken(admin_client: Client, company: Partner) -> None:
    row = saved(company)
    assert (act(admin_client, row, "active"), row.state) == (302, "generated")
    assert act(admin_client, row, "generated") == 404
    address = reverse("admin:partners_apikeypair_act", args=(row.pk,))
    assert admin_client.get(address).status_code == 404


def test_the_partners_guide_is_named(admin_client: Client, company: Partner) -> None:
    factories.bare_connection(company=company, profile="amazon-pay-tls")
    page = admin_client.get(page_of(saved(company))).content.decode()
    assert "Manually generating key pairs" in page
    assert 'href="https://developer.amazon.com/docs/amazon-pay-api-v2/' in page


def test_who_may_only_look_takes_no_step(client: Client, company: Partner) -> None:
    user = User.objects.create_user("eve", is_staff=True)
    user.groups.add(Group.objects.get(name="auditor"))
    client.force_login(user)
    row = saved(company)
    assert act(client, row, "sent") == 403
    page = client.get(page_of(row)).content.decode()
    assert "From key to id, step by step" in page
    assert "It is there" not in page


def active(company: Partner) -> APIKeyPair:
    return saved(company, external_key_id="LIVE-A1B2", state=APIKeyState.ACTIVE)


def test_a_use_is_noted_by_a_button(admin_client: Client, company: Partner) -> None:
    row = active(company)
    assert "never noted" in admin_client.get(page_of(row)).content.decode()
    act(admin_client, row, "used")
    assert row.last_used_by == "admin"
    assert f"it was last used on {row.last_used_at:%Y-%m-%d %H:%M} UTC" in (
        admin_client.get(page_of(row)).content.decode()
    )


@pytest.mark.parametrize("called", ["LIVE-A1B2", "checkout", "fingerprint"])
def test_a_program_notes_a_use_by_a_command(company: Partner, called: str) -> None:
    row = active(company)
    words = row.fingerprint[:16].upper() if called == "fingerprint" else called
    call_command("note_key_use", words, "--at", "2026-01-02T03:04:05Z", "--by", "shop")
    row.refresh_from_db()
    assert row.last_used_at is not None
    assert (row.last_used_at.isoformat(), row.last_used_by) == ("2026-01-02T03:04:05+00:00", "shop")


def test_an_earlier_use_changes_nothing(company: Partner, capsys: Any) -> None:
    row = active(company)
    for at in ("2026-01-02T03:04:05Z", "2026-01-01T00:00:00Z"):
        call_command("note_key_use", "LIVE-A1B2", "--at", at)
    row.refresh_from_db()
    assert row.last_used_at is not None
    assert row.last_used_at.day == 2
    assert "a later use is known already" in capsys.readouterr().out


def test_many_uses_of_a_day_are_one_event(company: Partner) -> None:
    row, moment = active(company), timezone.now().replace(hour=1)
    for minute in (1, 2, 3):
        api_keys.note_use(row, moment.replace(minute=minute), "shop", By())
    api_keys.note_use(row, moment + DAY, "shop", By())
    assert AuditEvent.objects.filter(tag="key:api:used").count() == 2


def test_a_retired_key_that_is_used_is_pointed_out(company: Partner, capsys: Any) -> None:
    saved(company, external_key_id="LIVE-A1B2", state=APIKeyState.RETIRED)
    call_command("note_key_use", "LIVE-A1B2")
    assert "is retired, and still used" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["nobody"], "There is no API key nobody."),
        (["LIVE-A1B2", "--at", "2026-01-02T03:04:05"], "with its zone"),
        (["LIVE-A1B2", "--at", "2999-01-02T03:04:05Z"], "a time of the past"),
        (["LIVE-A1B2", "--at", "now"], "a time of the past"),
    ],
)
def test_what_cannot_be_noted_is_refused(company: Partner, arguments: list[str], why: str) -> None:
    active(company)
    with pytest.raises(CommandError, match=why):
        call_command("note_key_use", *arguments)


def test_a_name_that_several_keys_have_is_not_guessed(company: Partner) -> None:
    saved(company, region="EU")
    saved(company, factories.rsa_key("AMAZON"), region="US")
    with pytest.raises(CommandError, match="Several keys are called checkout"):
        call_command("note_key_use", "checkout")
