"""Rows become facts, facts become verdicts, and verdicts are kept and told."""

import datetime as dt
from pathlib import Path

import pytest
from django.core.checks import run_checks
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from as2gateway.compliance.findings import Severity, Status, Verdict
from as2gateway.tls.report import Handshake, Report, VersionReport
from audit.models import AuditEvent
from partners import tasks
from partners.compliance.evaluating import evaluate
from partners.compliance.profiles import catalogue
from partners.compliance.verdicts import affected_by, partner_verdict, reevaluate
from partners.models import (
    Acknowledgement,
    APIKeyPair,
    Compliance,
    Connection,
    KeyPair,
    PartnerCertificate,
    TLSProbe,
)
from tests import factories
from tests.factories import DAY
from tests.partners.profiles import VENDOR, WEAK, amazon, judged, sheet

pytestmark = pytest.mark.django_db


def rules(connection: Connection, *statuses: Status) -> dict[str, Severity]:
    found = evaluate(connection, timezone.now())
    return {each.rule: each.severity for each in found if each.status in statuses}


def test_a_connection_that_complies_has_no_finding_but_remarks() -> None:
    wrong = rules(amazon(), Status.VIOLATED, Status.UNKNOWN)
    assert wrong == {"url.scheme": Severity.INFO}


def test_a_connection_without_a_profile_has_no_findings() -> None:
    assert evaluate(factories.connection(), timezone.now()) == ()


@pytest.mark.parametrize(
    ("fields", "rule", "severity"),
    [
        ({"encrypt": "des-ede3-cbc"}, "as2.encrypt.min", "error"),
        ({"encrypt": "none"}, "as2.encrypt.on", "error"),
        ({"sign": "sha-1"}, "as2.sign.min", "error"),
        ({"sign": "sha-1"}, "mdn.micalg.min", "error"),
        ({"sign": "none"}, "as2.sign.on", "error"),
        ({"mdn": "none"}, "mdn.on", "warning"),
        ({"mdn_signed": False}, "mdn.signed", "warning"),
        ({"accept_sha1": True}, "inbound.weak", "warning"),
        ({"accept_3des": True}, "inbound.weak", "warning"),
        ({"require_encryption": False}, "inbound.weak", "warning"),
        ({"content_type": "text/plain"}, "content.type", "warning"),
        ({"provider": "A VAN"}, "provider.access", "warning"),
        ({"environment": "test"}, "env.both", "warning"),
    ],
)
def test_a_setting_that_falls_short_is_found(
    fields: dict[str, object], rule: str, severity: str
) -> None:
    assert rules(amazon(**fields), Status.VIOLATED)[rule] == severity


def test_an_https_endpoint_that_was_not_tested_is_unknown() -> None:
    assert "tls.min" in rules(amazon(url="https://as2.amazon.test/x"), Status.UNKNOWN)


@pytest.mark.parametrize(
    ("accepted", "status"), [("TLSv1.2", Status.OK), ("TLSv1.1", Status.VIOLATED)]
)
def test_what_the_last_test_of_the_endpoint_found_is_judged(accepted: str, status: Status) -> None:
    now = timezone.now()
    versions = tuple(VersionReport(name, name == accepted) for name in ("TLSv1.1", "TLSv1.2"))
    nothing = Handshake(error="not asked for")
    report = Report("as2.amazon.test", 443, now, "192.0.2.1", versions, nothing, nothing)
    TLSProbe.objects.create(
        host=report.host, port=report.port, started_at=now, facts=report.to_plain()
    )
    assert "tls.min" in rules(amazon(url="https://as2.amazon.test/x"), status)


def test_of_a_certificate_that_is_odd_the_rest_is_not_known() -> None:
    good = factories.identity("AMAZON").certificate.der
    # version 3 becomes version 16, which cryptography does not read
    odd = good.replace(bytes.fromhex("a003020102"), bytes.fromhex("a00302010f"), 1)
    connection = amazon(profile="as2-modern")
    pair = connection.organization.keys.get()
    pair.certificate = odd
    pair.save()
    assert odd != good
    assert "cert.san" in rules(connection, Status.UNKNOWN)


def api_key(connection: Connection, **fields: object) -> APIKeyPair:
    values = {
        "name": "checkout",
        "owner": "shop",
        "purpose": "checkout",
        "environment": "production",
        "external_key_id": "LIVE-1",
        "bits": 2048,
        "fingerprint": "a" * 64,
        "public_key": b"",
        "private_key": b"",
    }
    return APIKeyPair.objects.create(partner=connection.partner, **{**values, **fields})


@pytest.mark.parametrize(
    ("fields", "rule", "status"),
    [
        ({}, "key.env", Status.OK),
        ({"external_key_id": "SANDBOX-1"}, "key.env", Status.VIOLATED),
        ({"external_key_id": ""}, "key.id", Status.VIOLATED),
        ({"owner": ""}, "key.name", Status.VIOLATED),
        ({"bits": 4096}, "key.bits", Status.VIOLATED),
        ({"environment": "test"}, "key.id", Status.UNKNOWN),
        ({"state": "retired"}, "key.id", Status.UNKNOWN),
    ],
)
def test_keys_of_the_partner_are_judged(
    fields: dict[str, object], rule: str, status: Status
) -> None:
    connection = amazon(profile="amazon-pay-tls")
    row = api_key(connection, **fields)
    assert rule in rules(connection, status)
    assert connection in affected_by([row])


def test_keys_of_two_regions_may_have_one_name() -> None:
    connection = amazon(profile="amazon-pay-tls")
    for region in ("US", "EU"):
        api_key(connection, region=region, fingerprint=region * 32)
    assert "key.name" in rules(connection, Status.OK)


def test_certificates_are_judged_as_they_are_used() -> None:
    connection = amazon()
    row = connection.certificates.get()
    PartnerCertificate.objects.filter(pk=row.pk).update(
        signature_hash="sha1", not_after=timezone.now() - DAY, encrypts=False
    )
    KeyPair.objects.update(signature_hash="sha1", key_bits=1024)
    found = rules(connection, Status.VIOLATED)
    assert {"cert.partner.sighash", "cert.valid", "cert.partner.present"} <= set(found)
    assert found["cert.own.sighash"] == "warning"
    assert found["cert.key.min"] == "error"


def test_the_partner_needs_a_mail_address_for_notices() -> None:
    connection = amazon()
    connection.partner.email = ""
    assert "notice.contact" in rules(connection, Status.VIOLATED)


def test_another_connection_that_fails_is_told_here() -> None:
    connection = amazon()
    Connection.objects.filter(environment="test").update(sign="sha-1")
    found = {each.rule: each for each in evaluate(connection, timezone.now())}
    assert found["env.both"].present == ("test fails",)


def test_a_verdict_is_kept_with_its_findings() -> None:
    kept = judged(amazon(**WEAK))
    assert (kept.verdict, kept.profile) == ("error", f"{VENDOR} 2019-10-15")
    finding = next(each for each in kept.findings if each["rule"] == "as2.encrypt.min")
    assert (finding["status"], finding["present"]) == ("violated", ["des-ede3-cbc"])
    assert str(kept.deadline) == "2019-10-15"
    assert str(kept) == f"{VENDOR} 2019-10-15: error"


def test_what_complies_has_no_deadline() -> None:
    kept = judged(amazon())
    assert (kept.verdict, kept.deadline) == ("ok", None)


def test_a_verdict_that_changes_is_an_event() -> None:
    connection = amazon(**WEAK)
    judged(connection)
    event = AuditEvent.objects.get(subject_pk=str(connection.pk))
    assert (event.tag, event.data["new"]) == ("connection:verdict:changed", "error")
    assert "as2.encrypt.min" in event.text
    assert reevaluate(Connection.objects.all(), timezone.now()) == 0


def test_a_connection_that_loses_its_profile_loses_its_verdict() -> None:
    connection = amazon()
    judged(connection)
    Connection.objects.update(profile="")
    assert reevaluate(Connection.objects.all(), timezone.now()) == 2
    assert not Compliance.objects.exists()


def test_the_daily_task_judges_what_time_has_changed() -> None:
    connection = amazon()
    judged(connection)
    PartnerCertificate.objects.update(not_after=timezone.now() - DAY)
    tasks.reevaluate()
    assert Compliance.objects.get(connection=connection).verdict == "error"


def test_judging_costs_a_fixed_number_of_queries_a_connection(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    connection = amazon()
    for number in range(5):
        factories.connection(
            connection.organization, connection.partner, as2_id=f"A-{number}", profile=VENDOR
        )
    judged(connection)
    with django_assert_max_num_queries(60):
        reevaluate(Connection.objects.all(), timezone.now())


def test_an_unknown_profile_is_never_passed() -> None:
    connection = amazon(profile="gone")
    assert judged(connection).verdict == "unknown"


@pytest.mark.usefixtures("sheets")
class TestSheets:
    def test_a_sheet_of_the_installation_is_a_profile(self, sheets: Path) -> None:
        (sheets / "acme.toml").write_text(sheet(minimum="sha-512"))
        assert "acme" in catalogue().names
        assert judged(amazon(profile="acme")).verdict == "error"

    def test_a_version_to_come_warns_with_its_date(self, sheets: Path) -> None:
        soon = timezone.now().date() + dt.timedelta(days=40)
        (sheets / "1.toml").write_text(sheet())
        (sheets / "2.toml").write_text(sheet(version="2", date=f"{soon}", minimum="sha-512"))
        kept = judged(amazon(profile="acme"))
        assert (kept.verdict, kept.profile, kept.deadline) == ("warning", "acme 1", soon)

    def test_a_broken_sheet_stops_the_start(self, sheets: Path) -> None:
        (sheets / "acme.toml").write_text(sheet(minimum="sha-512").replace("as2.sign", "as2.sing"))
        problems = [each for each in run_checks() if each.id == "partners.E002"]
        assert "acme.toml: there is no rule as2.sing.min" in problems[0].msg

    def test_without_sheets_all_is_well(self, sheets: Path) -> None:
        assert [each for each in run_checks() if each.id == "partners.E002"] == []


def acknowledge(connection: Connection, rule: str, until: dt.date) -> None:
    Acknowledgement.objects.create(
        connection=connection, rule=rule, until=until, reason="agreed", created_by="ann"
    )


@pytest.mark.parametrize(("days", "verdict"), [(0, "ok"), (-1, "warning")])
def test_an_acknowledged_warning_does_not_count_until_its_day(days: int, verdict: str) -> None:
    connection = amazon(mdn_signed=False)
    acknowledge(connection, "mdn.signed", timezone.now().date() + days * DAY)
    kept = judged(connection)
    assert kept.verdict == verdict
    finding = next(each for each in kept.findings if each["rule"] == "mdn.signed")
    assert finding["acknowledged"] == (verdict == "ok")


def test_an_error_is_not_acknowledged() -> None:
    connection = amazon(**WEAK)
    acknowledge(connection, "as2.encrypt.min", timezone.now().date() + DAY)
    assert judged(connection).verdict == "error"


@pytest.mark.parametrize(
    ("production", "test", "verdict", "half_done"),
    [
        ("sha-256", "sha-256", Verdict.OK, False),
        ("sha-1", "sha-256", Verdict.ERROR, True),
        ("sha-256", "sha-1", Verdict.ERROR, True),
        ("sha-1", "sha-1", Verdict.ERROR, False),
    ],
)
def test_a_partner_is_as_good_as_its_worst_connection(
    production: str, test: str, verdict: Verdict, half_done: bool
) -> None:
    connection = amazon(sign=production)
    Connection.objects.filter(environment="test").update(sign=test)
    judged(connection)
    total = partner_verdict(Connection.objects.select_related("compliance"))
    assert total is not None
    assert (total.verdict, total.half_done) == (verdict, half_done)


def test_a_partner_without_profiles_has_no_verdict() -> None:
    factories.connection()
    assert partner_verdict(Connection.objects.all()) is None


def test_a_change_concerns_all_connections_of_the_partner() -> None:
    connection = amazon()
    other = factories.connection(
        factories.organization("OTHER"), factories.partner("Walmart"), as2_id="WALMART"
    )
    acknowledge(connection, "mdn.on", timezone.now().date())
    ours = set(Connection.objects.filter(partner=connection.partner))
    for row in (
        connection,
        connection.partner,
        connection.organization,
        connection.organization.keys.get(),
        connection.certificates.get(),
        connection.acknowledgements.get(),
    ):
        assert set(affected_by([row])) == ours
    assert set(affected_by([other.organization])) == {other}
