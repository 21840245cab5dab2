"""Probing: everything that can be seen of one endpoint's TLS from outside, within bounds."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.utils import timezone

from as2gateway.certificates import Certificate
from as2gateway.tls.answers import Flight, NotTLS
from as2gateway.tls.hostnames import Names, match_host
from as2gateway.tls.report import CertificateReport, Report, VersionReport
from as2gateway.tls.suites import BY_IANA, Suite
from as2gateway.tls.versions import Version
from partners.tls.asking import Budget, BudgetSpent, Endpoint, Limits, NoAnswer, Refused
from partners.tls.contexts import ClientPolicy
from partners.tls.enumerating import enumerate_versions
from partners.tls.handshaking import as_sent, look, trust_of
from partners.tls.targets import Target, resolve


def probe(
    target: Target,
    policy: ClientPolicy | None = None,
    *,
    allow_private: bool,
    limits: Limits | None = None,
) -> Report:
    """Test an endpoint by a connection's policy. Raises ProbeError, and TLSSettingsError."""
    policy = policy or ClientPolicy()
    started = timezone.now()
    addresses = resolve(target, allow_private=allow_private)
    budget = Budget(limits or Limits())
    endpoint = Endpoint(target, addresses, budget)
    sending = as_sent(endpoint, policy)
    seen = look(endpoint, policy)
    trust = tuple(trust_of(endpoint, policy, seen)) if seen.certificate else ()
    versions = enumerate_versions(endpoint)
    flight = _flight(endpoint, versions)
    report = Report(
        host=target.host,
        port=target.port,
        tested_at=started,
        address=endpoint.address,
        versions=versions,
        sending=sending,
        negotiated=seen.handshake,
        trust=trust,
        connections=budget.connections,
        seconds=round(budget.seconds, 3),
    )
    return _with_certificate(report, seen.certificate, flight)


def _with_certificate(report: Report, shown: bytes, flight: Flight | None) -> Report:
    """Add what the certificate says; of an old server it is seen in the hello's answer only."""
    sent = flight.certificates if flight else ()
    der = shown or next(iter(sent), b"")
    problems = tuple(_problems(report))
    if not der:
        return replace(report, problems=(*problems, "The server showed no certificate."))
    chain = sent if der in sent else (der,)
    try:
        certificate = Certificate.from_der(der)
        names = Names.of(certificate.x509)
        subjects = tuple(Certificate.from_der(each).subject for each in chain)
    except ValueError as error:
        return replace(report, problems=(*problems, f"Its certificate cannot be read: {error}."))
    return replace(
        report,
        certificate=describe(certificate, names),
        chain=subjects,
        host_match=match_host(names, report.host),
        stapled=flight.stapled if flight else None,
        problems=problems,
    )


def describe(certificate: Certificate, names: Names) -> CertificateReport:
    """Return what a certificate says, as the report has it."""
    return CertificateReport(
        subject=certificate.subject,
        issuer=certificate.issuer,
        fingerprint=certificate.fingerprint,
        spki_sha256=_public_key_hash(certificate),
        names=(*names.dns, *names.addresses) or tuple(filter(None, [names.common_name])),
        key_type=certificate.key_type,
        key_bits=certificate.key_bits,
        signature_hash=certificate.signature_digest,
        not_before=certificate.not_before,
        not_after=certificate.not_after,
    )


def _public_key_hash(certificate: Certificate) -> str:
    key = certificate.public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(key).hexdigest()


def _flight(endpoint: Endpoint, versions: tuple[VersionReport, ...]) -> Flight | None:
    """Ask for the certificates in a version that shows them in the clear, up to TLS 1.2."""
    for version in reversed(Version):
        found = next((each for each in versions if each.name == version.label), None)
        suites = _signed_suites(found) if found and version is not Version.TLS13 else ()
        if suites:
            try:
                return endpoint.certificates(version, suites)
            except (Refused, NoAnswer, NotTLS, BudgetSpent):
                return None
    return None


def _signed_suites(version: VersionReport) -> tuple[Suite, ...]:
    suites = (BY_IANA[name] for name in version.suites if name in BY_IANA)
    return tuple(suite for suite in suites if "_anon_" not in suite.iana)


def _problems(report: Report) -> Iterator[str]:
    if not any(version.accepted for version in report.versions):
        notes = ", ".join(dict.fromkeys(version.note for version in report.versions))
        yield f"No version of TLS was accepted: {notes}."
    unsure = [v.name for v in report.versions if v.accepted is None or not v.complete]
    if unsure:
        yield f"Not known to the end: {', '.join(unsure)}."
    if not report.trust:
        yield "Whether its chain is trusted is not known, since no handshake was completed."
