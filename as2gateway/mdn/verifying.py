"""Whether an MDN proves what it claims: RFC 4130 section 7.1, MDR-09 to MDR-15, threats R25."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from as2gateway import mic
from as2gateway.algorithms import DigestAlgorithm
from as2gateway.canonical import line_ends
from as2gateway.certificates import Certificate
from as2gateway.cms import signed
from as2gateway.errors import (
    AuthenticationFailed,
    IntegrityCheckFailed,
    MalformedMessage,
    MDNMismatch,
)
from as2gateway.events import Canonical
from as2gateway.mdn.reading import UnverifiedMDN
from as2gateway.mic import RunningDigests
from as2gateway.policy import Limits
from as2gateway.quirks import NO_QUIRKS, Quirks

_BRACKETS = re.compile(r"<(.*)>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Expected:
    """What the MDN for a message of ours must be."""

    message_id: str
    #: names of our message; the MDN's are the other way round
    as2_from: str
    as2_to: str
    #: digests of the octets that the MIC is over, in each algorithm kept (MIC-11)
    mics: Mapping[DigestAlgorithm, bytes]
    #: whether we asked for a signed one
    signed: bool
    #: the partner's certificates for signatures
    certificates: tuple[Certificate, ...]
    allowed: frozenset[DigestAlgorithm]
    require_signed_attributes: bool = True
    limits: Limits = field(default_factory=Limits)
    quirks: Quirks = NO_QUIRKS


def same_message_id(a: str, b: str) -> bool:
    """Whether two Message-IDs are one, blanks around and one pair of brackets aside (MDR-09)."""
    return _bare(a) == _bare(b)


def _bare(message_id: str) -> str:
    stripped = message_id.strip(" \t")
    match = _BRACKETS.fullmatch(stripped)
    return match[1].strip(" \t") if match else stripped


def verify_mdn(mdn: UnverifiedMDN, expected: Expected) -> None:
    """Raise unless the MDN proves that the partner reports on this message.

    MDNMismatch if it answers another or is unsigned, AuthenticationFailed or
    InsufficientMessageSecurity for its signer, IntegrityCheckFailed if it was changed or if a
    positive one returns another MIC. A negative MDN passes: what it says is for the caller.
    """
    _check_message_id(mdn, expected)
    proven = _is_proven(mdn, expected)
    _check_names(mdn, expected, may_be_absent=proven)
    if proven and mdn.signature is not None:
        _verify_signature(mdn, mdn.signature, expected)
    if mdn.disposition.positive:
        _verify_mic(mdn, expected, may_be_absent=not proven)


def _check_message_id(mdn: UnverifiedMDN, expected: Expected) -> None:
    reported = mdn.original_message_id
    if reported is None:
        raise MDNMismatch("the MDN does not say which message it is for")
    if not same_message_id(reported, expected.message_id):
        raise MDNMismatch(f"the MDN is for {reported[:200]!r}, not for {expected.message_id!r}")


def _is_proven(mdn: UnverifiedMDN, expected: Expected) -> bool:
    """Whether the signature counts; raises if one was asked for and there is none (MDR-13)."""
    asked = expected.signed and not expected.quirks.accept_unsigned_mdn
    if asked and not mdn.signed:
        raise MDNMismatch("the MDN is not signed, though a signed one was asked for")
    # A signature that nobody asked for, from a partner whose certificate nobody has: as unsigned.
    return mdn.signed and (expected.signed or bool(expected.certificates))


def _check_names(mdn: UnverifiedMDN, expected: Expected, *, may_be_absent: bool) -> None:
    pairs = (
        ("AS2-From", mdn.as2_from, expected.as2_to),
        ("AS2-To", mdn.as2_to, expected.as2_from),
    )
    for name, reported, due in pairs:
        # Apache Camel sends async MDNs without these; then the signature must do.
        if may_be_absent and (not reported or expected.quirks.accept_mdn_names):
            continue
        if reported != due:
            raise MDNMismatch(f"{name} of the MDN is {reported[:200]!r}, not {due!r}")


def _verify_signature(mdn: UnverifiedMDN, signature: signed.SignedData, expected: Expected) -> None:
    """Verify over the octets as they came, then over the bounded repairs of line ends (MIME-17).

    The repairs change nothing that is read from the part: fields and delimiters end at LF too.
    """
    signed.check_key_sizes(expected.certificates, expected.limits)
    faults: list[IntegrityCheckFailed] = []
    for form in Canonical:
        try:
            signed.verified_signer(
                signature,
                _digests(mdn.signed_part, form, signature.digest_algorithms),
                expected.certificates,
                expected.allowed,
                require_signed_attributes=expected.require_signed_attributes,
            )
        except IntegrityCheckFailed as fault:
            faults.append(fault)
        except MalformedMessage as fault:
            raise AuthenticationFailed(f"the MDN's signature is unreadable: {fault}") from fault
        else:
            return
    raise faults[0]


def _digests(
    part: bytes, form: Canonical, algorithms: frozenset[DigestAlgorithm]
) -> Mapping[DigestAlgorithm, bytes]:
    ends = line_ends(form)
    running = RunningDigests(algorithms)
    running.update(ends.update(part) + ends.finish())
    return running.digests


def _verify_mic(mdn: UnverifiedMDN, expected: Expected, *, may_be_absent: bool) -> None:
    if mdn.mic_fault:
        raise IntegrityCheckFailed(mdn.mic_fault)
    if mdn.mic is None and may_be_absent:
        return  # an unsigned MDN need not carry one (RFC 4130 §7.4.3)
    mic.verify_returned(expected.mics, mdn.mic)
