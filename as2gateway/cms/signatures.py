"""Signature values: whether a key made one, and making one."""

from collections.abc import Mapping
from types import MappingProxyType

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.padding import AsymmetricPadding
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from as2gateway.algorithms import DigestAlgorithm, SignatureScheme
from as2gateway.cms.signature_algorithms import Scheme, SignatureAlgorithm
from as2gateway.policy import SigningKey

#: By themselves, as in ``events``: they are asked for with each signature.
_ECDSA, _PSS = Scheme.ECDSA, SignatureScheme.RSA_PSS
_PKCS1 = padding.PKCS1v15()
_PREHASHED: Mapping[DigestAlgorithm, Prehashed] = MappingProxyType(
    {digest: Prehashed(digest.hash) for digest in DigestAlgorithm}
)


def made_by(
    key: PublicKeyTypes,
    algorithm: SignatureAlgorithm,
    digest: DigestAlgorithm,
    digested: bytes,
    signature: bytes,
) -> bool:
    """Whether the private half of a key signed a digest in that way."""
    prehashed = _PREHASHED[digest]
    try:
        if isinstance(key, rsa.RSAPublicKey) and algorithm.scheme is not _ECDSA:
            key.verify(signature, digested, _padding(algorithm), prehashed)
        elif isinstance(key, ec.EllipticCurvePublicKey) and algorithm.scheme is _ECDSA:
            key.verify(signature, digested, ec.ECDSA(prehashed))
        else:
            return False
    # ValueError: a key too short for the digest or the salt
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True


def _padding(algorithm: SignatureAlgorithm) -> AsymmetricPadding:
    if algorithm.mask_digest is None:
        return _PKCS1
    return padding.PSS(padding.MGF1(algorithm.mask_digest.hash), algorithm.salt_length)


def make(key: SigningKey, digest: DigestAlgorithm, data: bytes) -> bytes:
    """Sign octets in the key's scheme; ValueError for an RSA key too short for it."""
    private_key = key.private_key
    if not isinstance(private_key, rsa.RSAPrivateKey):
        return private_key.sign(data, ec.ECDSA(digest.hash))
    if key.scheme is _PSS:
        pss = padding.PSS(padding.MGF1(digest.hash), digest.size)
        return private_key.sign(data, pss, digest.hash)
    return private_key.sign(data, _PKCS1, digest.hash)
