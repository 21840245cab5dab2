"""Single certificates: what breaks a connection or its profile is refused at the field."""

import datetime as dt
import tempfile
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from as2gateway.certificates import Certificate
from partners.models import Connection, KeyPair
from tests import factories, openssl
from tests.partners.profiles import amazon
from tests.partners.test_admin import address, form_data, upload

pytestmark = pytest.mark.django_db
DAY = dt.timedelta(days=1)


def sha1(name: str) -> Certificate:
    """A certificate that openssl signs with SHA-1."""
    with tempfile.NamedTemporaryFile(suffix=".pem") as key:
        key.write(factories.identity(name).key_pem)
        key.flush()
        asked = ("-new", "-x509", "-sha1", "-days", "300", "-subj", f"/CN={name}")
        return Certificate.from_pem(openssl.openssl("req", *asked, "-key", key.name))


def errors_of(answer: Any) -> dict[str, str]:
    """What refused the page of one certificate, by field."""
    found = answer.context["adminform"].form.errors
    return {name: " ".join(texts) for name, texts in found.items()}


def uploaded(answer: Any) -> dict[str, str]:
    """What refused the certificate that was uploaded last, by field."""
    formset = answer.context["inline_admin_formsets"][0].formset
    return {name: " ".join(texts) for name, texts in formset.errors[-1].items()}


def retire(client: Client, row: Any, moment: dt.datetime) -> Any:
    date = {"retires_at_0": f"{moment:%Y-%m-%d}", "retires_at_1": f"{moment:%H:%M:%S}"}
    return client.post(address(row), form_data(client, row) | date)


@pytest.mark.parametrize(
    ("certificate", "rule"),
    [
        (lambda: sha1("sha1"), "cert.partner.sighash: CN=sha1: sha1"),
        (
            lambda: factories.certificate("weak", key=factories.rsa_key("weak", 1024)),
            "the key of CN=weak has 1024 bits",
        ),
    ],
    ids=["SHA-1", "a weak key"],
)
def test_a_certificate_that_the_profile_refuses_is_refused_at_its_file(
    admin_client: Client, certificate: Any, rule: str
) -> None:
    connection = amazon()
    answer = upload(admin_client, connection, certificate().der)
    assert rule in uploaded(answer)["file"]
    assert connection.certificates.count() == 1


def test_an_expired_certificate_is_refused_at_its_file(admin_client: Client) -> None:
    old = factories.certificate("old", start=timezone.now() - 9 * DAY, lifetime=3 * DAY)
    answer = upload(admin_client, amazon(), old.der)
    assert "expired on" in uploaded(answer)["file"]


def test_a_use_that_is_missing_is_told_at_its_switch(admin_client: Client) -> None:
    connection = amazon()
    data = form_data(admin_client, connection)
    del data["certificates-0-encrypts"]
    found = uploaded(admin_client.post(address(connection), data))
    assert set(found) == {"encrypts"}
    assert "none to encrypt" in found["encrypts"]


def test_the_page_of_a_certificate_refuses_it_too(admin_client: Client) -> None:
    connection = amazon()
    row = connection.certificates.get()
    data = form_data(admin_client, row)
    del data["verifies"]
    found = errors_of(admin_client.post(address(row), data))
    assert set(found) == {"verifies"}
    assert "cert.partner.present: none to verify" in found["verifies"]
    row.refresh_from_db()
    assert row.verifies


def test_the_last_certificate_of_a_partner_is_not_retired(admin_client: Client) -> None:
    connection = factories.connection()
    row = connection.certificates.get()
    found = errors_of(retire(admin_client, row, timezone.now() + 5 * DAY))
    assert "VENDOR → AMAZON could not go on" in found["retires_at"]
    factories.partner_certificate(connection, factories.certificate("next"))
    assert retire(admin_client, row, timezone.now() + 5 * DAY).status_code == 302


def test_the_last_key_of_ours_is_not_retired_and_who_needs_it_is_named(
    admin_client: Client,
) -> None:
    connection = factories.connection(environment="production")
    owner = connection.organization
    factories.bare_connection(owner, factories.partner("Walmart"), as2_id="WALMART")
    unsigned = {"sign": "none", "encrypt": "none", "require_encryption": False}
    factories.bare_connection(owner, factories.partner("Old"), as2_id="OLD", **unsigned)
    pair = KeyPair.objects.get()
    found = errors_of(retire(admin_client, pair, timezone.now() + 5 * DAY))["retires_at"]
    for name in ("VENDOR → AMAZON (production)", "VENDOR → WALMART (test)"):
        assert f"{name} could not go on: organization VENDOR has no key pair" in found
    assert "OLD" not in found
    pair.refresh_from_db()
    assert pair.retires_at is None


def test_with_a_successor_a_key_of_ours_is_retired(admin_client: Client) -> None:
    pair = factories.connection().organization.keys.get()
    factories.key_pair(pair.organization, factories.identity("next"))
    assert retire(admin_client, pair, timezone.now() + 5 * DAY).status_code == 302


@pytest.mark.parametrize(("use", "purpose"), [("signs", "sign"), ("decrypts", "decrypt")])
def test_the_last_key_for_a_use_keeps_it(admin_client: Client, use: str, purpose: str) -> None:
    connection = factories.connection()
    pair = connection.organization.keys.get()
    data = form_data(admin_client, pair)
    del data[use]
    found = errors_of(admin_client.post(address(pair), data))
    assert f"no key pair with the purpose {purpose}" in found[use]


def test_what_was_wrong_before_can_be_edited(admin_client: Client) -> None:
    connection: Connection = amazon()
    row = connection.certificates.get()
    row.read_facts(sha1("sha1"))
    row.save()
    data = form_data(admin_client, row) | {"tls": "on"}
    assert admin_client.post(address(row), data).status_code == 302


def test_another_name_of_a_key_is_no_matter(admin_client: Client) -> None:
    connection = factories.connection()
    pair = connection.organization.keys.get()
    KeyPair.objects.update(signs=False)
    data = form_data(admin_client, pair) | {"name": "another"}
    assert admin_client.post(address(pair), data).status_code == 302
