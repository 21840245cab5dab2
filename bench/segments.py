"""A message in BER as streaming products write it, made without code of the gateway.

``openssl`` signs and encrypts in DER; here its output is written anew with indefinite lengths, and
long strings in segments (X.690 section 8.7.3).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tests.openssl import Identity, cms_encrypt, cms_sign

#: octets of a segment: what many products cut into
SEGMENT: Final = 1024
#: octets of an element from which on it is written in another form
_LONG: Final = 64 * 1024

_CONSTRUCTED: Final = 0x20
_LONG_FORM: Final = 0x80
_MIME: Final = (
    b"Content-Type: application/pkcs7-mime; smime-type=signed-data\r\n"
    b"Content-Transfer-Encoding: binary\r\n\r\n"
)
_DOCUMENT: Final = b"Content-Type: application/EDI-X12\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Both:
    """The same document, signed and enveloped: all of it in DER, and all of it in BER."""

    der: bytes
    ber: bytes


def signed_and_enveloped(document: bytes, signer: Identity, recipient: Identity) -> Both:
    """Sign and encrypt, once in each form; the signature encloses the document."""
    signed = cms_sign(_DOCUMENT + document, [signer], "-md", "sha256", "-nodetach")
    der = cms_encrypt(_MIME + signed, [recipient.certificate], "-aes128")
    inside = cms_encrypt(_MIME + in_segments(signed), [recipient.certificate], "-aes128")
    return Both(der, in_segments(inside))


def in_segments(der: bytes, size: int = SEGMENT) -> bytes:
    """Write a structure in BER: what is long in indefinite lengths, strings in segments."""
    return b"".join(_rewritten(memoryview(der), size))


def _rewritten(element: memoryview, size: int) -> Iterator[bytes | memoryview]:
    body = _body(element)
    if len(element) - body < _LONG:
        yield element
        return
    yield bytes((element[0] | _CONSTRUCTED, _LONG_FORM))
    if element[0] & _CONSTRUCTED:
        while body < len(element):
            end = body + _length(element[body:])
            yield from _rewritten(element[body:end], size)
            body = end
    else:
        for at in range(body, len(element), size):
            segment = element[at : at + size]
            yield b"\x04\x82" + len(segment).to_bytes(2)
            yield segment
    yield bytes(2)


def _body(element: memoryview) -> int:
    first = element[1]
    return 2 + (first - _LONG_FORM if first >= _LONG_FORM else 0)


def _length(data: memoryview) -> int:
    """Octets of the element that begins here."""
    body = _body(data)
    return body + (int.from_bytes(data[2:body]) if body > 2 else data[1])  # noqa: PLR2004  long form
