"""What the other side runs, written down by an operator, and whether payments go there."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from as2gateway.compliance.findings import Finding
from as2gateway.tls.manual import parse_platform
from as2gateway.tls.report import Handshake, Report, VersionReport
from partners.compliance.evaluating import evaluate
from partners.models import Connection, TLSProbe
from tests import factories

pytestmark = pytest.mark.django_db


def finding(rule: str, **fields: Any) -> Finding:
    row = factories.bare_connection(url="https://as2.pay.test/", profile="amazon-pay-tls", **fields)
    return next(each for each in evaluate(row, timezone.now()) if each.rule == rule)


@pytest.mark.parametrize(
    ("text", "name", "version"),
    [
        (".NET 4.8", ".NET", "4.8"),
        ("dotnet/4.5.2", ".NET", "4.5.2"),
        (".NET Framework 3.5", ".NET", "3.5"),
        ("Java 8", "Java", "8"),
        ("java 1.8.0_351", "Java", "8.0"),
        ("OpenSSL 1.0.2k-fips", "OpenSSL", "1.0.2"),
        ("SAP NetWeaver 7.5", "SAP NetWeaver", "7.5"),
    ],
)
def test_what_people_write_is_read(text: str, name: str, version: str) -> None:
    assert parse_platform(text) == (name, version)


@pytest.mark.parametrize("text", ["Java", "8", "who knows", "<b>Java 8</b>"])
def test_what_has_no_name_and_version_is_refused_at_its_field(text: str) -> None:
    row = factories.bare_connection()
    row.platform = text
    with pytest.raises(ValidationError) as error:
        row.full_clean()
    assert set(error.value.message_dict) == {"platform"}


@pytest.mark.parametrize("text", [".NET 4.5", "Java 7", "java 1.7.0_80"])
def test_a_platform_that_is_too_old_is_found(text: str) -> None:
    found = finding("env.platform", platform=text)
    assert (found.status, found.field) == ("violated", "platform")


@pytest.mark.parametrize(
    ("text", "status"),
    [(".NET 4.6", "ok"), ("Java 17", "ok"), ("", "unknown"), ("Perl 5", "unknown")],
)
def test_another_platform_is_well_or_not_known(text: str, status: str) -> None:
    assert finding("env.platform", platform=text).status == status


def _taking(version: str) -> None:
    """The last test of the endpoint has found that it takes this version."""
    now, nothing = timezone.now(), Handshake(error="not asked for")
    names = ("TLSv1", "TLSv1.1", "TLSv1.2")
    versions = tuple(VersionReport(name, name in {version, "TLSv1.2"}) for name in names)
    report = Report("as2.pay.test", 443, now, "192.0.2.1", versions, nothing, nothing)
    facts = report.to_plain()
    TLSProbe.objects.create(host="as2.pay.test", port=443, started_at=now, facts=facts)


@pytest.mark.parametrize(("payment", "severity"), [(True, "error"), (False, "warning")])
def test_old_versions_at_a_payment_endpoint_are_an_error(payment: bool, severity: str) -> None:
    _taking("TLSv1")
    found = finding("tls.old.off", payment=payment)
    assert (found.status, found.severity) == ("violated", severity)
    assert Connection.objects.get().payment is payment
