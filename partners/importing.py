"""Key files as people have them in, parsed keys and certificates out.

PEM, DER, PKCS#7, PKCS#12, PKCS#8, PKCS#1 and OpenSSH's own format; with passphrase or without; with
what Windows does to text. Whatever reads here raises KeyFileError, which says what the file is and
what was wanted. No text here holds a password or a part of a key.
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
    load_der_public_key,
    load_pem_private_key,
    load_pem_public_key,
    load_ssh_private_key,
    pkcs7,
    pkcs12,
)

from as2gateway.certificates import Certificate
from partners import describing
from partners.describing import BUNDLES, CERTIFICATES, PRIVATE_KEYS, PUBLIC_KEYS, Block, describe
from partners.parsed import PrivateKey

PublicKey = RSAPublicKey | EllipticCurvePublicKey

#: Shorter RSA keys can be broken or soon will be (NIST SP 800-131A: not after 2013).
RSA_BITS: Final = 2048
#: A key file of any kind is some kB; more than this is another file.
MAX_SIZE: Final = 1024 * 1024


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


def read_certificates(data: bytes) -> tuple[Certificate, ...]:
    """Read every certificate of a PEM file, a DER file or a PKCS#7 bundle."""
    try:
        found = tuple(_certificates(data))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyFileError(f"this certificate cannot be read: {error}") from error
    if not found:
        raise KeyFileError(f"this is {describe(data)}; a certificate (PEM or DER) was wanted")
    return found


def read_certificate(data: bytes) -> Certificate:
    """Read the one certificate that a file is about; those that issued it may stand beside it."""
    certificates = read_certificates(data)
    issuers = {each.issuer for each in certificates if each.issuer != each.subject}
    meant = [each for each in dict.fromkeys(certificates) if each.subject not in issuers]
    if len(meant) != 1:
        subjects = "; ".join(certificate.subject for certificate in certificates)
        raise KeyFileError(
            f"this file holds {len(certificates)} certificates ({subjects}); "
            "keep only the one that is meant"
        )
    return meant[0]


def read_private_key(data: bytes, password: str | None = None) -> PrivateKey:
    """Read a private key: PKCS#8, PKCS#1, EC or OpenSSH's own, with or without passphrase."""
    block = next((each for each in describing.blocks(data) if each.label in PRIVATE_KEYS), None)
    if block is None and not describing.is_private_key(data):
        raise KeyFileError(f"this is {describe(data)}; a private key (PEM or DER) was wanted")
    encrypted = describing.is_encrypted(data) if block is None else _is_encrypted(block)
    if encrypted and not password:
        raise KeyFileError("this private key has a passphrase, and none was given")
    try:
        key = _load(block, data, _octets(password) if encrypted else None)
    except (ValueError, UnsupportedAlgorithm) as error:
        problem = (
            "the passphrase is wrong, or the file is damaged" if encrypted else "it is damaged"
        )
        raise KeyFileError(f"this private key cannot be read: {problem}") from error
    return _supported(key)


def read_public_key(data: bytes) -> PublicKey:
    """Read a public key that stands by itself (SubjectPublicKeyInfo, or PKCS#1 in PEM)."""
    block = next((each for each in describing.blocks(data) if each.label in PUBLIC_KEYS), None)
    try:
        key = load_pem_public_key(block.pem) if block else load_der_public_key(data)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyFileError(f"this is {describe(data)}; a public key was wanted") from error
    if not isinstance(key, RSAPublicKey | EllipticCurvePublicKey):
        kind = type(key).__name__.removesuffix("PublicKey")
        raise KeyFileError(f"this is a public key of type {kind}; RSA or EC was wanted")
    return key


def read_pkcs12(data: bytes, password: str | None = None) -> KeyMaterial:
    """Read a PKCS#12 file (.p12, .pfx): private key, certificate and chain."""
    if not describing.is_pkcs12(data):
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


def read_material(data: bytes, password: str | None = None) -> KeyMaterial:
    """Read a private key with its certificate: PKCS#12, or both in one PEM file."""
    if describing.is_pkcs12(data):
        return read_pkcs12(data, password)
    if not any(block.label in CERTIFICATES for block in describing.blocks(data)):
        wanted = "a private key with its certificate (PKCS#12, or PEM with both) was wanted"
        raise KeyFileError(f"this is {describe(data)}; {wanted}")
    return pair(read_private_key(data, password), read_certificates(data))


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


def _certificates(data: bytes) -> Iterator[Certificate]:
    parts = describing.blocks(data)
    for block in parts:
        if block.label in CERTIFICATES:
            yield Certificate.from_pem(block.pem)
        elif block.label in BUNDLES:
            # Both labels are in use for the same structure (RFC 7468 §8, §9).
            pem = block.pem.replace(b" CMS-", b" PKCS7-")
            yield from _as_ours(pkcs7.load_pem_pkcs7_certificates(pem))
    if parts or data[:1] != b"\x30":
        return
    if describing.is_certificate(data):
        yield Certificate.from_der(data)
    elif describing.is_bundle(data):
        yield from _as_ours(pkcs7.load_der_pkcs7_certificates(data))


def _as_ours(certificates: Sequence[x509.Certificate]) -> Iterator[Certificate]:
    for each in certificates:
        yield Certificate.from_der(each.public_bytes(Encoding.DER))


def _load(block: Block | None, data: bytes, password: bytes | None) -> object:
    if block is None:
        return load_der_private_key(data, password)
    if block.label == b"OPENSSH PRIVATE KEY":
        return load_ssh_private_key(block.pem, password)
    return load_pem_private_key(block.pem, password)


def _is_encrypted(block: Block) -> bool:
    if block.label == b"OPENSSH PRIVATE KEY":
        return _ssh_is_encrypted(block.pem)
    return block.label == b"ENCRYPTED PRIVATE KEY" or b"Proc-Type: 4,ENCRYPTED" in block.pem


def _ssh_is_encrypted(pem: bytes) -> bool:
    try:
        load_ssh_private_key(pem, None)
    except TypeError:  # has a passphrase
        return True
    except (ValueError, UnsupportedAlgorithm):
        return False
    return False


def _supported(key: object) -> PrivateKey:
    if not isinstance(key, RSAPrivateKey | EllipticCurvePrivateKey):
        kind = type(key).__name__.removesuffix("PrivateKey")
        raise KeyFileError(f"this is a private key of type {kind}; RSA or EC was wanted")
    return key


def _octets(password: str | None) -> bytes | None:
    return password.encode() if password else None
