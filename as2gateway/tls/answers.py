"""A server's answer to a ClientHello: what it chose, or that it refuses, and its certificates.

Reads as far as octets have come and says None when more are needed. Nothing is trusted in it: an
answer that is no TLS raises NotTLS, and every length is bounded by what has come.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

#: Octets that an answer may have: a ServerHello has about a hundred, a long chain some 20 000.
LIMIT: Final = 256 * 1024

_ALERT: Final = 21
_HANDSHAKE: Final = 22
_KNOWN: Final = (20, _ALERT, _HANDSHAKE, 23)
_RECORD_LIMIT: Final = 16384 + 2048  # RFC 5246 §6.2.3

_SERVER_HELLO: Final = 2
_CERTIFICATE: Final = 11
_SERVER_HELLO_DONE: Final = 14
_CERTIFICATE_STATUS: Final = 22

_WARNING: Final = 1
_SUPPORTED_VERSIONS: Final = 43

_ALERTS: Final = {
    0: "close notify",
    10: "unexpected message",
    40: "handshake failure",
    47: "illegal parameter",
    50: "decode error",
    70: "protocol version",
    71: "insufficient security",
    80: "internal error",
    86: "inappropriate fallback",
    90: "user canceled",
    109: "missing extension",
    112: "unrecognized name",
    116: "certificate required",
    120: "no application protocol",
}


class NotTLS(ValueError):
    """What answers there does not speak TLS; the text shows how it began."""


@dataclass(frozen=True, slots=True)
class ServerHello:
    """What the server chose; a HelloRetryRequest is one too (RFC 8446 §4.1.4)."""

    version: int
    suite: int


@dataclass(frozen=True, slots=True)
class Alert:
    """A refusal."""

    code: int

    def __str__(self) -> str:
        return _ALERTS.get(self.code, f"alert {self.code}")


@dataclass(frozen=True, slots=True)
class Flight:
    """What follows a ServerHello up to TLS 1.2, in the clear: certificates (DER), the own first."""

    certificates: tuple[bytes, ...]
    #: whether a stapled OCSP response came along
    stapled: bool


def read_answer(data: bytes) -> ServerHello | Alert | None:
    """Read the choice or the refusal; None if more octets are needed. Raises NotTLS."""
    for kind, body in _messages(data):
        if kind == _ALERT:
            return Alert(body[1])
        if kind == _SERVER_HELLO + _MESSAGE:
            return _server_hello(body)
        raise NotTLS(f"it began with handshake message {kind - _MESSAGE}")
    return None


def read_flight(data: bytes) -> Flight | None:
    """Read the certificates that follow; None if more octets are needed. Raises NotTLS."""
    certificates: tuple[bytes, ...] = ()
    stapled = False
    for kind, body in _messages(data):
        if kind == _CERTIFICATE + _MESSAGE:
            certificates = tuple(_certificates(body))
        elif kind == _CERTIFICATE_STATUS + _MESSAGE:
            stapled = True
        elif kind in {_ALERT, _SERVER_HELLO_DONE + _MESSAGE}:
            return Flight(certificates, stapled)
    return None


#: Added to the type of a handshake message, to tell it from the type of a record.
_MESSAGE: Final = 0x100


def _messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield each fatal alert and each whole handshake message."""
    handshake = b""
    for kind, body in _records(data):
        if kind == _ALERT and len(body) == 2:  # noqa: PLR2004  level and description
            # A warning, such as "unrecognized name", does not end the handshake.
            if body[0] != _WARNING or body[1] == 0:
                yield _ALERT, body
        elif kind == _HANDSHAKE:
            handshake += body
        while len(handshake) >= 4:  # noqa: PLR2004  type and length
            end = 4 + int.from_bytes(handshake[1:4], "big")
            if len(handshake) < end:
                break
            yield handshake[0] + _MESSAGE, handshake[4:end]
            handshake = handshake[end:]


def _records(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while len(data) - at >= 5:  # noqa: PLR2004  type, version, length
        kind, major = data[at], data[at + 1]
        length = int.from_bytes(data[at + 3 : at + 5], "big")
        if kind not in _KNOWN or major != 3 or length > _RECORD_LIMIT:  # noqa: PLR2004  SSL 3 and up
            raise NotTLS(f"it began with {data[:20]!r}")
        if len(data) < at + 5 + length:
            return
        yield kind, data[at + 5 : at + 5 + length]
        at += 5 + length


def _server_hello(body: bytes) -> ServerHello:
    reader = _Reader(body)
    version = reader.number(2)
    reader.take(32)
    reader.take(reader.number(1))  # session id
    suite = reader.number(2)
    reader.number(1)  # compression
    if reader.is_at_end:
        return ServerHello(version, suite)
    extensions = _Reader(reader.take(reader.number(2)))
    while not extensions.is_at_end:
        kind = extensions.number(2)
        content = extensions.take(extensions.number(2))
        if kind == _SUPPORTED_VERSIONS:
            version = int.from_bytes(content, "big")
    return ServerHello(version, suite)


def _certificates(body: bytes) -> Iterator[bytes]:
    reader = _Reader(body)
    listed = _Reader(reader.take(reader.number(3)))
    while not listed.is_at_end:
        yield listed.take(listed.number(3))


class _Reader:
    """Takes octets off one message; one that ends too early is no TLS."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def is_at_end(self) -> bool:
        return self._at == len(self._data)

    def take(self, count: int) -> bytes:
        end = self._at + count
        if end > len(self._data):
            raise NotTLS("a handshake message ends too early")
        found = self._data[self._at : end]
        self._at = end
        return found

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")
