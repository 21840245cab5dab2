"""Environment: the host that the gateway runs on, as far as TLS and repairs depend on it."""

import datetime as dt
import platform
import re
import ssl
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

import certifi

from as2gateway.compliance.facts import EnvironmentFacts
from as2gateway.compliance.findings import Severity
from as2gateway.tls.policy import SECURITY_LEVEL, TLS13_SUITES
from as2gateway.tls.suites import BY_OPENSSL
from partners.tls.contexts import ClientPolicy, client_context

#: The oldest OpenSSL that knows TLS 1.2.
OPENSSL_MINIMUM: Final = (1, 0, 1)
#: Days after which a list of authorities should be renewed: roots are distrusted several a year.
CA_BUNDLE_DAYS: Final = 400

#: ``OpenSSL 1.0.2k-fips  26 Jan 2017``, ``OpenSSL 0.9.8zh 3 Dec 2015``
_OPENSSL: Final = re.compile(r"OpenSSL (\d+)\.(\d+)\.(\d+)")
_CERTIFI: Final = re.compile(r"(\d{4})\.(\d{1,2})\.(\d{1,2})")

#: Last day of free repairs by the maker, by ``ID`` and ``VERSION_ID`` of os-release; long-term
#: support that costs nothing counts.
_SUPPORTED_UNTIL: Final = {
    ("debian", "10"): dt.date(2024, 6, 30),
    ("debian", "11"): dt.date(2026, 8, 31),
    ("debian", "12"): dt.date(2028, 6, 30),
    ("debian", "13"): dt.date(2030, 6, 30),
    ("ubuntu", "20.04"): dt.date(2025, 5, 31),
    ("ubuntu", "22.04"): dt.date(2027, 4, 30),
    ("ubuntu", "24.04"): dt.date(2029, 4, 30),
    ("rhel", "7"): dt.date(2024, 6, 30),
    ("rhel", "8"): dt.date(2029, 5, 31),
    ("rhel", "9"): dt.date(2032, 5, 31),
    ("rhel", "10"): dt.date(2035, 5, 31),
    ("almalinux", "8"): dt.date(2029, 5, 31),
    ("almalinux", "9"): dt.date(2032, 5, 31),
    ("rocky", "8"): dt.date(2029, 5, 31),
    ("rocky", "9"): dt.date(2032, 5, 31),
    ("centos", "7"): dt.date(2024, 6, 30),
    ("centos", "8"): dt.date(2021, 12, 31),
    ("amzn", "2"): dt.date(2026, 6, 30),
    ("amzn", "2023"): dt.date(2029, 6, 30),
}
#: End of repairs of Python itself; a distribution may repair its own for longer.
_PYTHON_UNTIL: Final = {
    (3, 11): dt.date(2027, 10, 31),
    (3, 12): dt.date(2028, 10, 31),
    (3, 13): dt.date(2029, 10, 31),
    (3, 14): dt.date(2030, 10, 31),
}


@dataclass(frozen=True, slots=True)
class Point:
    """One thing that was looked at; ``severity`` is None where it is well."""

    name: str
    value: str
    severity: Severity | None = None
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Host:
    """What is known of the host; as arguments, so that other hosts can be judged in tests."""

    openssl: str
    security_level: int
    os_id: str
    os_version: str
    os_name: str
    python: tuple[int, int, int]
    ca_bundle: str

    @property
    def os_supported_until(self) -> dt.date | None:
        """Last day of repairs; None for a system that is not in the table."""
        exact = _SUPPORTED_UNTIL.get((self.os_id, self.os_version))
        return exact or _SUPPORTED_UNTIL.get((self.os_id, self.os_version.partition(".")[0]))


def openssl_version(text: str) -> tuple[int, int, int] | None:
    """Read an OpenSSL's version; None for another library, of which only a handshake tells."""
    match = _OPENSSL.match(text)
    return (int(match[1]), int(match[2]), int(match[3])) if match else None


@cache
def this_host() -> Host:
    """Look at this host; it stays so while the process lives."""
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        release = {}
    context = client_context(ClientPolicy())
    return Host(
        openssl=ssl.OPENSSL_VERSION,
        security_level=context.security_level,
        os_id=release.get("ID", ""),
        os_version=release.get("VERSION_ID", ""),
        os_name=release.get("PRETTY_NAME", platform.platform()),
        python=sys.version_info[:3],
        ca_bundle=certifi.__version__,
    )


@cache
def environment_facts() -> EnvironmentFacts:
    """Say it in the words of the compliance rules, with what our TLS client can offer here."""
    host = this_host()
    context = client_context(ClientPolicy())
    names = {BY_OPENSSL[cipher["name"]].iana for cipher in context.get_ciphers()}
    versions = {"TLSv1.2"} | ({"TLSv1.3"} if ssl.HAS_TLSv1_3 else set())
    return EnvironmentFacts(
        openssl=host.openssl,
        os_name=host.os_name,
        os_supported_until=host.os_supported_until,
        client_versions=frozenset(versions),
        client_suites=frozenset(names - {suite.iana for suite in TLS13_SUITES}),
    )


def examine(host: Host, today: dt.date) -> tuple[Point, ...]:
    """Judge a host."""
    return tuple(
        point
        for judge in (_openssl, _level, _system, _python, _authorities)
        for point in judge(host, today)
    )


def _openssl(host: Host, _today: dt.date) -> Iterator[Point]:
    version = openssl_version(host.openssl)
    if version is None:
        advice = "Not an OpenSSL: whether it does TLS 1.2 shows in a handshake only (tls_probe)."
        yield Point("TLS library", host.openssl, Severity.INFO, advice)
    elif version < OPENSSL_MINIMUM:
        advice = "It does not know TLS 1.2. OpenSSL 1.0.1 is the minimum; install a current one."
        yield Point("TLS library", host.openssl, Severity.ERROR, advice)
    else:
        yield Point("TLS library", host.openssl)


def _level(host: Host, _today: dt.date) -> Iterator[Point]:
    low = host.security_level < SECURITY_LEVEL
    advice = f"Level {SECURITY_LEVEL} was set and is not in force." if low else ""
    severity = Severity.ERROR if low else None
    yield Point("TLS security level", str(host.security_level), severity, advice)


def _system(host: Host, today: dt.date) -> Iterator[Point]:
    until = host.os_supported_until
    if until is None:
        advice = "Not in our table: look up how long its maker repairs it."
        yield Point("operating system", host.os_name, Severity.INFO, advice)
    else:
        advice = "Its maker repairs it no more. Upgrade: payment partners turn old systems away."
        yield _dated("operating system", host.os_name, until, today, advice)


def _python(host: Host, today: dt.date) -> Iterator[Point]:
    until = _PYTHON_UNTIL.get(host.python[:2])
    text = ".".join(map(str, host.python))
    if until is None:
        yield Point("Python", text, Severity.INFO, "Not in our table of supported versions.")
    else:
        yield _dated("Python", text, until, today, "It is repaired no more. Install a newer one.")


def _authorities(host: Host, today: dt.date) -> Iterator[Point]:
    match = _CERTIFI.match(host.ca_bundle)
    made = dt.date(int(match[1]), int(match[2]), int(match[3])) if match else None
    old = made is not None and (today - made).days > CA_BUNDLE_DAYS
    advice = "Upgrade the package certifi: authorities come and go." if old else ""
    severity = Severity.WARNING if old else None
    yield Point("certificate authorities", f"Mozilla's of {host.ca_bundle}", severity, advice)


def _dated(name: str, value: str, until: dt.date, today: dt.date, advice: str) -> Point:
    text = f"{value}, repaired until {until}"
    return Point(name, text, Severity.WARNING, advice) if today > until else Point(name, text)
