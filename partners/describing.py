"""What kind of key or certificate file somebody has, in plain words.

The usual mistake is the wrong file, so a refusal says what the file is. No text here holds a
password or a part of a key.
"""

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_der_public_key
from cryptography.hazmat.primitives.serialization.pkcs7 import load_der_pkcs7_certificates

from as2gateway.certificates import Certificate

CERTIFICATES: Final = (b"CERTIFICATE", b"TRUSTED CERTIFICATE", b"X509 CERTIFICATE")
BUNDLES: Final = (b"PKCS7", b"CMS")
PRIVATE_KEYS: Final = (
    b"PRIVATE KEY",
    b"RSA PRIVATE KEY",
    b"EC PRIVATE KEY",
    b"ENCRYPTED PRIVATE KEY",
    b"OPENSSH PRIVATE KEY",
)
PUBLIC_KEYS: Final = (b"PUBLIC KEY", b"RSA PUBLIC KEY")

_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----", re.DOTALL)
_REQUEST: Final = "a certificate request, not a certificate yet"
_LABELS: Final = {
    **dict.fromkeys(CERTIFICATES, "a certificate (PEM)"),
    **dict.fromkeys(BUNDLES, "a PKCS#7 bundle of certificates"),
    **dict.fromkeys(PUBLIC_KEYS, "a public key without certificate"),
    b"CERTIFICATE REQUEST": _REQUEST,
    b"NEW CERTIFICATE REQUEST": _REQUEST,
    b"PRIVATE KEY": "a private key (PEM)",
    b"RSA PRIVATE KEY": "a private key (PEM)",
    b"EC PRIVATE KEY": "a private key (PEM)",
    b"ENCRYPTED PRIVATE KEY": "a private key with passphrase (PEM)",
    b"OPENSSH PRIVATE KEY": "a private key in OpenSSH's own format",
}
#: What ``ssh-keygen`` leaves beside a private key; no partner takes it.
_SSH_PUBLIC: Final = (b"ssh-rsa ", b"ssh-ed25519 ", b"ecdsa-sha2-")


@dataclass(frozen=True, slots=True)
class Block:
    """One BEGIN ... END part of a PEM file."""

    label: bytes
    pem: bytes


def blocks(data: bytes) -> tuple[Block, ...]:
    """Return the parts of a PEM file, whatever stands around them."""
    return tuple(Block(match[1], match[0]) for match in _BLOCK.finditer(plain_text(data)))


def describe(data: bytes) -> str:
    """Say what kind of file this is."""
    labels = [block.label for block in blocks(data)]
    if labels:
        kinds = dict.fromkeys(_LABELS.get(label, "PEM of another kind") for label in labels)
        return " and ".join(kinds)
    if not data.strip():
        return "an empty file"
    if plain_text(data).startswith(_SSH_PUBLIC):
        return (
            "a public key in OpenSSH's own format "
            "(ssh-keygen -e -m PKCS8 -f FILE writes the usual one)"
        )
    return _describe_binary(data)


def plain_text(data: bytes) -> bytes:
    """Undo what Windows tools do to PEM: UTF-16 (PowerShell's ``>``), or a byte order mark."""
    if data[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        return data.decode("utf-16", "replace").encode("utf-8")
    return data.removeprefix(b"\xef\xbb\xbf")


def is_certificate(data: bytes) -> bool:
    """Whether this is a certificate in DER."""
    try:
        Certificate.from_der(data)
    except ValueError:
        return False
    return True


def is_bundle(data: bytes) -> bool:
    """Whether this is PKCS#7 in DER that holds certificates."""
    try:
        return bool(load_der_pkcs7_certificates(data))
    except (ValueError, UnsupportedAlgorithm):
        return False


def is_private_key(data: bytes) -> bool:
    """Whether this is a private key in DER, with a passphrase or without."""
    try:
        load_der_private_key(data, None)
    except TypeError:  # has a passphrase
        return True
    except (ValueError, UnsupportedAlgorithm):
        return False
    return True


def is_encrypted(data: bytes) -> bool:
    """Whether a private key in DER has a passphrase."""
    try:
        load_der_private_key(data, None)
    except TypeError:
        return True
    except (ValueError, UnsupportedAlgorithm):
        return False
    return False


def is_pkcs12(data: bytes) -> bool:
    """A SEQUENCE, of some length, whose first element is the version 3 (RFC 7292 §4)."""
    return data[:1] == b"\x30" and b"\x02\x01\x03\x30" in data[2:10]


def _describe_binary(data: bytes) -> str:
    for known, kind in (
        (is_pkcs12, "a PKCS#12 file"),
        (is_certificate, "a certificate (DER)"),
        (is_private_key, "a private key (DER)"),
        (is_bundle, "a PKCS#7 bundle of certificates"),
        (_is_public_key, "a public key without certificate"),
        (_is_base64, "base64 without its BEGIN and END lines"),
    ):
        if known(data):
            return kind
    return "no key or certificate file"


def _is_public_key(data: bytes) -> bool:
    try:
        load_der_public_key(data)
    except (ValueError, UnsupportedAlgorithm):
        return False
    return True


def _is_base64(data: bytes) -> bool:
    try:
        return base64.b64decode(b"".join(data.split()), validate=True)[:1] == b"\x30"
    except binascii.Error:
        return False
