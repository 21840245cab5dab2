"""ClientHello made by hand (RFC 8446 §4.1.2, RFC 5246 §7.4.1.2, RFC 6101 §5.6.1.2).

A TLS library offers only what it would use itself, so it cannot tell whether a server still takes
SSL 3.0, RC4 or 3DES. A hello asks for one version and a set of suites, and no key is needed: the
server says what it chose, or refuses, before any secret is agreed on.
"""

import ipaddress
from collections.abc import Iterable
from struct import pack
from typing import Final

from as2gateway.tls.suites import Suite
from as2gateway.tls.versions import Version

_HANDSHAKE: Final = 22
_CLIENT_HELLO: Final = 1

_SERVER_NAME: Final = 0
_STATUS_REQUEST: Final = 5
_SUPPORTED_GROUPS: Final = 10
_EC_POINT_FORMATS: Final = 11
_SIGNATURE_ALGORITHMS: Final = 13
_PADDING: Final = 21
_SUPPORTED_VERSIONS: Final = 43
_KEY_SHARE: Final = 51
_RENEGOTIATION_INFO: Final = 0xFF01

#: x25519, P-256, P-384, P-521, x448, ffdhe2048 to 8192, X25519MLKEM768: none may be missing, or a
#: server that takes only that one would look as if it refused everything.
_GROUPS: Final = (29, 23, 24, 25, 30, 256, 257, 258, 259, 260, 0x11EC)
#: ECDSA, RSA-PSS, EdDSA and RSA with SHA-2, then SHA-1 with ECDSA, RSA and DSA for old servers.
_SIGNATURES: Final = (
    *(0x0403, 0x0503, 0x0603, 0x0804, 0x0805, 0x0806, 0x0809, 0x080A, 0x080B, 0x0807, 0x0808),
    *(0x0401, 0x0501, 0x0601, 0x0402, 0x0203, 0x0201, 0x0202),
)
#: "I know secure renegotiation", for a hello that has no extensions (RFC 5746 §3.3).
_RENEGOTIATION_SCSV: Final = 0x00FF
#: Hellos of 256 to 511 octets hang some load balancers (RFC 7685 §4).
_HANGS: Final = range(256, 512)


def client_hello(
    version: Version, suites: Iterable[Suite], server_name: str, random: bytes
) -> bytes:
    """Build the record that asks for one version with these suites.

    ``random`` are 32 octets. In TLS 1.3 no key share is sent, so that the server has to answer with
    a HelloRetryRequest, which names the suite that it chose (RFC 8446 §4.1.4).
    """
    codes = [suite.code for suite in suites]
    if version is Version.SSL3:
        codes.append(_RENEGOTIATION_SCSV)
    body = b"".join(
        (
            pack("!H", min(version.value, Version.TLS12.value)),
            random,
            # TLS 1.3 behind old middleboxes needs a session id (RFC 8446 §D.4).
            _vector8(random if version is Version.TLS13 else b""),
            _vector16(_numbers(codes)),
            _vector8(b"\0"),  # no compression
        )
    )
    if version is not Version.SSL3:
        body += _padded(_extensions(version, server_name), len(body))
    message = pack("!B", _CLIENT_HELLO) + pack("!I", len(body))[1:] + body
    record = min(version.value, Version.TLS10.value)
    return pack("!BHH", _HANDSHAKE, record, len(message)) + message


def _extensions(version: Version, server_name: str) -> bytes:
    found = b""
    if _is_dns_name(server_name):
        name = b"\0" + _vector16(server_name.encode("idna"))
        found += _extension(_SERVER_NAME, _vector16(name))
    found += _extension(_SUPPORTED_GROUPS, _vector16(_numbers(_GROUPS)))
    found += _extension(_EC_POINT_FORMATS, _vector8(b"\0"))
    if version.value >= Version.TLS12.value:
        found += _extension(_SIGNATURE_ALGORITHMS, _vector16(_numbers(_SIGNATURES)))
    if version is Version.TLS13:
        found += _extension(_SUPPORTED_VERSIONS, _vector8(_numbers([version.value])))
        return found + _extension(_KEY_SHARE, _vector16(b""))
    # A stapled OCSP response is asked for (type 1, no responders, no extensions; RFC 6066 §8).
    found += _extension(_STATUS_REQUEST, b"\1" + _vector16(b"") + _vector16(b""))
    return found + _extension(_RENEGOTIATION_INFO, _vector8(b""))


def _padded(extensions: bytes, before: int) -> bytes:
    # four octets of the message's head and two of the length stand before
    size = 4 + before + 2 + len(extensions)
    if size in _HANGS:
        extensions += _extension(_PADDING, bytes(max(_HANGS.stop - size - 4, 0)))
    return _vector16(extensions)


def _is_dns_name(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return bool(host)
    return False  # an address is not sent as a name (RFC 6066 §3)


def _extension(kind: int, data: bytes) -> bytes:
    return pack("!H", kind) + _vector16(data)


def _numbers(values: Iterable[int]) -> bytes:
    return b"".join(pack("!H", value) for value in values)


def _vector8(data: bytes) -> bytes:
    return pack("!B", len(data)) + data


def _vector16(data: bytes) -> bytes:
    return pack("!H", len(data)) + data
