"""Identifier and length octets: X.690 sections 8.1.2 and 8.1.3.

Tags here are identifier octets without the bit for "constructed".
"""

from as2gateway.errors import LimitExceeded, MalformedMessage

END_OF_CONTENTS = 0x00
INTEGER = 0x02
BIT_STRING = 0x03
OCTET_STRING = 0x04
NULL = 0x05
OID = 0x06
SEQUENCE = 0x10
SET = 0x11
UTC_TIME = 0x17
GENERALIZED_TIME = 0x18
#: context-specific tag 0; others follow by addition
CONTEXT = 0x80

#: levels inside one another; OpenSSL's own reader stops at 30, real messages stay below 10
MAX_DEPTH = 32
#: elements looked at in search of one end, and members of one value; real ones have some tens
MAX_ELEMENTS = 10_000

#: the bit that says that elements are inside
CONSTRUCTED = 0x20
_TAG = 0xFF & ~CONSTRUCTED
_LONG_TAG = 0x1F
INDEFINITE = 0x80
_RESERVED = 0xFF

#: tag of each identifier octet that says all about an element's kind; 0 for the others
TAGS = tuple([0 if octet & _LONG_TAG == _LONG_TAG else octet & _TAG for octet in range(256)])

#: tag, whether constructed, length (None: indefinite), where the contents start
Decoded = tuple[int, bool, int | None, int]


def decode(data: bytes | bytearray, at: int) -> Decoded | None:
    """Read identifier and length octets; None if they are not all there."""
    try:
        identifier, first = data[at], data[at + 1]
    except IndexError:
        return None
    tag = TAGS[identifier] or _unusual(identifier, first)
    constructed = identifier & CONSTRUCTED != 0
    if first < INDEFINITE:
        return tag, constructed, first, at + 2
    if first == _RESERVED or (first == INDEFINITE and not constructed):
        raise MalformedMessage("an ASN.1 length in a form that is not allowed")
    if first == INDEFINITE:
        return tag, True, None, at + 2
    body = at + 2 + (first & ~INDEFINITE)
    if body > len(data):
        return None
    # Leading zeros are allowed in BER (CMS-01).
    return tag, constructed, int.from_bytes(data[at + 2 : body]), body


def _unusual(identifier: int, first: int) -> int:
    if identifier & _LONG_TAG == _LONG_TAG:
        raise MalformedMessage("an ASN.1 tag number above 30, which CMS does not have")
    if identifier != END_OF_CONTENTS or first:
        raise MalformedMessage("an ASN.1 element with the tag of an end, which is none")
    return END_OF_CONTENTS


def not_due(tag: int, due: int) -> MalformedMessage:
    """What is wrong where an element has another tag than the one that is due."""
    return MalformedMessage(f"an ASN.1 element {tag:#04x}, {due:#04x} is due")


def check_depth(depth: int) -> None:
    """LimitExceeded if values are nested too deep."""
    if depth > MAX_DEPTH:
        raise LimitExceeded(f"ASN.1 values nested more than {MAX_DEPTH} deep")
