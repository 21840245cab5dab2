"""The host is judged by what it runs."""

import datetime as dt
from contextlib import nullcontext
from dataclasses import replace
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from as2gateway.compliance.findings import Severity
from partners.management.commands import check_environment
from partners.tls.environment import (
    Host,
    Point,
    environment_facts,
    examine,
    openssl_version,
    this_host,
)

TODAY = dt.date(2026, 11, 25)
GOOD = Host(
    openssl="OpenSSL 3.0.19 27 Jan 2026",
    security_level=2,
    os_id="debian",
    os_version="12",
    os_name="Debian GNU/Linux 12 (bookworm)",
    python=(3, 11, 7),
    ca_bundle="2026.10.19.post1",
)


def point(name: str, host: Host, today: dt.date = TODAY) -> Point:
    return next(each for each in examine(host, today) if each.name == name)


@pytest.mark.parametrize(
    ("text", "severity"),
    [
        ("OpenSSL 0.9.8zh 3 Dec 2015", Severity.ERROR),
        ("OpenSSL 1.0.0t 3 Dec 2015", Severity.ERROR),
        ("OpenSSL 1.0.1 14 Mar 2012", None),
        ("OpenSSL 1.0.2k-fips  26 Jan 2017", None),
        ("OpenSSL 3.0.19 27 Jan 2026", None),
        ("LibreSSL 3.3.6", Severity.INFO),
        ("BoringSSL", Severity.INFO),
    ],
)
def test_an_openssl_without_tls_1_2_is_an_error(text: str, severity: Severity | None) -> None:
    assert point("TLS library", replace(GOOD, openssl=text)).severity is severity


def test_a_version_is_read_without_its_letters() -> None:
    assert openssl_version("OpenSSL 1.0.2k-fips  26 Jan 2017") == (1, 0, 2)


def test_a_level_that_is_not_in_force_is_an_error() -> None:
    found = point("TLS security level", replace(GOOD, security_level=1))
    assert found.severity is Severity.ERROR


@pytest.mark.parametrize(
    ("os_id", "version", "severity"),
    [
        ("debian", "12", None),
        ("debian", "10", Severity.WARNING),
        ("rhel", "9.4", None),
        ("ubuntu", "20.04", Severity.WARNING),
        ("haiku", "1", Severity.INFO),
    ],
)
def test_a_system_that_is_repaired_no_more_is_a_warning(
    os_id: str, version: str, severity: Severity | None
) -> None:
    host = replace(GOOD, os_id=os_id, os_version=version)
    assert point("operating system", host).severity is severity


@pytest.mark.parametrize(
    ("python", "today", "severity"),
    [
        ((3, 11, 7), TODAY, None),
        ((3, 11, 7), dt.date(2028, 1, 1), Severity.WARNING),
        ((3, 99, 0), TODAY, Severity.INFO),
    ],
)
def test_a_python_that_is_repaired_no_more_is_a_warning(
    python: tuple[int, int, int], today: dt.date, severity: Severity | None
) -> None:
    assert point("Python", replace(GOOD, python=python), today).severity is severity


@pytest.mark.parametrize(
    ("made", "severity"),
    [("2026.10.19", None), ("2025.1.31", Severity.WARNING), ("unknown", None)],
)
def test_old_authorities_are_a_warning(made: str, severity: Severity | None) -> None:
    assert point("certificate authorities", replace(GOOD, ca_bundle=made)).severity is severity


def test_this_host_has_what_the_gateway_needs() -> None:
    points = examine(this_host(), TODAY)
    assert [each for each in points if each.severity is Severity.ERROR] == []


def test_a_host_without_os_release_is_looked_at_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def none() -> dict[str, str]:
        raise OSError

    monkeypatch.setattr("platform.freedesktop_os_release", none)
    assert point("operating system", this_host.__wrapped__()).severity is Severity.INFO


def test_our_client_offers_suites_of_every_profile() -> None:
    facts = environment_facts()
    assert facts.client_versions == frozenset({"TLSv1.2", "TLSv1.3"})
    assert facts.client_suites is not None
    assert "TLS_RSA_WITH_AES_128_GCM_SHA256" in facts.client_suites
    assert "TLS_AES_128_GCM_SHA256" not in facts.client_suites


@pytest.mark.parametrize(("level", "fails"), [("error", False), ("warning", True)])
def test_the_command_fails_at_the_level_that_was_asked_for(
    monkeypatch: pytest.MonkeyPatch, level: str, fails: bool
) -> None:
    old = replace(GOOD, os_version="10")
    monkeypatch.setattr(check_environment, "this_host", lambda: old)
    out = StringIO()
    with pytest.raises(SystemExit) if fails else nullcontext():
        call_command("check_environment", "--fail-on", level, stdout=out)
    assert "WARNING  operating system: Debian GNU/Linux 12" in out.getvalue()
    assert "repaired until 2024-06-30" in out.getvalue()


def test_an_error_fails_at_either_level(monkeypatch: pytest.MonkeyPatch) -> None:
    old = replace(GOOD, openssl="OpenSSL 1.0.0t 3 Dec 2015")
    monkeypatch.setattr(check_environment, "this_host", lambda: old)
    for level in ("error", "warning"):
        with pytest.raises(SystemExit) as end:
            call_command("check_environment", "--fail-on", level, stdout=StringIO())
        assert end.value.code == 1


def test_a_host_that_cannot_be_looked_at_is_2(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> Host:
        raise PermissionError("os-release")

    monkeypatch.setattr(check_environment, "this_host", refuse)
    with pytest.raises(CommandError, match="cannot be looked at: os-release") as end:
        call_command("check_environment")
    assert end.value.returncode == 2
