"""Report: what a probe of one host and port found, as plain values that JSON can hold."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from as2gateway.compliance.facts import EndpointFacts, HostMatch, Trust

Plain = dict[str, Any]


@dataclass(frozen=True, slots=True)
class VersionReport:
    """What a server does with one version."""

    #: as Python's ``ssl`` spells it: ``TLSv1.2``
    name: str
    #: None where the server gave no answer that tells
    accepted: bool | None
    #: IANA names, in the order in which the server chose them: its preference, if it has one
    suites: tuple[str, ...] = ()
    #: whether every suite was asked for
    complete: bool = True
    #: how it refused, or why it is not known
    note: str = ""


@dataclass(frozen=True, slots=True)
class Handshake:
    """A handshake by a TLS library: what was agreed on, or why nothing was."""

    version: str = ""
    suite: str = ""
    error: str = ""

    @property
    def succeeded(self) -> bool:
        """Whether there was a connection."""
        return not self.error


@dataclass(frozen=True, slots=True)
class CertificateReport:
    """The certificate that a server shows."""

    subject: str
    issuer: str
    fingerprint: str
    spki_sha256: str
    names: tuple[str, ...]
    key_type: str
    key_bits: int
    signature_hash: str
    not_before: dt.datetime
    not_after: dt.datetime

    def days_left(self, now: dt.datetime) -> int:
        """Whole days to its end; negative once that has passed."""
        return (self.not_after - now).days


@dataclass(frozen=True, slots=True)
class TrustReport:
    """Whether a chain is trusted in one way, dates and host name aside."""

    mode: Trust
    trusted: bool
    #: in the TLS library's words
    error: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """All that was found; what could not be looked into is None or empty, with a problem told."""

    host: str
    port: int
    tested_at: dt.datetime
    address: str
    versions: tuple[VersionReport, ...]
    #: as a message would be sent now, certificate and host name checked
    sending: Handshake
    #: the same with nothing checked and anything allowed
    negotiated: Handshake
    certificate: CertificateReport | None = None
    #: certificates that came along, the server's own first
    chain: tuple[str, ...] = ()
    #: by Mozilla's authorities, then in the connection's own way where that is another one
    trust: tuple[TrustReport, ...] = ()
    host_match: HostMatch | None = None
    #: whether a stapled OCSP response came; None where that cannot be seen
    stapled: bool | None = None
    problems: tuple[str, ...] = ()
    connections: int = 0
    seconds: float = 0.0

    @property
    def target(self) -> str:
        """Host and port."""
        return f"{self.host}:{self.port}"

    @property
    def effective_trust(self) -> Trust | None:
        """Why the chain is trusted: the connection's own way has the last word."""
        if not self.trust:
            return None
        if not self.trust[-1].trusted:
            return Trust.NONE
        return next(each.mode for each in self.trust if each.trusted)

    def to_plain(self) -> Plain:
        """Return it as JSON can hold it."""
        plain: Plain = _plain(asdict(self))
        return plain

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """Read what ``to_plain`` wrote."""
        certificate = plain["certificate"]
        match = plain["host_match"]
        return cls(
            host=plain["host"],
            port=plain["port"],
            tested_at=_moment(plain["tested_at"]),
            address=plain["address"],
            versions=tuple(_version(each) for each in plain["versions"]),
            sending=Handshake(**plain["sending"]),
            negotiated=Handshake(**plain["negotiated"]),
            certificate=_certificate(certificate) if certificate else None,
            chain=tuple(plain["chain"]),
            trust=tuple(TrustReport(**{**t, "mode": Trust(t["mode"])}) for t in plain["trust"]),
            host_match=HostMatch(match) if match else None,
            stapled=plain["stapled"],
            problems=tuple(plain["problems"]),
            connections=plain["connections"],
            seconds=plain["seconds"],
        )

    def facts(self) -> EndpointFacts:
        """Return it as the compliance rules look at it: what is not wholly known is None."""
        answered = all(version.accepted is not None for version in self.versions)
        old = [version for version in self.versions if version.name != "TLSv1.3"]
        new = [version for version in self.versions if version.name == "TLSv1.3"]
        certificate = self.certificate
        return EndpointFacts(
            target=self.target,
            tested_at=self.tested_at,
            versions=frozenset(v.name for v in self.versions if v.accepted) if answered else None,
            suites=_suites(old),
            suites13=_suites(new),
            trust=self.effective_trust,
            host_match=self.host_match,
            not_after=certificate.not_after if certificate else None,
            spki_sha256=certificate.spki_sha256 if certificate else "",
        )


def _suites(versions: list[VersionReport]) -> frozenset[str] | None:
    if any(not version.complete or version.accepted is None for version in versions):
        return None
    return frozenset(suite for version in versions for suite in version.suites)


def _version(plain: Mapping[str, Any]) -> VersionReport:
    return VersionReport(**{**plain, "suites": tuple(plain["suites"])})


def _certificate(plain: Mapping[str, Any]) -> CertificateReport:
    changes = {
        "names": tuple(plain["names"]),
        "not_before": _moment(plain["not_before"]),
        "not_after": _moment(plain["not_after"]),
    }
    return CertificateReport(**{**plain, **changes})


def _moment(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    return value.isoformat() if isinstance(value, dt.datetime) else value
