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

_CONSTRUCTED = 0x20
_LONG_TAG = 0x1F
INDEFINITE = 0x80
_RESERVED = 0xFF

#: tag, whether constructed, length (None: indefinite), where the contents start
Decoded = tuple[int, bool, int | None, int]


def decode(data: bytes, at: int) -> Decoded | None:
    """Read identifier and length octets; None if they are not all there."""
    if at + 2 > len(data):
        return None
    identifier, first = data[at], data[at + 1]
    if identifier & _LONG_TAG == _LONG_TAG:
        raise MalformedMessage("an ASN.1 tag number above 30, which CMS does not have")
    tag, constructed = identifier & ~_CONSTRUCTED, identifier & _CONSTRUCTED != 0
    if tag == END_OF_CONTENTS and (constructed or first):
        raise MalformedMessage("an ASN.1 element with the tag of an end, which is none")
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


def check_depth(depth: int) -> None:
    """LimitExceeded if values are nested too deep."""
    if depth > MAX_DEPTH:
        raise LimitExceeded(f"ASN.1 values nested more than {MAX_DEPTH} deep")
