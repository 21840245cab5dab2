"""Trials: single changes to a specimen, each with the remedy that it would stand for.

They are in the order in which an operator should like them: first what gives nothing up.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from as2gateway.algorithms import CipherAlgorithm, DigestAlgorithm
from as2gateway.certificates import Certificate
from as2gateway.doctor.advice import Remedy, Where
from as2gateway.doctor.sniffing import sniffed
from as2gateway.doctor.specimen import Spares, Specimen
from as2gateway.engines import ENGINES, get_engine
from as2gateway.events import Canonical
from as2gateway.policy import InboundPolicy, Limits

Change = Callable[[Specimen], Specimen]

_WEAK = "an attacker who can break the algorithm can forge or read messages of this connection"


@dataclass(frozen=True, slots=True)
class Trial:
    """One change to try."""

    remedy: Remedy
    change: Change


def trials(specimen: Specimen, spares: Spares) -> Iterator[Trial]:
    """All that there is to try with a specimen."""
    yield from _keys(spares)
    yield from _certificates(spares)
    yield from _line_ends()
    yield from _content_type(specimen)
    yield from _engines(specimen)
    yield from _algorithms(specimen.policy)
    yield from _limits(specimen.limits)
    yield from _demands(specimen.policy)


def enclosed_trial(certificate: Certificate) -> Trial:
    """Try a certificate that came in the message's own signature."""
    return Trial(
        Remedy(
            Where.CERTIFICATES,
            f"add the certificate {describe(certificate)} with the role verify",
            "the signature was made by a certificate that came along and is not configured",
            "anybody can enclose a certificate: compare its fingerprint with the partner by phone "
            "or on their portal before it is added",
        ),
        _policy(verify_with=(certificate,)),
    )


def describe(certificate: Certificate) -> str:
    """A certificate as an operator tells it from others."""
    return f"{certificate.subject} (SHA-256 {certificate.fingerprint[:16]}…)"


def _policy(**changes: object) -> Change:
    def change(specimen: Specimen) -> Specimen:
        policy: InboundPolicy = replace(specimen.policy, **changes)  # type: ignore[arg-type]
        return replace(specimen, policy=policy)

    return change


def _keys(spares: Spares) -> Iterator[Trial]:
    for spare in spares.keys:
        name = describe(spare.key.certificate)
        remedy = Remedy(
            Where.KEYS,
            f"let the key pair of {name} decrypt, or have the partner encrypt to the one in use",
            f"it was encrypted to {name}, which is {spare.status}",
        )
        yield Trial(remedy, _policy(decrypt_with=(spare.key,)))


def _certificates(spares: Spares) -> Iterator[Trial]:
    for spare in spares.certificates:
        name = describe(spare.certificate)
        remedy = Remedy(
            Where.CERTIFICATES,
            f"give the certificate {name} the role verify on this connection, not retired",
            f"it was signed by {name}, which is {spare.status}",
        )
        yield Trial(remedy, _policy(verify_with=(spare.certificate,)))


def _line_ends() -> Iterator[Trial]:
    for form in Canonical:
        if form is Canonical.RAW:
            continue
        remedy = Remedy(
            Where.PARTNER,
            "have the partner sign with Content-Transfer-Encoding binary or base64, and no program "
            "on the way change line ends",
            f"the signature holds once line ends are repaired ({form})",
        )
        yield Trial(remedy, _reading(form))


def _reading(form: Canonical) -> Change:
    def change(specimen: Specimen) -> Specimen:
        return replace(specimen, reading=replace(specimen.reading, canonical=form))

    return change


def _content_type(specimen: Specimen) -> Iterator[Trial]:
    found = sniffed(specimen.headers, specimen.octets)
    if found is not None:
        remedy = Remedy(
            Where.PARTNER,
            f"have the partner send the header fields {found.description}",
            "the body is not what its Content-Type says",
        )
        yield Trial(remedy, lambda specimen: replace(specimen, headers=found.headers))


def _engines(specimen: Specimen) -> Iterator[Trial]:
    for name in ENGINES:
        if name == specimen.engine:
            continue
        try:
            get_engine(name)
        except ValueError:
            continue
        remedy = Remedy(
            Where.CONNECTION, f"engine: {name}", f"the engine {name} reads this message"
        )
        yield Trial(remedy, _engine(name))


def _engine(name: str) -> Change:
    return lambda specimen: replace(specimen, engine=name)


def _algorithms(policy: InboundPolicy) -> Iterator[Trial]:
    sha1, triple_des = DigestAlgorithm.SHA1, CipherAlgorithm.TRIPLE_DES_CBC
    if sha1 not in policy.digests:
        remedy = Remedy(Where.CONNECTION, "accept_sha1: true", "it is signed with SHA-1", _WEAK)
        yield Trial(remedy, _policy(digests=policy.digests | {sha1}))
    if triple_des not in policy.ciphers:
        remedy = Remedy(
            Where.CONNECTION, "accept_3des: true", "it is encrypted with triple DES", _WEAK
        )
        yield Trial(remedy, _policy(ciphers=policy.ciphers | {triple_des}))
    if policy.require_signed_attributes:
        remedy = Remedy(
            Where.CONNECTION,
            "require_signed_attributes: false",
            "its signature has no signed attributes",
            "one kind of signature can be passed off as another kind",
        )
        yield Trial(remedy, _policy(require_signed_attributes=False))


#: limits that a partner may honestly pass, and what each is called as a setting
_SETTINGS = {
    "depth": "AS2_LIMIT_DEPTH",
    "signature": "AS2_LIMIT_SIGNATURE",
    "recipients_size": "AS2_LIMIT_RECIPIENTS_SIZE",
    "recipients": "AS2_LIMIT_RECIPIENTS",
    "signers": "AS2_LIMIT_SIGNERS",
    "attachments": "AS2_LIMIT_ATTACHMENTS",
    "decompressed": "AS2_MAX_BODY",
    "ratio": "AS2_LIMIT_RATIO",
    "whole_message": "AS2_LIMIT_WHOLE_MESSAGE",
    "rsa_bits": "AS2_LIMIT_RSA_BITS",
}
#: how much larger is tried
_RAISED = 8


def _limits(limits: Limits) -> Iterator[Trial]:
    for name, setting in _SETTINGS.items():
        value = getattr(limits, name) * _RAISED
        remedy = Remedy(
            Where.INSTALLATION,
            f"{setting}: more than {getattr(limits, name)}",
            "it passes a limit",
            "messages may cost more memory, disk or time",
        )
        yield Trial(remedy, _limit(name, value))


def _limit(name: str, value: int) -> Change:
    return lambda specimen: replace(specimen, limits=replace(specimen.limits, **{name: value}))


def _demands(policy: InboundPolicy) -> Iterator[Trial]:
    if policy.require_encryption:
        remedy = Remedy(
            Where.CONNECTION,
            "require_encryption: false",
            "it is not encrypted",
            "whoever is on the way can read documents of this connection",
        )
        yield Trial(remedy, _policy(require_encryption=False))
    if policy.require_signature:
        remedy = Remedy(
            Where.CONNECTION,
            "require_signature: false",
            "it is not signed",
            "anybody who knows the AS2 names can send documents in the partner's name",
        )
        yield Trial(remedy, _policy(require_signature=False))
