"""What pages show of a TLS test: each thing that was found, with a colour and in words."""

import datetime as dt
from dataclasses import dataclass
from typing import Any, Final

from as2gateway.compliance.facts import HostMatch, Trust
from as2gateway.compliance.findings import Verdict
from as2gateway.tls.manual import PLATFORMS, Command, commands, ssl_labs
from as2gateway.tls.report import CertificateReport, Handshake, Report, VersionReport
from as2gateway.tls.suites import BY_IANA
from as2gateway.tls.versions import Version
from audit.badges import Tone
from partners.models import TLSProbe

#: Days before the end of a certificate from which it is marked.
DUE: Final = 30
#: Shorter RSA keys can be broken or soon will be (NIST SP 800-131A).
RSA_BITS: Final = 2048

TONES: Final = {
    Verdict.OK.value: Tone.GOOD,
    Verdict.WARNING.value: Tone.WARN,
    Verdict.ERROR.value: Tone.BAD,
    Verdict.UNKNOWN.value: Tone.PLAIN,
}
_HOSTS: Final = {
    HostMatch.SAN: (Tone.GOOD, "named by SAN"),
    HostMatch.CN: (Tone.WARN, "named by CN only; many clients refuse that"),
    HostMatch.NONE: (Tone.BAD, "not named by the certificate"),
    None: (Tone.PLAIN, "not known"),
}
_WEAK_HASHES: Final = frozenset({"md5", "sha1"})


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that was looked at."""

    name: str
    tone: Tone
    badge: str
    text: str = ""
    items: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """A test as its page shows it."""

    probe: TLSProbe
    rows: tuple[Row, ...]
    verdicts: tuple[dict[str, Any], ...]
    commands: tuple[Command, ...]
    ssl_labs: str
    #: since when platforms do TLS 1.2, where the other side does not
    platforms: tuple[tuple[str, str], ...]


def build(probe: TLSProbe, now: dt.datetime) -> Page:
    """Say what a test found."""
    report = Report.from_plain(probe.facts) if probe.facts else None
    verdicts = tuple({**each, "tone": TONES[each["verdict"]]} for each in probe.verdicts)
    suites = _preferred(report) if report else ()
    current = report is None or any(v.accepted for v in report.versions if not _is_old(v))
    return Page(
        probe=probe,
        rows=_rows(report, now) if report else (),
        verdicts=verdicts,
        commands=commands(probe.host, probe.port, suites),
        ssl_labs=ssl_labs(probe.host),
        platforms=() if current else PLATFORMS,
    )


def _rows(report: Report, now: dt.datetime) -> tuple[Row, ...]:
    tone, text = _HOSTS[report.host_match]
    return (
        Row("Address", Tone.PLAIN, report.address, f"{report.connections} connections"),
        *(_version(version) for version in report.versions),
        _sending(report.sending),
        *(_trust(each.mode, each.error, trusted=each.trusted) for each in report.trust),
        Row("Host name", tone, text, report.host),
        *(_certificate(report.certificate, now) if report.certificate else ()),
        *(Row("Note", Tone.WARN, "note", problem) for problem in report.problems),
    )


def _version(version: VersionReport) -> Row:
    if version.accepted is None:
        return Row(version.name, Tone.PLAIN, "not known", version.note)
    old = _is_old(version)
    if not version.accepted:
        return Row(version.name, Tone.GOOD if old else Tone.PLAIN, "refused", version.note)
    broken = any(name in BY_IANA and BY_IANA[name].is_broken for name in version.suites)
    tone = Tone.BAD if old else Tone.WARN if broken else Tone.GOOD
    items = tuple(_suite(name) for name in version.suites)
    return Row(version.name, tone, "accepted", f"{len(items)} suites", items)


def _suite(name: str) -> str:
    suite = BY_IANA.get(name)
    return f"{name} (broken)" if suite is not None and suite.is_broken else name


def _sending(handshake: Handshake) -> Row:
    if handshake.succeeded:
        text = f"{handshake.version} {handshake.suite}"
        return Row("Sent by this gateway", Tone.GOOD, "works", text)
    return Row("Sent by this gateway", Tone.BAD, "refused", handshake.error)


def _trust(mode: Trust, error: str, *, trusted: bool) -> Row:
    tone = Tone.GOOD if trusted else Tone.WARN if mode is Trust.MOZILLA else Tone.BAD
    return Row(f"Chain, by {mode}", tone, "trusted" if trusted else "not trusted", error)


def _certificate(certificate: CertificateReport, now: dt.datetime) -> tuple[Row, ...]:
    days = certificate.days_left(now)
    end = Tone.BAD if days < 0 else Tone.WARN if days < DUE else Tone.GOOD
    short = certificate.key_type == "rsa" and certificate.key_bits < RSA_BITS
    weak = certificate.signature_hash in _WEAK_HASHES
    key = f"{certificate.key_type.upper()} {certificate.key_bits}"
    names = ", ".join(certificate.names)
    return (
        Row("Certificate", Tone.PLAIN, certificate.subject[:80], f"issued by {certificate.issuer}"),
        Row("Names", Tone.PLAIN, str(len(certificate.names)), names),
        Row("Fingerprint", Tone.PLAIN, "SHA-256", certificate.fingerprint),
        Row("Key", Tone.BAD if short else Tone.GOOD, key),
        Row("Signature", Tone.BAD if weak else Tone.GOOD, certificate.signature_hash or "none"),
        Row("Valid", end, f"{days} days" if days >= 0 else "expired", _until(certificate)),
    )


def _until(certificate: CertificateReport) -> str:
    return f"{certificate.not_before:%Y-%m-%d} to {certificate.not_after:%Y-%m-%d}"


def _is_old(version: VersionReport) -> bool:
    return any(each.label == version.name and each.is_old for each in Version)


def _preferred(report: Report) -> tuple[str, ...]:
    current = [version for version in report.versions if not _is_old(version)]
    return tuple(name for each in current for name in each.suites[:1] if name in BY_IANA)
