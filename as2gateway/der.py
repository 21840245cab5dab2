"""DER writer: ITU-T X.690, as far as CMS needs it. What reads is ``ber``."""

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache

INTEGER = 0x02
OCTET_STRING = 0x04
NULL_TAG = 0x05
OID = 0x06
SEQUENCE = 0x30
SET = 0x31
#: context-specific tag 0; others follow by addition, constructed ones by the bit below
CONTEXT = 0x80
CONSTRUCTED = 0x20

UTC_TIME = 0x17
GENERALIZED_TIME = 0x18

#: an indefinite length, and what ends it
INDEFINITE = b"\x80"
END_OF_CONTENTS = b"\x00\x00"
NULL = bytes((NULL_TAG, 0))

_LONG_FORM = 0x80

#: headers that are kept written: what one key signs has the same few lengths each time
_KEPT_HEADERS = 256

#: UTCTime holds years up to 2049; later ones are GeneralizedTime (RFC 5652 §11.3)
_LAST_UTC_YEAR = 2049


@lru_cache(_KEPT_HEADERS)
def header(tag: int, length: int) -> bytes:
    """Identifier and length octets of an element with ``length`` octets of contents."""
    if length < _LONG_FORM:
        return bytes((tag, length))
    size = (length.bit_length() + 7) // 8
    return bytes((tag, 0x80 | size)) + length.to_bytes(size)


def element(tag: int, *contents: bytes) -> bytes:
    """One element around the given contents."""
    body = b"".join(contents)
    return header(tag, len(body)) + body


def sequence(*contents: bytes) -> bytes:
    """A SEQUENCE."""
    return element(SEQUENCE, *contents)


def set_of(members: Iterable[bytes]) -> bytes:
    """A SET OF, its members sorted as DER asks (X.690 §11.6)."""
    return element(SET, *sorted(members))


def integer(value: int) -> bytes:
    """An INTEGER."""
    return element(INTEGER, value.to_bytes(value.bit_length() // 8 + 1, signed=True))


def octet_string(value: bytes) -> bytes:
    """An OCTET STRING."""
    return element(OCTET_STRING, value)


def oid_contents(dotted: str) -> bytes:
    """Contents octets of an object identifier."""
    first, second, *rest = (int(arc) for arc in dotted.split("."))
    encoded = bytearray()
    for arc in (first * 40 + second, *rest):
        group = [arc & 0x7F]
        while arc := arc >> 7:
            group.append(arc & 0x7F | 0x80)
        encoded += bytes(reversed(group))
    return bytes(encoded)


def oid(dotted: str) -> bytes:
    """An OBJECT IDENTIFIER."""
    return element(OID, oid_contents(dotted))


def time(moment: datetime) -> bytes:
    """A Time: UTCTime up to 2049, then GeneralizedTime; fractions of a second are dropped."""
    moment = moment.astimezone(UTC)
    if moment.year <= _LAST_UTC_YEAR:
        return element(UTC_TIME, moment.strftime("%y%m%d%H%M%SZ").encode("ascii"))
    return element(GENERALIZED_TIME, moment.strftime("%Y%m%d%H%M%SZ").encode("ascii"))
