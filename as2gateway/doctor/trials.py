"""Trials: single changes to a specimen, each with the remedy that it would stand for.

They are in the order in which an operator should like them: first what gives nothing up.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from as2gateway.algorithms import CipherAlgorithm
from as2gateway.certificates import Certificate
from as2gateway.doctor.advice import (
    WEAK_DIGESTS,
    Remedy,
    Where,
    accept_digest,
    accept_no_attributes,
    describe,
    verify_with,
)
from as2gateway.doctor.sniffing import sniffed
from as2gateway.doctor.specimen import Spares, Specimen
from as2gateway.engines import ENGINES, get_engine
from as2gateway.events import Canonical
from as2gateway.policy import InboundPolicy, Limits

Change = Callable[[Specimen], Specimen]

_IT = "the message"


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
    yield from _request(specimen)
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
        remedy = verify_with(_IT, spare.certificate, spare.status)
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


def _request(specimen: Specimen) -> Iterator[Trial]:
    """Ask for the MDN in another way: one that cannot be honoured stops everything (HDR-22)."""
    request = specimen.request
    if request is None or request.failure is None:
        return
    if request.failure_optional:
        remedy = Remedy(
            Where.CONNECTION, "quirks: {mic_in_other_digest: true}", request.failure.reason
        )
        quirks = replace(specimen.policy.quirks, mic_in_other_digest=True)
        yield Trial(remedy, _policy(quirks=quirks))
    remedy = Remedy(
        Where.PARTNER,
        "have the partner ask for MDNs with signed-receipt-micalg=optional, sha-256",
        request.failure.reason,
    )
    honoured = replace(request, failure=None)
    yield Trial(remedy, lambda specimen: replace(specimen, request=honoured))


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
    for digest, setting, name in WEAK_DIGESTS:
        if digest not in policy.digests:
            remedy = accept_digest(_IT, setting, name)
            yield Trial(remedy, _policy(digests=policy.digests | {digest}))
    triple_des = CipherAlgorithm.TRIPLE_DES_CBC
    if triple_des not in policy.ciphers:
        remedy = Remedy(
            Where.CONNECTION,
            "accept_3des: true",
            "it is encrypted with triple DES",
            "whoever can break triple DES can read documents of this connection",
        )
        yield Trial(remedy, _policy(ciphers=policy.ciphers | {triple_des}))
    if policy.require_signed_attributes:
        remedy = accept_no_attributes(_IT)
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
