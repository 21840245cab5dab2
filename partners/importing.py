"""Key files as people have them: PEM, DER and PKCS#12 in, parsed keys and certificates out.

A refusal says what the file is and what was wanted, since the usual mistake is the wrong file. No
text here holds a password or a part of a key.
"""

import base64
import binascii
import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
    load_pem_private_key,
    pkcs12,
)

from as2gateway.certificates import Certificate
from partners.parsed import PrivateKey

#: Shorter RSA keys can be broken or soon will be (NIST SP 800-131A: not after 2013).
RSA_BITS: Final = 2048
#: A key file of any kind is some kB; more than this is another file.
MAX_SIZE: Final = 1024 * 1024

_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----", re.DOTALL)
_LABELS: Final = {
    b"CERTIFICATE": "a certificate (PEM)",
    b"TRUSTED CERTIFICATE": "a certificate (PEM)",
    b"X509 CERTIFICATE": "a certificate (PEM)",
    b"CERTIFICATE REQUEST": "a certificate request, not a certificate yet",
    b"NEW CERTIFICATE REQUEST": "a certificate request, not a certificate yet",
    b"PUBLIC KEY": "a public key without certificate",
    b"RSA PUBLIC KEY": "a public key without certificate",
    b"PKCS7": "a PKCS#7 bundle of certificates",
    b"CMS": "a PKCS#7 bundle of certificates",
    b"PRIVATE KEY": "a private key (PEM)",
    b"RSA PRIVATE KEY": "a private key (PEM)",
    b"EC PRIVATE KEY": "a private key (PEM)",
    b"ENCRYPTED PRIVATE KEY": "a private key with passphrase (PEM)",
    b"OPENSSH PRIVATE KEY": "a private key in OpenSSH's own format "
    "(ssh-keygen -p -m PKCS8 -f FILE converts it)",
}
_CERTIFICATES: Final = (b"CERTIFICATE", b"TRUSTED CERTIFICATE", b"X509 CERTIFICATE")
_PRIVATE_KEYS: Final = (
    b"PRIVATE KEY",
    b"RSA PRIVATE KEY",
    b"EC PRIVATE KEY",
    b"ENCRYPTED PRIVATE KEY",
)


class KeyFileError(Exception):
    """A file is not the key or certificate that was wanted; the text says why, in plain words."""


@dataclass(frozen=True, slots=True)
class KeyMaterial:
    """A private key, the certificate for it, and the certificates above."""

    private_key: PrivateKey = field(repr=False)
    certificate: Certificate
    chain: tuple[Certificate, ...] = ()

    @property
    def pkcs8(self) -> bytes:
        """The private key as it is stored: PKCS#8 DER; the field encrypts it."""
        return self.private_key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def describe(data: bytes) -> str:
    """Say what kind of file this is."""
    labels = [match[1] for match in _BLOCK.finditer(_text(data))]
    if labels:
        kinds = dict.fromkeys(_LABELS.get(label, "PEM of another kind") for label in labels)
        return " and ".join(kinds)
    if not data.strip():
        return "an empty file"
    return _describe_binary(data)


def read_certificates(data: bytes) -> tuple[Certificate, ...]:
    """Read every certificate of a PEM file, or the one of a DER file."""
    wanted = "a certificate (PEM or DER) was wanted"
    blocks = [match[0] for match in _BLOCK.finditer(_text(data)) if match[1] in _CERTIFICATES]
    try:
        if blocks:
            return tuple(Certificate.from_pem(block) for block in blocks)
        if data[:1] == b"\x30" and _is_certificate(data):
            return (Certificate.from_der(data),)
    except ValueError as error:
        raise KeyFileError(f"this certificate cannot be read: {error}") from error
    raise KeyFileError(f"this is {describe(data)}; {wanted}")


def read_certificate(data: bytes) -> Certificate:
    """Read the one certificate of a file."""
    certificates = read_certificates(data)
    if len(certificates) > 1:
        subjects = "; ".join(certificate.subject for certificate in certificates)
        raise KeyFileError(
            f"this file holds {len(certificates)} certificates ({subjects}); "
            "keep only the one that is meant"
        )
    return certificates[0]


def read_private_key(data: bytes, password: str | None = None) -> PrivateKey:
    """Read a private key in PEM: PKCS#8, PKCS#1 or EC, with or without passphrase."""
    blocks = [match for match in _BLOCK.finditer(_text(data)) if match[1] in _PRIVATE_KEYS]
    if not blocks:
        raise KeyFileError(f"this is {describe(data)}; a private key (PEM) was wanted")
    pem = blocks[0][0]
    encrypted = blocks[0][1] == b"ENCRYPTED PRIVATE KEY" or b"Proc-Type: 4,ENCRYPTED" in pem
    if encrypted and not password:
        raise KeyFileError("this private key has a passphrase, and none was given")
    try:
        key = load_pem_private_key(pem, _octets(password) if encrypted else None)
    except (ValueError, UnsupportedAlgorithm) as error:
        problem = (
            "the passphrase is wrong, or the file is damaged" if encrypted else "it is damaged"
        )
        raise KeyFileError(f"this private key cannot be read: {problem}") from error
    return _supported(key)


def read_pkcs12(data: bytes, password: str | None = None) -> KeyMaterial:
    """Read a PKCS#12 file (.p12, .pfx): private key, certificate and chain."""
    if not _is_pkcs12(data):
        raise KeyFileError(f"this is {describe(data)}; a PKCS#12 file (.p12, .pfx) was wanted")
    try:
        loaded = pkcs12.load_pkcs12(data, _octets(password))
    except (ValueError, UnsupportedAlgorithm) as error:
        problem = "the password is wrong" if password else "it needs a password, and none was given"
        raise KeyFileError(
            f"this PKCS#12 file cannot be read: {problem}, or the file is damaged"
        ) from error
    if loaded.key is None:
        raise KeyFileError("this PKCS#12 file holds certificates only; a private key was wanted")
    stored = [*([loaded.cert] if loaded.cert else []), *loaded.additional_certs]
    certificates = [
        Certificate.from_der(entry.certificate.public_bytes(Encoding.DER)) for entry in stored
    ]
    return pair(_supported(loaded.key), certificates)


def pair(key: PrivateKey, certificates: Sequence[Certificate]) -> KeyMaterial:
    """Find the key's own certificate; the others are its chain, in the order of the file."""
    public = key.public_key()
    own = next((each for each in certificates if each.public_key == public), None)
    if own is None:
        subjects = "; ".join(each.subject for each in certificates) or "none at all"
        raise KeyFileError(
            f"the private key and the certificate ({subjects}) do not belong together"
        )
    return KeyMaterial(key, own, tuple(each for each in certificates if each != own))


def check_certificate(certificate: Certificate, now: dt.datetime) -> None:
    """Raise KeyFileError for one that nobody should begin to use: expired, or too weak."""
    if certificate.not_after <= now:
        raise KeyFileError(
            f"the certificate {certificate.subject} expired on {certificate.not_after:%Y-%m-%d}"
        )
    if certificate.key_type == "rsa" and certificate.key_bits < RSA_BITS:
        raise KeyFileError(
            f"the key of {certificate.subject} has {certificate.key_bits} bits; "
            f"RSA keys need at least {RSA_BITS}"
        )


def _supported(key: object) -> PrivateKey:
    if not isinstance(key, RSAPrivateKey | EllipticCurvePrivateKey):
        kind = type(key).__name__.removesuffix("PrivateKey")
        raise KeyFileError(f"this is a private key of type {kind}; RSA or EC was wanted")
    return key


def _octets(password: str | None) -> bytes | None:
    return password.encode() if password else None


def _text(data: bytes) -> bytes:
    """Undo what Windows tools do to PEM: UTF-16 with a byte order mark."""
    if data[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        return data.decode("utf-16", "replace").encode("utf-8")
    return data


def _describe_binary(data: bytes) -> str:
    if _is_pkcs12(data):
        return "a PKCS#12 file"
    if _is_certificate(data):
        return "a certificate (DER)"
    if _is_private_key(data):
        return "a private key in DER (openssl pkey -inform DER converts it)"
    if _is_base64(data):
        return "base64 without its BEGIN and END lines"
    return "no key or certificate file"


def _is_certificate(data: bytes) -> bool:
    try:
        Certificate.from_der(data)
    except ValueError:
        return False
    return True


def _is_private_key(data: bytes) -> bool:
    try:
        load_der_private_key(data, None)
    except TypeError:  # has a passphrase
        return True
    except (ValueError, UnsupportedAlgorithm):
        return False
    return True


def _is_pkcs12(data: bytes) -> bool:
    """A SEQUENCE, of some length, whose first element is the version 3 (RFC 7292 §4)."""
    return data[:1] == b"\x30" and b"\x02\x01\x03\x30" in data[2:10]


def _is_base64(data: bytes) -> bool:
    try:
        return base64.b64decode(b"".join(data.split()), validate=True)[:1] == b"\x30"
    except binascii.Error:
        return False
