"""Certificates and RSA operations, with the names and the order of arguments that oscrypto has."""

import secrets
from dataclasses import dataclass

from asn1crypto import x509 as asn1_x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import (
    MGF1,
    OAEP,
    PSS,
    AsymmetricPadding,
    PKCS1v15,
)
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from as2gateway.algorithms import DigestAlgorithm
from as2gateway.certificates import Certificate as _Certificate


class Certificate:
    """A certificate of an RSA key: ``asn1`` to copy names from, ``public_key`` to work with."""

    def __init__(self, certificate: _Certificate) -> None:
        key = certificate.public_key
        if not isinstance(key, RSAPublicKey):
            raise ValueError(  # noqa: TRY004  a setting is wrong, not a type
                f"{certificate.subject} has no RSA key, and pyas2lib knows no other"
            )
        self.public_key = key
        self.asn1 = asn1_x509.Certificate.load(certificate.der)


@dataclass(frozen=True, slots=True)
class ContentKeyOpener:
    """A private key that unwraps content keys of ``size`` bytes.

    Where there is none of that size it gives a random one, so neither the answer nor its time says
    what the private key made of the octets (RFC 3218 §2.3.2, threats R12).
    """

    private_key: RSAPrivateKey
    size: int

    def open(self, wrapped: bytes, padding: AsymmetricPadding) -> bytes:
        """Unwrap. Never fails."""
        instead = secrets.token_bytes(self.size)  # drawn each time, so that it costs the same
        # Some drop the leading zeros of the number; RSA needs all octets (RFC 8017 §7.2.2).
        number = wrapped.lstrip(b"\0").rjust((self.private_key.key_size + 7) // 8, b"\0")
        try:
            found = self.private_key.decrypt(number, padding)
        except ValueError:
            return instead
        return found if len(found) == self.size else instead


def load_certificate(source: bytes) -> Certificate:
    """Read DER. Raises ValueError."""
    return Certificate(_Certificate.from_der(source))


def rsa_pkcs1v15_encrypt(certificate: Certificate, data: bytes) -> bytes:
    """Wrap a content key."""
    return certificate.public_key.encrypt(data, PKCS1v15())


def rsa_pkcs1v15_decrypt(private_key: ContentKeyOpener, ciphertext: bytes) -> bytes:
    """Unwrap a content key."""
    return private_key.open(ciphertext, PKCS1v15())


def rsa_oaep_decrypt(private_key: ContentKeyOpener, ciphertext: bytes) -> bytes:
    """Unwrap a content key; OAEP with SHA-1, the only one that oscrypto knows."""
    sha1 = hashes.SHA1()  # noqa: S303  the default of RFC 4055 §4.1; OAEP does not need more of it
    return private_key.open(ciphertext, OAEP(MGF1(sha1), sha1, None))


def rsa_pkcs1v15_sign(private_key: RSAPrivateKey, data: bytes, hash_algorithm: str) -> bytes:
    """Sign."""
    return private_key.sign(data, PKCS1v15(), _hash(hash_algorithm))


def rsa_pkcs1v15_verify(
    certificate: Certificate, signature: bytes, data: bytes, hash_algorithm: str
) -> None:
    """Verify. Raises ``cryptography``'s InvalidSignature."""
    certificate.public_key.verify(signature, data, PKCS1v15(), _hash(hash_algorithm))


def rsa_pss_verify(
    certificate: Certificate, signature: bytes, data: bytes, hash_algorithm: str
) -> None:
    """Verify; MGF1 with the same hash, a salt as long as it. Raises InvalidSignature."""
    digest = _hash(hash_algorithm)
    padding = PSS(MGF1(digest), digest.digest_size)
    certificate.public_key.verify(signature, data, padding, digest)


def _hash(name: str) -> hashes.HashAlgorithm:
    return DigestAlgorithm.parse(name).hash
