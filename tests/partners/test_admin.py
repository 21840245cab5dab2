"""The pages of partners: every one opens, every change is audited, no private key is shown."""

import base64
import re
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection as database
from django.db import models
from django.forms import Form
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from as2gateway.certificates import Certificate
from audit.models import AuditEvent
from partners.admin import facts
from partners.models import Connection, KeyPair, Organization, Partner, PartnerCertificate
from tests import factories
from tests.factories import DAY, identity

pytestmark = pytest.mark.django_db

MODELS: list[type[models.Model]] = [
    Organization,
    Partner,
    Connection,
    PartnerCertificate,
    KeyPair,
]


@pytest.fixture
def connection() -> Connection:
    return factories.connection()


def address(row: models.Model, page: str = "change") -> str:
    return reverse(f"admin:partners_{row._meta.model_name}_{page}", args=(row.pk,))


def texts(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def form_data(client: Client, row: models.Model) -> dict[str, Any]:
    """What a browser would send back if nothing was edited."""
    context = client.get(address(row)).context
    forms: list[Form] = [context["adminform"].form]
    for formset in context["inline_admin_formsets"]:
        forms += [formset.formset.management_form, *formset.formset.forms]
    data: dict[str, Any] = {}
    for form in forms:
        for field in form:
            data.update(_posted(field))
    return data


def _posted(field: Any) -> dict[str, Any]:
    widget, value = field.field.widget, field.value()
    if hasattr(widget, "decompress"):
        parts = zip(widget.widgets_names, widget.decompress(value), strict=True)
        return {f"{field.html_name}{name}": str(part or "") for name, part in parts}
    if value is False or (value is None and getattr(widget, "allow_multiple_selected", False)):
        return {}
    return {field.html_name: "" if value is None else str(value)}


@pytest.mark.parametrize("model", MODELS)
def test_every_list_and_page_opens(
    admin_client: Client, connection: Connection, model: type[models.Model]
) -> None:
    row = model._default_manager.get()
    listed = reverse(f"admin:partners_{model._meta.model_name}_changelist")
    assert admin_client.get(listed).status_code == 200
    assert admin_client.get(address(row)).status_code == 200
    assert admin_client.get(address(row, "history")).status_code == 200


@pytest.mark.parametrize("model", [Organization, Partner, Connection])
def test_what_can_be_added_has_a_form(admin_client: Client, model: type[models.Model]) -> None:
    add = reverse(f"admin:partners_{model._meta.model_name}_add")
    assert admin_client.get(add).status_code == 200


@pytest.mark.parametrize("model", [PartnerCertificate, KeyPair])
def test_keys_and_certificates_are_not_added_or_deleted_by_form(
    admin_client: Client, connection: Connection, model: type[models.Model]
) -> None:
    row = model._default_manager.get()
    assert admin_client.get(address(row, "delete")).status_code == 403
    add = reverse(f"admin:partners_{model._meta.model_name}_add")
    assert admin_client.get(add).status_code == 403


def test_no_page_shows_a_private_key(admin_client: Client, connection: Connection) -> None:
    pkcs8 = identity("VENDOR").pkcs8
    secret = base64.b64encode(pkcs8).decode()
    for model in MODELS:
        row = model._default_manager.get()
        listed = reverse(f"admin:partners_{model._meta.model_name}_changelist")
        page = admin_client.get(address(row)).content + admin_client.get(listed).content
        text = re.sub(r"\s", "", page.decode())
        assert "PRIVATEKEY" not in text
        assert secret[300:340] not in text
        assert pkcs8[300:330].hex() not in text


def test_the_list_of_connections_says_how_they_are(
    admin_client: Client, connection: Connection
) -> None:
    listed = reverse("admin:partners_connection_changelist")
    page = texts(admin_client.get(listed).content.decode())
    left = (identity("AMAZON").certificate.not_after - timezone.now()).days
    for word in ("VENDOR → AMAZON", "test", "active", "sha-256, aes-128-cbc", f"{left} days"):
        assert word in page


def test_a_list_costs_no_query_for_each_row(admin_client: Client, connection: Connection) -> None:
    listed = reverse("admin:partners_connection_changelist")
    with CaptureQueriesContext(database) as one:
        admin_client.get(listed)
    factories.connection(connection.organization, connection.partner, as2_id="AMAZON-2")
    with CaptureQueriesContext(database) as two:
        admin_client.get(listed)
    assert len(one) == len(two)


def test_an_edit_is_audited_with_old_and_new(admin_client: Client, connection: Connection) -> None:
    data = form_data(admin_client, connection) | {"sign": "sha-512", "subject": "Orders"}
    assert admin_client.post(address(connection), data).status_code == 302
    event = AuditEvent.objects.get()
    assert (event.tag, event.actor) == ("connection:settings:changed", "admin")
    assert event.address == "127.0.0.1"
    assert event.data == {
        "sign": {"old": "sha-256", "new": "sha-512"},
        "subject": {"old": "", "new": "Orders"},
    }


def test_a_save_without_an_edit_is_no_event(admin_client: Client, connection: Connection) -> None:
    data = form_data(admin_client, connection)
    assert admin_client.post(address(connection), data).status_code == 302
    assert not AuditEvent.objects.exists()


def test_an_added_partner_is_audited(admin_client: Client) -> None:
    admin_client.post(reverse("admin:partners_partner_add"), {"name": "Walmart"})
    event = AuditEvent.objects.get()
    assert (event.tag, event.text) == ("partner:settings:changed", "partner Walmart created")
    assert event.data == {"name": {"new": "Walmart"}}


def test_retiring_a_key_pair_is_audited(admin_client: Client, connection: Connection) -> None:
    pair = KeyPair.objects.get()
    data = form_data(admin_client, pair) | {"retires_at_0": "2999-01-01", "retires_at_1": "00:00"}
    assert admin_client.post(address(pair), data).status_code == 302
    assert AuditEvent.objects.get().tag == "key:pair:retired"
    assert KeyPair.objects.get().private_key == identity("VENDOR").pkcs8


def test_a_key_pair_cannot_retire_before_it_starts(
    admin_client: Client, connection: Connection
) -> None:
    pair = KeyPair.objects.get()
    data = form_data(admin_client, pair) | {"retires_at_0": "2000-01-01", "retires_at_1": "00:00"}
    page = admin_client.post(address(pair), data).content.decode()
    assert "It has to retire after it has started." in page


def upload(client: Client, connection: Connection, content: bytes, **fields: str) -> Any:
    """Add a certificate below a connection."""
    data = form_data(client, connection)
    number = int(data["certificates-TOTAL_FORMS"])
    data["certificates-TOTAL_FORMS"] = number + 1
    moment = timezone.now()
    new = {
        "file": SimpleUploadedFile("new.cer", content),
        "connection": connection.pk,
        "verifies": "on",
        "encrypts": "on",
        "activates_at_0": f"{moment:%Y-%m-%d}",
        "activates_at_1": f"{moment:%H:%M:%S}",
        **fields,
    }
    data |= {f"certificates-{number}-{name}": value for name, value in new.items()}
    return client.post(address(connection), data)


@pytest.mark.parametrize("form", ["der", "pem"])
def test_a_certificate_is_uploaded(admin_client: Client, connection: Connection, form: str) -> None:
    new = identity("AMAZON-2").certificate
    content = new.der if form == "der" else new.pem().encode()
    assert upload(admin_client, connection, content).status_code == 302
    assert connection.certificates.latest("pk").value == new
    event = AuditEvent.objects.get()
    assert event.tag == "certificate:partner:added"
    assert event.data["fingerprint"] == {"new": new.fingerprint}


def expired() -> Certificate:
    start = timezone.now() - 2 * factories.YEAR
    return factories.certificate("OLD", start=start, lifetime=DAY)


def elliptic() -> Certificate:
    return factories.certificate("EC", key=ec.generate_private_key(ec.SECP256R1()))


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"hello", "new.cer: this is no key or certificate file; a certificate (PEM or DER)"),
        (identity("VENDOR").key_pem, "new.cer: this is a private key (PEM)"),
        (expired().der, "new.cer: the certificate CN=OLD expired on"),
        (elliptic().der, "An ec key cannot be encrypted to; only an RSA key can."),
        (identity("AMAZON").certificate.der, "The connection has this certificate already."),
    ],
    ids=["no certificate", "private key", "expired", "elliptic", "known"],
)
def test_a_wrong_upload_is_refused(
    admin_client: Client, connection: Connection, content: bytes, text: str
) -> None:
    answer = upload(admin_client, connection, content)
    assert answer.status_code == 200
    assert text in texts(answer.content.decode())
    assert connection.certificates.count() == 1


def test_an_upload_without_a_file_is_refused(admin_client: Client, connection: Connection) -> None:
    answer = upload(admin_client, connection, b"", file="")
    assert "Choose the file of the certificate." in answer.content.decode()


def test_the_use_of_a_certificate_is_changed_below_its_connection(
    admin_client: Client, connection: Connection
) -> None:
    data = form_data(admin_client, connection)
    del data["certificates-0-encrypts"]
    assert admin_client.post(address(connection), data).status_code == 302
    event = AuditEvent.objects.get()
    assert event.tag == "certificate:partner:changed"
    assert event.data == {"encrypts": {"old": True, "new": False}}


def test_settings_that_cannot_work_are_warned_of(admin_client: Client) -> None:
    bare = factories.bare_connection()
    data = form_data(admin_client, bare) | {"subject": "Orders"}
    page = admin_client.post(address(bare), data, follow=True).content.decode()
    assert "organization VENDOR has no key pair with the purpose sign" in texts(page)
    assert "the connection has no certificate with the role encrypt" in texts(page)


def test_what_history_depends_on_is_not_deleted(
    admin_client: Client, connection: Connection
) -> None:
    answer = admin_client.post(address(connection.partner, "delete"), {"post": "yes"}, follow=True)
    page = texts(answer.content.decode())
    assert "Amazon cannot be deleted while it has 1 connection." in page
    assert "suspend its connections instead" in page
    assert Partner.objects.exists()


def test_what_nothing_depends_on_is_deleted_and_audited(admin_client: Client) -> None:
    company = factories.partner()
    admin_client.post(address(company, "delete"), {"post": "yes"})
    assert not Partner.objects.exists()
    event = AuditEvent.objects.get()
    assert event.text == "partner Amazon deleted"
    assert event.data["name"] == {"old": "Amazon"}


def test_many_rows_are_not_deleted_at_once(admin_client: Client) -> None:
    factories.partner()
    page = admin_client.get(reverse("admin:partners_partner_changelist")).content.decode()
    assert "delete_selected" not in page


@pytest.mark.parametrize(
    ("days", "shown"),
    [(-3, "bad"), (5, "bad"), (20, "warn"), (200, "good")],
)
def test_an_end_that_is_near_is_coloured(days: int, shown: str) -> None:
    now = timezone.now()
    row = PartnerCertificate(not_after=now + days * DAY)
    assert f"as2-{shown}" in facts.days_left(row, now)


def test_the_use_of_a_certificate_is_told(admin_client: Client, connection: Connection) -> None:
    now = timezone.now()
    factories.partner_certificate(
        connection, identity("AMAZON-2").certificate, activates_at=now + DAY
    )
    factories.partner_certificate(
        connection, identity("AMAZON-3").certificate, retires_at=now - DAY / 2
    )
    listed = reverse("admin:partners_partnercertificate_changelist")
    page = texts(admin_client.get(listed).content.decode())
    for word in ("in use", f"from {now + DAY:%Y-%m-%d}", "retired"):
        assert word in page
