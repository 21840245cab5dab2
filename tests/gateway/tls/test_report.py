"""A report goes through JSON unharmed, and says to the rules no more than it knows."""

import datetime as dt
import json
from dataclasses import replace

import pytest

from as2gateway.compliance.catalogue import built_in
from as2gateway.compliance.facts import EnvironmentFacts, HostMatch, Trust
from as2gateway.compliance.findings import Verdict
from as2gateway.tls.manual import commands, ssl_labs
from as2gateway.tls.report import (
    CertificateReport,
    Handshake,
    Report,
    TrustReport,
    VersionReport,
)
from as2gateway.tls.verdicts import judge

NOW = dt.datetime(2026, 11, 25, 12, tzinfo=dt.UTC)
ECDHE = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
CERTIFICATE = CertificateReport(
    subject="CN=as2.test",
    issuer="CN=Root",
    fingerprint="ab" * 32,
    spki_sha256="cd" * 32,
    names=("as2.test",),
    key_type="rsa",
    key_bits=2048,
    signature_hash="sha256",
    not_before=NOW - dt.timedelta(days=9),
    not_after=NOW + dt.timedelta(days=90),
)
GOOD = Report(
    host="as2.test",
    port=443,
    tested_at=NOW,
    address="192.0.2.1",
    versions=(
        VersionReport("SSLv3", accepted=False),
        VersionReport("TLSv1", accepted=False),
        VersionReport("TLSv1.1", accepted=False, note="alert: protocol version"),
        VersionReport("TLSv1.2", accepted=True, suites=(ECDHE,)),
        VersionReport("TLSv1.3", accepted=True, suites=("TLS_AES_128_GCM_SHA256",)),
    ),
    sending=Handshake("TLSv1.3", "TLS_AES_128_GCM_SHA256"),
    negotiated=Handshake("TLSv1.3", "TLS_AES_128_GCM_SHA256"),
    certificate=CERTIFICATE,
    chain=("CN=as2.test", "CN=Root"),
    trust=(TrustReport(Trust.MOZILLA, trusted=True),),
    host_match=HostMatch.SAN,
    stapled=True,
)
CLIENT = EnvironmentFacts(
    openssl="OpenSSL 3.0.19",
    client_versions=frozenset({"TLSv1.2", "TLSv1.3"}),
    client_suites=frozenset({ECDHE}),
)


def verdict(report: Report, profile: str) -> Verdict:
    profiles = built_in().versions(profile, NOW.date())[:1]
    (found,) = judge(profiles, report, CLIENT, NOW)
    return found.verdict


@pytest.mark.parametrize("report", [GOOD, replace(GOOD, certificate=None, host_match=None)])
def test_a_report_goes_through_json_unharmed(report: Report) -> None:
    assert Report.from_plain(json.loads(json.dumps(report.to_plain()))) == report


def test_the_rules_see_what_was_found() -> None:
    facts = GOOD.facts()
    assert facts.target == "as2.test:443"
    assert facts.versions == frozenset({"TLSv1.2", "TLSv1.3"})
    assert facts.suites == frozenset({ECDHE})
    assert facts.suites13 == frozenset({"TLS_AES_128_GCM_SHA256"})
    assert (facts.trust, facts.host_match) == (Trust.MOZILLA, HostMatch.SAN)
    assert facts.not_after == CERTIFICATE.not_after


@pytest.mark.parametrize(
    "version",
    [
        VersionReport("TLSv1.2", accepted=True, suites=(ECDHE,), complete=False),
        VersionReport("TLSv1.2", accepted=None, complete=False),
    ],
)
def test_suites_that_were_not_all_asked_for_are_not_known(version: VersionReport) -> None:
    report = replace(GOOD, versions=(*GOOD.versions[:3], version, GOOD.versions[4]))
    assert report.facts().suites is None
    assert (report.facts().versions is None) is (version.accepted is None)


@pytest.mark.parametrize(
    ("trust", "expected"),
    [
        ((), None),
        (((Trust.MOZILLA, False),), Trust.NONE),
        (((Trust.MOZILLA, False), (Trust.PINNED, True)), Trust.PINNED),
        (((Trust.MOZILLA, True), (Trust.PINNED, True)), Trust.MOZILLA),
        (((Trust.MOZILLA, True), (Trust.PINNED, False)), Trust.NONE),
    ],
)
def test_the_connection_s_own_way_of_trust_has_the_last_word(
    trust: tuple[tuple[Trust, bool], ...], expected: Trust | None
) -> None:
    report = replace(GOOD, trust=tuple(TrustReport(mode, trusted) for mode, trusted in trust))
    assert report.effective_trust is expected


@pytest.mark.parametrize("profile", ["amazon-pay-tls", "google-otpc-tls", "multisafepay-tls"])
def test_a_good_endpoint_is_passed_by_payment_profiles(profile: str) -> None:
    assert verdict(GOOD, profile) is Verdict.OK


def test_an_old_version_is_an_error_of_its_profiles() -> None:
    old = VersionReport("TLSv1", accepted=True, suites=("TLS_RSA_WITH_RC4_128_SHA",))
    report = replace(GOOD, versions=(GOOD.versions[0], old, *GOOD.versions[2:]))
    assert verdict(report, "google-otpc-tls") is Verdict.ERROR


def test_one_endpoint_is_told_of_once() -> None:
    old = VersionReport("TLSv1", accepted=True)
    report = replace(GOOD, versions=(GOOD.versions[0], old, *GOOD.versions[2:]))
    profiles = built_in().versions("multisafepay-tls", NOW.date())[:1]
    (found,) = judge(profiles, report, CLIENT, NOW)
    (finding,) = [each for each in found.findings if each.rule == "tls.old.off"]
    assert finding.present == ("the partner takes TLSv1",)


def test_a_profile_without_a_rule_about_endpoints_says_nothing() -> None:
    rules = tuple(
        rule
        for rule in built_in().versions("amazon-vendor-as2", NOW.date())[0].rules
        if rule.id == "as2.sign.on"
    )
    profile = replace(built_in().versions("amazon-vendor-as2", NOW.date())[0], rules=rules)
    assert judge([profile], GOOD, CLIENT, NOW) == ()


def test_commands_lower_the_level_where_the_server_has_to_refuse() -> None:
    start = "openssl s_client -connect as2.test:443 -servername as2.test "
    lines = [each.line for each in commands("as2.test", 443, (ECDHE, "TLS_AES_128_GCM_SHA256"))]
    assert [line.removeprefix(start).removesuffix(" </dev/null") for line in lines] == [
        "-verify_return_error -verify_hostname as2.test",
        "-tls1 -cipher 'ALL:@SECLEVEL=0'",
        "-tls1_1 -cipher 'ALL:@SECLEVEL=0'",
        "-tls1_2 -cipher ECDHE-RSA-AES128-GCM-SHA256",
        "-tls1_3 -ciphersuites TLS_AES_128_GCM_SHA256",
    ]
    assert "d=as2.test&" in ssl_labs("as2.test")


def test_an_ipv6_address_stands_in_brackets() -> None:
    assert "-connect [2001:db8::1]:443" in commands("2001:db8::1", 443)[0].line
