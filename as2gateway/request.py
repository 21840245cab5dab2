"""What the HTTP header fields of a message say: who to whom, and which MDN is asked for.

RFC 4130 sections 6 and 7.3. Policy is not applied here: whether a delivery URL may be called, or
whether sender and receiver may be the same, is for whoever knows the connection.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from as2gateway import features, names
from as2gateway.algorithms import DigestAlgorithm
from as2gateway.errors import (
    AS2Error,
    MalformedRequest,
    UnsupportedFormat,
    UnsupportedMICAlgorithms,
)
from as2gateway.headers import Headers
from as2gateway.mime.content_type import ContentType

#: RFC 4130 §5.3.3; shorter limits have failed certification (HDR-14)
MAX_MESSAGE_ID = 998

#: Fields that decide who, what and how much; two of one kind are a smuggling attempt (R2).
_SINGLE = ("AS2-From", "AS2-To", "Message-ID", "Content-Type", "Content-Length")
#: Fields that we repeat or act on, hence printable ASCII only (R2).
_PRINTABLE = ("AS2-From", "AS2-To", "Message-ID", "Receipt-Delivery-Option")

_PROTOCOL = re.compile(r"(?:application/)?(?:x-)?pkcs-?7-signature")
_IMPORTANCE = frozenset({"optional", "required"})

#: Digests that we make MICs and MDN signatures with; MD5 is only read, where a policy allows it.
SUPPORTED_DIGESTS = frozenset(DigestAlgorithm) - {DigestAlgorithm.MD5}


@dataclass(frozen=True, slots=True)
class MDNRequest:
    """The MDN that a sender asks for."""

    signed: bool = False
    #: first of the listed algorithms that is supported; None if none is listed (HDR-24, MIC-05)
    digest: DigestAlgorithm | None = None
    #: how the requester spelt that algorithm, to be repeated in the MDN (MIC-08)
    spelling: str | None = None
    #: where the MDN is to be posted; empty = it is the answer to the request
    url: str = ""
    #: why the request cannot be honoured: then only this may be answered (HDR-22, MIC-06)
    failure: AS2Error | None = None
    #: whether that failure may be passed over: it is of algorithms that are only ``optional``
    failure_optional: bool = False
    #: every digest that is listed and supported, with its spelling, as the sender prefers them
    listed: tuple[tuple[DigestAlgorithm, str], ...] = field(default=(), compare=False)

    def signing_digest(self, allowed: frozenset[DigestAlgorithm]) -> DigestAlgorithm | None:
        """First listed digest that may sign; None if there is none (HDR-21, REQ-07)."""
        return next((digest for digest, _ in self.listed if digest in allowed), None)

    def spelling_of(self, digest: DigestAlgorithm) -> str | None:
        """How the requester spelt a digest; None if it was not asked for."""
        return next((spelling for listed, spelling in self.listed if listed is digest), None)


@dataclass(frozen=True, slots=True)
class AS2Request:
    """The header fields of a message, read."""

    as2_from: str
    as2_to: str
    #: exactly as received (HDR-15); None if there is none
    message_id: str | None
    subject: str
    mdn: MDNRequest | None
    content_type: ContentType
    #: the names as their fields spell them, to be repeated in the MDN (HDR-08)
    from_field: str = ""
    to_field: str = ""
    #: what the sender's product says it can do, in lower case (RFC 6017)
    features: frozenset[str] = frozenset()


def read_request(headers: Headers) -> AS2Request:
    """Read the fields of a message. MalformedRequest for what no MDN can answer (HDR-07, R2)."""
    for name in _SINGLE if headers.repeats else ():
        if len(headers.get_all(name)) > 1:
            raise MalformedRequest(f"more than one {name} field")
    values = [headers.get(name) for name in _PRINTABLE]
    for name, value in zip(_PRINTABLE, values, strict=True):
        if value and not (value.isascii() and value.isprintable()):
            raise MalformedRequest(f"{name} contains characters outside printable ASCII")
    from_field, to_field, message_id, mdn_url = values
    return AS2Request(
        as2_from=_read_name("AS2-From", from_field),
        as2_to=_read_name("AS2-To", to_field),
        message_id=_read_message_id(message_id),
        subject=headers.get("Subject") or "",
        mdn=_read_mdn_request(headers, mdn_url or ""),
        content_type=ContentType.parse(headers.get("Content-Type")),
        from_field=from_field or "",
        to_field=to_field or "",
        features=features.read(headers.get("EDIINT-Features")),
    )


def _read_name(field: str, value: str | None) -> str:
    if value is None:
        raise MalformedRequest(f"the {field} field is missing")
    try:
        return names.unquote(value)
    except ValueError as error:
        raise MalformedRequest(f"{field}: {error}") from error


def _read_message_id(message_id: str | None) -> str | None:
    if message_id and len(message_id) > MAX_MESSAGE_ID:
        raise MalformedRequest(f"Message-ID of {len(message_id)} characters")
    return message_id or None


def _read_mdn_request(headers: Headers, url: str) -> MDNRequest | None:
    # Its presence asks, whatever its value; nothing else does (HDR-18, HDR-19, HDR-26).
    if "Disposition-Notification-To" not in headers:
        return None
    asked = _read_asked("; ".join(headers.get_all("Disposition-Notification-Options")))
    digest, spelling = asked.listed[0] if asked.listed else (None, None)
    micalg = asked.micalg
    failure: AS2Error | None = None
    optional = False
    if asked.unknown:
        failure = UnsupportedFormat("a required MDN option is not known here")
    elif digest is None and (micalg.values or micalg.required):
        # Never silently another digest than those listed, also if they are optional (MIC-06).
        failure = UnsupportedMICAlgorithms(f"no supported digest in {micalg.values!r}"[:400])
        optional = not micalg.required
    return MDNRequest(asked.signed, digest, spelling, url, failure, optional, asked.listed)


@dataclass(frozen=True, slots=True)
class _Option:
    values: tuple[str, ...] = ()
    required: bool = False


class _Asked(NamedTuple):
    """What Disposition-Notification-Options ask for."""

    signed: bool
    #: whether something is required that is not known here
    unknown: bool
    micalg: _Option
    listed: tuple[tuple[DigestAlgorithm, str], ...]


# A partner asks for the same in each message.
@lru_cache(maxsize=64)
def _read_asked(text: str) -> _Asked:
    options = _read_options(text)
    protocol = options.pop("signed-receipt-protocol", _Option())
    micalg = options.pop("signed-receipt-micalg", _Option())
    signed = any(_PROTOCOL.fullmatch(value.lower()) for value in protocol.values)
    unknown = any(each.required for each in options.values())
    return _Asked(
        signed,
        unknown or (protocol.required and not signed),
        micalg,
        tuple(_supported(micalg.values)),
    )


def _read_options(text: str) -> dict[str, _Option]:
    """Read Disposition-Notification-Options; the first option of a name counts (HDR-20)."""
    options: dict[str, _Option] = {}
    for parameter in text.replace('"', "").split(";"):
        name, equals, value = parameter.partition("=")
        if not equals:
            continue
        words = [word.strip() for word in value.split(",") if word.strip()]
        importance = words.pop(0).lower() if words and words[0].lower() in _IMPORTANCE else ""
        options.setdefault(name.strip().lower(), _Option(tuple(words), importance == "required"))
    return options


def _supported(spellings: tuple[str, ...]) -> Iterator[tuple[DigestAlgorithm, str]]:
    for spelling in spellings:
        try:
            digest = DigestAlgorithm.parse(spelling)
        except ValueError:
            continue
        if digest in SUPPORTED_DIGESTS:
            yield digest, spelling
