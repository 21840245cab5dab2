"""What single products need besides or against the standards: one value, all of it off at first.

A quirk is switched on for one connection, with the product in mind that is named beside it. What
helps every connection and harms none is no quirk, and is simply done.
"""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, Final


class MICVariant(StrEnum):
    """Octets that a product takes the MIC over in place of those that it should (MIC-12)."""

    #: the payload with its header fields, before compression: phase2 for a plain message
    ENTITY = "entity"
    #: the payload alone: OpenAS2 for a message that is neither signed nor encrypted
    BODY = "body"
    #: the compressed octets as they were sent
    COMPRESSED = "compressed"
    #: the payload's line ends made LF or CR LF: products that read it as text
    LF = "lf"
    CRLF = "crlf"


class EmptyAnswer(StrEnum):
    """HTTP statuses besides 200 by which a message is taken without an MDN (HTTP-17)."""

    ACCEPTED = "202"
    NO_CONTENT = "204"


class UnwelcomeName(StrEnum):
    """What becomes of a document with a name that came before or cannot be used (FN-04, FN-05)."""

    WARN = "warn"
    REJECT = "reject"


class QuirkError(ValueError):
    """Quirks that do not exist, take no such value, or exclude each other; told to an operator."""


def _switch(why: str) -> Any:
    """Make a field that is off; ``why`` says on a page what it does, and which product needs it."""
    return field(default=False, metadata={"why": why})


@dataclass(frozen=True, slots=True)
class Quirks:
    """Deviations for one connection. The defaults are what RFC 4130 and most products want.

    QuirkError for quirks that exclude each other.
    """

    # --- sending

    #: MIME-21
    base64: bool = _switch(
        "Write every body inside a message in base64: old RSSBus and Axway could not take binary."
    )
    #: MIC-08
    rfc3851_names: bool = _switch(
        "Call digests sha256 and so on, without hyphens: Seeburger and others older than 2010."
    )
    #: CMS-21
    omit_certificates: bool = _switch(
        "Put no certificate into signatures: products that choke on any, or use the one they have."
    )
    #: CMS-21
    enclose_chain: bool = _switch(
        "Put the certificates above ours into signatures too: products that want the whole chain."
    )
    #: CMS-15, RFC 6211
    algorithm_protection: bool = _switch(
        "Add the signed attribute CMSAlgorithmProtection (RFC 6211): AWS Transfer Family wants "
        "it, old IBM Sterling fails on it."
    )
    #: RFC 8551 §3.5.2
    opaque_signature: bool = _switch(
        "Put what is signed inside the signature instead of beside it: gateways that change "
        "line ends on the way."
    )
    #: CMS-30: not RFC 5083, but how Bouncy Castle writes it by default
    appended_gcm_tag: bool = _switch(
        "Write AES-GCM as EnvelopedData with the tag behind the octets: phase2 reads nothing else."
    )
    #: CMS-35
    check_key_usage: bool = _switch(
        "Refuse to encrypt to a certificate whose key usage does not allow it: partners who "
        "reject such messages."
    )
    #: FN-02
    bare_filename: bool = _switch(
        "Send file names without quotes: parsers that take the quotes for a part of the name."
    )
    #: SND-02
    chunked: bool = _switch(
        "Send in chunks instead of with Content-Length: servers behind proxies that lose lengths."
    )
    #: SND-01
    http_1_0: bool = _switch(
        "Speak HTTP/1.0: servers that know no later version, or hang on open connections."
    )
    #: against RFC 4130 §5.5
    new_message_id: bool = _switch(
        "Send each retry under a new Message-ID: mendelson refuses one that it has seen. The "
        "partner may then process a document twice."
    )
    #: MIC-12; each use is told to the operator
    mic_tolerances: frozenset[MICVariant] = field(
        default=frozenset(),
        metadata={
            "why": "Wrong octets that the partner's MIC may be over: entity for phase2, body for "
            "OpenAS2 with plain messages, lf or crlf for products that read documents as text."
        },
    )
    #: MDR-13
    accept_unsigned_mdn: bool = _switch(
        "Take an unsigned MDN for delivery where a signed one was asked for: phase2 without a "
        "usable key. It proves nothing to anybody else."
    )
    #: MDR-15
    accept_mdn_names: bool = _switch(
        "Only note it if the AS2 names of an MDN are not those of the message, as long as its "
        "signature holds: products that answer under one name for all."
    )

    # --- receiving

    #: RFC 4130 §7.4.3 says otherwise
    mic_from_options: bool = _switch(
        "Return the MIC of a signed message in the digest that the MDN request lists first: "
        "OpenAS2 and phase2 compare with that."
    )
    #: MIC-06
    mic_in_other_digest: bool = _switch(
        "Go on with another digest where none that is asked for is known but they are optional; "
        "the MDN says so."
    )
    #: CMS-25
    accept_md5: bool = _switch(
        "Take signatures with MD5, which can be forged: products of the nineties that know "
        "nothing better."
    )
    #: against threats R19
    deliver_copies: bool = _switch(
        "Hand over a document again when the very octets of a message come under a new "
        "Message-ID: partners who send the same document on purpose without signing it anew."
    )
    #: REL-07
    duplicate_warning: bool = _switch(
        "Answer a message that came before with a warning duplicate-document instead of its old "
        "MDN: partners who look for it, as AWS Transfer and django-pyas2 answer so."
    )
    #: HTTP-17
    empty_answer: EmptyAnswer | None = field(
        default=None,
        metadata={
            "why": "HTTP status by which a message is taken without an MDN: 202 or 204 for "
            "partners who insist on it, 200 for all others."
        },
    )
    #: HDR-25: what cannot be sent is not sent
    mdn_instead_of_mail: bool = _switch(
        "Answer with the MDN where it is asked for by mail (mailto:), instead of with none: "
        "partners who still name the mail address of their AS1 days."
    )
    #: MDN-20: equal names are told so by default
    own_name: bool = _switch(
        "Take our own AS2 id for the partner's: a loop-back under one name, as test tools of some "
        "products send it. The partner's certificate is then our own."
    )
    #: FN-04
    illegal_name: UnwelcomeName | None = field(
        default=None,
        metadata={
            "why": "A document whose file name cannot be used, as it has slashes or the like: keep "
            "it under a safe name, do so and warn the partner, or reject the message."
        },
    )
    #: FN-05
    repeated_name: UnwelcomeName | None = field(
        default=None,
        metadata={
            "why": "A document whose file name came before from this partner: keep both, keep "
            "both and warn the partner, or reject the message."
        },
    )

    def __post_init__(self) -> None:
        for one, other in _EXCLUSIVE:
            if getattr(self, one) and getattr(self, other):
                raise QuirkError(f"{one} and {other} exclude each other")


_EXCLUSIVE: Final = (("omit_certificates", "enclose_chain"), ("chunked", "http_1_0"))

NO_QUIRKS = Quirks()
NAMES: Final = tuple(each.name for each in fields(Quirks))
#: fields that take one word out of a few
CHOICES: Final[Mapping[str, type[EmptyAnswer] | type[UnwelcomeName]]] = {
    "empty_answer": EmptyAnswer,
    "illegal_name": UnwelcomeName,
    "repeated_name": UnwelcomeName,
}


def why(name: str) -> str:
    """Say what a quirk does, and which product needs it."""
    return next(str(each.metadata["why"]) for each in fields(Quirks) if each.name == name)


def to_plain(quirks: Quirks) -> dict[str, Any]:
    """Return those that are switched on, for JSON; all of them are off by default."""
    values = {name: getattr(quirks, name) for name in NAMES}
    return {
        name: sorted(value) if isinstance(value, frozenset) else value
        for name, value in values.items()
        if value
    }


def from_plain(given: object) -> Quirks:
    """Read what ``to_plain`` or a person wrote. Raises QuirkError."""
    if not isinstance(given, Mapping):
        raise QuirkError("names and values were expected")
    return Quirks(**{str(name): _value(str(name), value) for name, value in given.items()})


def _value(name: str, value: object) -> Any:
    if name not in NAMES:
        nearest = difflib.get_close_matches(name, NAMES, n=1)
        hint = f'did you mean "{nearest[0]}"?' if nearest else f"known are {', '.join(NAMES)}"
        raise QuirkError(f'unknown quirk "{name}"; {hint}')
    if name == "mic_tolerances":
        if not isinstance(value, Iterable) or isinstance(value, str):
            raise QuirkError(f"{name} takes a list of {', '.join(MICVariant)}")
        return frozenset(MICVariant(_word(name, each, tuple(MICVariant))) for each in value)
    if name in CHOICES:
        kind = CHOICES[name]
        return kind(_word(name, value, tuple(kind))) if value else None
    if not isinstance(value, bool):
        raise QuirkError(f"{name} is true or false, not {value!r}")
    return value


def _word(name: str, value: object, choices: tuple[str, ...]) -> str:
    if str(value) not in choices:
        raise QuirkError(f"{name}: {str(value)!r} is not one of {', '.join(choices)}")
    return str(value)
