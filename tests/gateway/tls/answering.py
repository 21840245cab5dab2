"""Octets of a server's answer, made by hand."""

from struct import pack


def record(kind: int, body: bytes) -> bytes:
    return pack("!BHH", kind, 0x0303, len(body)) + body


def message(kind: int, body: bytes) -> bytes:
    return pack("!B", kind) + len(body).to_bytes(3, "big") + body


def server_hello(
    suite: int = 0xC02F, version: int = 0x0303, chosen: int | None = None, *, extended: bool = True
) -> bytes:
    """A ServerHello; ``chosen`` stands in the extension supported_versions."""
    body = pack("!H", version) + bytes(32) + b"\x04" + bytes(4) + pack("!HB", suite, 0)
    extensions = b"\xff\x01\x00\x01\x00"
    if chosen is not None:
        extensions += pack("!HHH", 43, 2, chosen)
    return message(2, body + pack("!H", len(extensions)) + extensions if extended else body)


def certificates(*ders: bytes) -> bytes:
    listed = b"".join(len(der).to_bytes(3, "big") + der for der in ders)
    return message(11, len(listed).to_bytes(3, "big") + listed)


def alert(level: int, code: int) -> bytes:
    return record(21, bytes([level, code]))
