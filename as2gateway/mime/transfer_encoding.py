"""Content-Transfer-Encoding, undone as the octets come: RFC 2045 section 6.

No encoding, and any that is not known, means binary: AS2 transports are 8-bit clean (MIME-15).
"""

import binascii
import re
from typing import Protocol

from as2gateway.errors import MalformedMessage

_BLANKS = b" \t\r\n"
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]")

_ESCAPE = re.compile(rb"=(?:([0-9A-Fa-f]{2})|[ \t]{0,76}+\r?\n)")
# What may grow into an escape; a soft line break is padded by a line's length at the most (RFC 2045
# §6.7, rule 5).
_OPEN_ESCAPE = re.compile(rb"=(?:[0-9A-Fa-f]?|[ \t]{0,76}\r?)")


class Decoder(Protocol):
    """Undoes one transfer encoding."""

    def update(self, data: bytes) -> bytes:
        """Take encoded octets and give what they complete."""

    def finish(self) -> bytes:
        """Say that the encoded octets are complete; give the rest."""


def decoder(encoding: str | None) -> Decoder:
    """Start undoing an encoding, given as in the header field; base64 raises MalformedMessage."""
    match (encoding or "").strip(" ;").lower():
        case "base64":
            return _Base64()
        case "quoted-printable":
            return _QuotedPrintable()
        case _:
            return _IDENTITY


def cms_decoder(encoding: str | None) -> Decoder:
    """Start undoing an encoding of a CMS body, whatever it claims.

    The body begins with the octet 0x30 if it is binary and with ``M`` if it is base64; products are
    known that label either as the other (MIME-15, hostile inputs 6 and 41).
    """
    return _CMSDecoder(encoding)


class _Identity:
    def update(self, data: bytes) -> bytes:
        return data

    def finish(self) -> bytes:
        return b""


#: it remembers nothing, so one is enough
_IDENTITY = _Identity()


class _Base64:
    """Lines of any length, blanks anywhere, padding optional (MIME-18)."""

    def __init__(self) -> None:
        self._pending = b""
        self._padded = False

    def update(self, data: bytes) -> bytes:
        data = data.translate(None, _BLANKS)
        data, padding, rest = data.partition(b"=")
        if rest.strip(b"=") or (self._padded and data):
            raise MalformedMessage("base64 goes on after its padding")
        self._padded = self._padded or bool(padding)
        text = self._pending + data
        whole = len(text) - len(text) % 4
        self._pending = text[whole:]
        return _decode(text[:whole])

    def finish(self) -> bytes:
        if len(self._pending) == 1:
            raise MalformedMessage("base64 ends in the middle of an octet")
        return _decode(self._pending + b"=" * (-len(self._pending) % 4))


def _decode(text: bytes) -> bytes:
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except binascii.Error as error:
        wrong = _NOT_BASE64.search(text.rstrip(b"="))
        found = f": octet 0x{wrong[0][0]:02x}" if wrong else ""
        raise MalformedMessage(f"not base64{found}") from error


class _QuotedPrintable:
    """Escapes and soft line breaks; what is neither stays as it is (RFC 2045 §6.7, note 5)."""

    def __init__(self) -> None:
        self._pending = b""

    def update(self, data: bytes) -> bytes:
        data = self._pending + data
        at = data.rfind(b"=", -80)
        if at >= 0 and _OPEN_ESCAPE.fullmatch(data, at):
            data, self._pending = data[:at], data[at:]
        else:
            self._pending = b""
        return _ESCAPE.sub(_unescape, data)

    def finish(self) -> bytes:
        return self._pending


def _unescape(match: re.Match[bytes]) -> bytes:
    return binascii.unhexlify(match[1]) if match[1] else b""


class _CMSDecoder:
    def __init__(self, encoding: str | None) -> None:
        self._encoding = encoding
        self._decoder: Decoder | None = None

    def update(self, data: bytes) -> bytes:
        if self._decoder is None:
            head = data.lstrip(_BLANKS)[:1]
            if not head:
                return b""
            self._decoder = decoder({b"0": "binary", b"M": "base64"}.get(head, self._encoding))
            data = data.lstrip(_BLANKS)
        return self._decoder.update(data)

    def finish(self) -> bytes:
        return self._decoder.finish() if self._decoder else b""
