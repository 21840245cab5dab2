"""API key pairs: from their making to their end, on pages that never show the private one."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    load_der_private_key,
)
from django.core.files.uploadedfile import SimpleUploadedFile
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
