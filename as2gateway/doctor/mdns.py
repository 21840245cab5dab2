"""Examining an MDN that did not prove what it says: whose it is, and what its MIC is over."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from as2gateway.doctor.advice import (
    WEAK_DIGESTS,
    Advice,
    Remedy,
    Where,
    accept_digest,
    accept_no_attributes,
    verify_with,
)
from as2gateway.doctor.examining import Diagnosis, harmless_first
from as2gateway.doctor.specimen import NO_SPARES, Spares
from as2gateway.errors import AS2Error, IntegrityCheckFailed
from as2gateway.mdn import Expected, UnverifiedMDN, verify_mdn
from as2gateway.mic_variants import matched_variant
from as2gateway.policy import OutboundPolicy, PayloadInfo
from as2gateway.quirks import MICVariant

_IT = "the MDN"


@dataclass(frozen=True, slots=True)
class MDNSpecimen:
    """An MDN, what it should prove, and the message that it is for."""

    mdn: UnverifiedMDN
    expected: Expected
    #: starts the payload of the message anew, at each call
    payload: Callable[[], Iterable[bytes]] = field(repr=False)
    info: PayloadInfo
    #: by which the message was built
    policy: OutboundPolicy


def examine_mdn(specimen: MDNSpecimen, spares: Spares = NO_SPARES) -> Diagnosis:
    """Say why an MDN does not prove what it says, and what would help. Changes nothing."""
    fault = _fault(specimen.mdn, specimen.expected)
    if fault is None:
        return Diagnosis(None)
    cures: list[Advice] = [
        (remedy,)
        for remedy, expected in _trials(specimen, spares)
        if _fault(specimen.mdn, expected) is None
    ]
    if not cures and isinstance(fault, IntegrityCheckFailed):
        cures = [(remedy,) for remedy in _variants(specimen)]
    return Diagnosis(fault, harmless_first(cures), tuple(_evidence(specimen)))


def _fault(mdn: UnverifiedMDN, expected: Expected) -> AS2Error | None:
    try:
        verify_mdn(mdn, expected)
    except AS2Error as fault:
        return fault
    return None


def _trials(specimen: MDNSpecimen, spares: Spares) -> Iterator[tuple[Remedy, Expected]]:
    expected = specimen.expected
    for spare in spares.certificates:
        remedy = verify_with(_IT, spare.certificate, spare.status)
        yield remedy, replace(expected, certificates=(spare.certificate,))
    for digest, setting, name in WEAK_DIGESTS:
        if digest not in expected.allowed:
            remedy = accept_digest(_IT, setting, name)
            yield remedy, replace(expected, allowed=expected.allowed | {digest})
    if expected.require_signed_attributes:
        remedy = accept_no_attributes(_IT)
        yield remedy, replace(expected, require_signed_attributes=False)
    if expected.signed and not specimen.mdn.signed:
        remedy = Remedy(
            Where.CONNECTION,
            "mdn_signed: false",
            "the MDN is not signed",
            "an unsigned MDN proves nothing: anybody can write one",
        )
        yield remedy, replace(expected, signed=False, certificates=())


def _variants(specimen: MDNSpecimen) -> Iterator[Remedy]:
    """Which wrong octets the MIC is over."""
    returned = specimen.mdn.mic
    if returned is None:
        return
    for variant in MICVariant:
        quirks = replace(specimen.policy.quirks, mic_tolerances=frozenset({variant}))
        policy = replace(specimen.policy, quirks=quirks)
        if matched_variant(specimen.payload, specimen.info, policy, returned) is not None:
            yield Remedy(
                Where.CONNECTION,
                f"quirks: {{mic_tolerances: [{variant}]}}",
                f"the MIC is over other octets than it should be ({variant})",
                "a change of the document that leaves those octets alone would go unseen",
            )


def _evidence(specimen: MDNSpecimen) -> Iterator[str]:
    mdn, expected = specimen.mdn, specimen.expected
    if mdn.mic_fault:
        yield mdn.mic_fault
    if mdn.mic is not None and mdn.mic.algorithm not in expected.mics:
        yield f"the MIC is in {mdn.mic.algorithm}, which was not kept for this message"
    if not mdn.disposition.positive:
        yield f"the partner itself says: {mdn.disposition.modified_type}"
