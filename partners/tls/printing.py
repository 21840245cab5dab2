"""Printing: a report as lines of text, in the order in which a connection comes about."""

import datetime as dt
from collections.abc import Iterator
from typing import Final

from as2gateway.compliance.facts import HostMatch
from as2gateway.compliance.findings import Status
from as2gateway.tls.manual import PLATFORMS, commands, ssl_labs
from as2gateway.tls.report import Handshake, Report, VersionReport
from as2gateway.tls.suites import BY_IANA
from as2gateway.tls.verdicts import ProfileVerdict
from as2gateway.tls.versions import Version

_WIDTH: Final = 22
_HOSTS: Final = {
    HostMatch.SAN: "named by SAN",
    HostMatch.CN: "named by CN only: many clients refuse that",
    HostMatch.NONE: "NOT named by the certificate",
    None: "not known",
}
_OLD: Final = frozenset(version.label for version in Version if version.is_old)


def print_report(report: Report, now: dt.datetime) -> Iterator[str]:
    """Yield lines: address, versions, suites, handshake, chain, host name, certificate."""
    yield f"TLS of {report.target}"
    yield _row("address", report.address)
    for version in report.versions:
        yield _row(version.name, _version(version))
        yield from (f"    {_suite(name)}" for name in version.suites)
    yield _row("sent by our gateway", _handshake(report.sending))
    yield _row("anything allowed", _handshake(report.negotiated))
    for trust in report.trust:
        words = "trusted" if trust.trusted else f"NOT trusted: {trust.error}"
        yield _row(f"chain, by {trust.mode}", words)
    yield _row("host name", _HOSTS[report.host_match])
    yield from _certificate(report, now)
    yield from (_row("note", problem) for problem in report.problems)
    yield _row("cost", f"{report.connections} connections, {report.seconds:g} s")


def print_verdicts(verdicts: tuple[ProfileVerdict, ...]) -> Iterator[str]:
    """Yield a line for each profile, and below it what is not well."""
    for verdict in verdicts:
        yield f"{verdict.profile}: {verdict.verdict.upper()}"
        for finding in verdict.findings:
            if finding.status in {Status.VIOLATED, Status.UNKNOWN}:
                word = finding.severity if finding.status is Status.VIOLATED else "unknown"
                yield f"  {word:8} {finding.rule}: {finding.found}"
                yield f"           wanted: {finding.wanted} ({finding.source})"


def print_manual(report: Report) -> Iterator[str]:
    """Yield the same tests by other programs, and advice where the other side is too old."""
    if not any(version.accepted for version in report.versions if version.name not in _OLD):
        yield "TLS 1.2 is done by:"
        yield from (f"  {name}: {since}" for name, since in PLATFORMS)
    suites = [name for v in report.versions[-2:] for name in v.suites[:1] if name in BY_IANA]
    yield "The same by hand:"
    for command in commands(report.host, report.port, tuple(suites)):
        yield f"  # {command.says}"
        yield f"  {command.line}"
    yield f"  {ssl_labs(report.host)}"


def _certificate(report: Report, now: dt.datetime) -> Iterator[str]:
    certificate = report.certificate
    if certificate is None:
        return
    yield _row("certificate", certificate.subject)
    yield _row("issued by", certificate.issuer)
    yield _row("for", ", ".join(certificate.names) or "no host")
    yield _row("fingerprint (SHA-256)", certificate.fingerprint)
    yield _row("key", f"{certificate.key_type.upper()} {certificate.key_bits}")
    yield _row("signature hash", certificate.signature_hash or "none")
    end, days = certificate.not_after, certificate.days_left(now)
    yield _row(
        "valid until",
        f"{end:%Y-%m-%d} ({days} days left)" if days >= 0 else f"{end:%Y-%m-%d}: EXPIRED",
    )
    yield _row("certificates sent", str(len(report.chain)))
    stapled = {True: "yes", False: "no", None: "not known"}
    yield _row("OCSP response stapled", stapled[report.stapled])


def _version(version: VersionReport) -> str:
    if version.accepted is None:
        return f"not known: {version.note}"
    if not version.accepted:
        return f"refused ({version.note})" if version.note else "refused"
    text = f"accepted, {len(version.suites)} suites"
    text += ": MUST be refused today" if version.name in _OLD else ""
    return text if version.complete else f"{text}; {version.note}"


def _suite(name: str) -> str:
    suite = BY_IANA.get(name)
    if suite is None:
        return name
    text = name if suite.openssl == name else f"{name} ({suite.openssl})"
    return f"{text}  BROKEN" if suite.is_broken else text


def _handshake(handshake: Handshake) -> str:
    if handshake.succeeded:
        return f"{handshake.version} {handshake.suite}"
    return f"refused: {handshake.error}"


def _row(name: str, value: str) -> str:
    return f"  {name:{_WIDTH}} {value}"
