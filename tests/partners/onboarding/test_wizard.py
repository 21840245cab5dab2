"""The wizard: partner and connections at once, checked as the connection's own form checks."""

import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from audit.models import AuditEvent
from partners.models import Connection, Organization, Partner, PartnerCertificate
from tests import factories
from tests.factories import identity

pytestmark = pytest.mark.django_db

WIZARD = reverse("admin:partners_connection_wizard")


@pytest.fixture
def vendor() -> Organization:
    row = factories.organization()
    factories.key_pair(row)
    return row


def filled(client: Client, preset: str, **fields: Any) -> dict[str, Any]:
    """What a browser sends after the form was filled in as a partner's sheet says."""
    form = client.get(WIZARD, {"preset": preset}).context["form"]
    data = {
        bound.html_name: bound.value()
        for bound in form
        if bound.value() not in (None, False) and bound.name.partition("-")[2] != "files"
    }
    for environment, name in (("test", "AMAZON-T"), ("production", "AMAZON-P")):
        data |= {
            f"{environment}-as2_id": name,
            f"{environment}-url": f"https://as2.amazon.example/{name}",
            f"{environment}-files": [certificate()],
        }
    return {"name": "Amazon", "step": "make", **data, **fields}


def certificate(name: str = "AMAZON") -> SimpleUploadedFile:
    return SimpleUploadedFile(f"{name}.cer", identity(name).certificate.der)


def texts(answer: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def post(client: Client, data: dict[str, Any], preset: str = "amazon-vendor") -> Any:
    return client.post(f"{WIZARD}?preset={preset}", data)


@pytest.mark.parametrize("door", ["wizard", "onboard"])
def test_presets_are_offered_first(admin_client: Client, door: str) -> None:
    page = texts(admin_client.get(reverse(f"admin:partners_connection_{door}")))
    for word in ("Amazon Vendor Central", "Walmart", "mendelson", "Something else"):
        assert word in page


def test_a_preset_s_values_and_sources_are_shown(
    admin_client: Client, vendor: Organization
) -> None:
    answer = admin_client.get(WIZARD, {"preset": "amazon-vendor"})
    form = answer.context["form"]
    assert form["profile"].value() == "amazon-vendor-as2"
    assert "edihere.com" in answer.content.decode()


def test_both_connections_are_made_at_once(admin_client: Client, vendor: Organization) -> None:
    answer = post(admin_client, filled(admin_client, "amazon-vendor"))
    assert answer.status_code == 302, texts(answer)
    rows = {row.environment: row for row in Connection.objects.all()}
    assert {row.as2_id for row in rows.values()} == {"AMAZON-T", "AMAZON-P"}
    assert {row.partner.name for row in rows.values()} == {"Amazon"}
    assert {row.profile for row in rows.values()} == {"amazon-vendor-as2"}
    assert PartnerCertificate.objects.count() == 2
    created = AuditEvent.objects.filter(text__contains="created", actor="admin")
    assert created.count() == 5  # a partner, two connections, two certificates


def test_looking_over_makes_nothing(admin_client: Client, vendor: Organization) -> None:
    answer = post(admin_client, filled(admin_client, "amazon-vendor", step="look"))
    page = texts(answer)
    assert "VENDOR → AMAZON-T (test)" in page
    assert identity("AMAZON").certificate.fingerprint in page
    assert not Connection.objects.exists()
    assert not Partner.objects.exists()
    assert not AuditEvent.objects.exists()


def test_uploaded_certificates_are_not_asked_for_again(
    admin_client: Client, vendor: Organization
) -> None:
    answer = post(admin_client, filled(admin_client, "amazon-vendor", step="look"))
    again = filled(admin_client, "amazon-vendor")
    for environment in ("test", "production"):
        del again[f"{environment}-files"]
        again[f"{environment}-pem"] = answer.context["form"][f"{environment}-pem"].value()
    assert post(admin_client, again).status_code == 302
    assert PartnerCertificate.objects.count() == 2


def test_one_environment_alone_is_enough(admin_client: Client, vendor: Organization) -> None:
    data = filled(admin_client, "as2-modern")
    del data["production-wanted"]
    data |= {"production-as2_id": "", "production-url": ""}
    assert post(admin_client, data).status_code == 302
    assert Connection.objects.get().environment == "test"


def test_a_connection_is_added_to_a_partner_that_is_there(
    admin_client: Client, vendor: Organization
) -> None:
    partner = factories.partner("Amazon")
    data = filled(admin_client, "amazon-vendor", partner=partner.pk, name="")
    assert post(admin_client, data).status_code == 302
    assert partner.connections.count() == 2


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"name": "Walmart"}, "There is a partner of this name: choose it above."),
        ({"name": ""}, "Choose a partner, or give the name of a new one."),
        ({"test-url": "ftp://x"}, "Enter a valid URL."),
        ({"test-as2_id": ""}, "This is needed."),
        ({"test-as2_id": "VENDOR"}, "must differ from our own"),
        ({"production-as2_id": "AMAZON-T"}, "already exists"),
        ({"sign": "sha-1"}, "sha-256"),
        ({"test-files": []}, "cert.partner.present"),
        ({"test-pem": "nonsense"}, "no key or certificate file"),
        ({"test-organization": ""}, "This is needed."),
    ],
)
def test_what_cannot_work_is_marked_and_nothing_is_made(
    admin_client: Client, vendor: Organization, fields: dict[str, Any], text: str
) -> None:
    factories.partner("Walmart")
    answer = post(admin_client, filled(admin_client, "amazon-vendor", **fields))
    assert answer.status_code == 200
    assert text in texts(answer)
    assert not Connection.objects.exists()
    assert Partner.objects.count() == 1


def test_nothing_wanted_is_nothing_made(admin_client: Client, vendor: Organization) -> None:
    data = filled(admin_client, "amazon-vendor")
    del data["test-wanted"], data["production-wanted"]
    assert "Nothing is to be made" in texts(post(admin_client, data))


def test_a_missing_key_of_ours_is_told(admin_client: Client) -> None:
    factories.organization()
    data = filled(admin_client, "as2-modern")
    answer = admin_client.post(f"{WIZARD}?preset=as2-modern", data, follow=True)
    assert "organization VENDOR has no key pair with the purpose sign" in texts(answer)


def test_only_certificates_may_be_several(admin_client: Client) -> None:
    page = admin_client.get(WIZARD, {"preset": "sap"}).content.decode()
    several = re.findall(r"<(?:input|select)[^>]* multiple[^>]*>", page)
    assert [re.findall(r'name="([^"]+)"', each) for each in several] == [
        ["test-files"],
        ["production-files"],
    ]
