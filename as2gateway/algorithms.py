"""Algorithms by the names that operators and the wire use, and their object identifiers.

Sources: RFC 5754, RFC 5084 and RFC 8551 for CMS; RFC 3851, RFC 5751 and MIC-07 for the
spellings of digests. What is allowed on a connection is policy, not decided here.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import Self

from cryptography.hazmat.primitives import hashes


class DigestAlgorithm(StrEnum):
    """A message digest; its value is what settings, ``micalg`` and Received-content-MIC call it."""

    MD5 = "md5"
    SHA1 = "sha-1"
    SHA224 = "sha-224"
    SHA256 = "sha-256"
    SHA384 = "sha-384"
    SHA512 = "sha-512"

    @staticmethod
    def parse(name: str) -> "DigestAlgorithm":
        """Read any spelling seen (``SHA1``, ``sha2_256``, ``rsa-sha256``); ValueError if none."""
        return _read_digest_name(name)

    @classmethod
    def of_size(cls, size: int) -> Self:
        """Which algorithm makes digests of that many bytes; ValueError if none does."""
        for algorithm in cls:
            if algorithm.size == size:
                return algorithm
        raise ValueError(f"no digest algorithm makes {size} bytes")

    @property
    def wire_name(self) -> str:
        """The spelling to emit unless the partner used another: ``sha1``, ``sha-256`` (MIC-08)."""
        return _WIRE_NAMES[self]

    @property
    def rfc3851_name(self) -> str:
        """The spelling of RFC 3851, which old products know alone: ``sha256`` (MIC-08)."""
        return self.value.replace("-", "")

    @property
    def oid(self) -> str:
        """Its object identifier, dotted."""
        return _DIGEST_OIDS[self]

    @property
    def size(self) -> int:
        """Length of a digest in bytes."""
        return _DIGEST_SIZES[self]

    def new(self) -> "hashlib._Hash":
        """Start a running digest."""
        return _DIGEST_MAKERS[self](usedforsecurity=False)

    @property
    def hash(self) -> hashes.HashAlgorithm:
        """The same algorithm as ``cryptography`` names it, for signatures."""
        return _DIGEST_HASHES[self]


_DIGEST_NAME = re.compile(
    r"(?:rsa-)?(?:(?P<md5>md5)|sha-?1|sha[-_]?(?:2[-_])?(?P<size>224|256|384|512)|sha)"
)


@lru_cache(maxsize=64)
def _read_digest_name(name: str) -> DigestAlgorithm:
    match = _DIGEST_NAME.fullmatch(name.strip().strip('"').strip().lower())
    if match is None:
        raise ValueError(f"unknown digest algorithm {name!r}")
    # "sha" alone is SHA-1 (RFC 3335 §5.2 era senders)
    return DigestAlgorithm("md5" if match["md5"] else f"sha-{match['size'] or 1}")


_WIRE_NAMES: Mapping[DigestAlgorithm, str] = MappingProxyType(
    {**{digest: digest.value for digest in DigestAlgorithm}, DigestAlgorithm.SHA1: "sha1"}
)
_DIGEST_OIDS: Mapping[DigestAlgorithm, str] = MappingProxyType(
    {
        DigestAlgorithm.MD5: "1.2.840.113549.2.5",
        DigestAlgorithm.SHA1: "1.3.14.3.2.26",
        DigestAlgorithm.SHA224: "2.16.840.1.101.3.4.2.4",
        DigestAlgorithm.SHA256: "2.16.840.1.101.3.4.2.1",
        DigestAlgorithm.SHA384: "2.16.840.1.101.3.4.2.2",
        DigestAlgorithm.SHA512: "2.16.840.1.101.3.4.2.3",
    }
)
_DIGEST_MAKERS: Mapping[DigestAlgorithm, "Callable[..., hashlib._Hash]"] = MappingProxyType(
    {digest: getattr(hashlib, digest.rfc3851_name) for digest in DigestAlgorithm}
)
_DIGEST_SIZES: Mapping[DigestAlgorithm, int] = MappingProxyType(
    {
        DigestAlgorithm.MD5: 16,
        DigestAlgorithm.SHA1: 20,
        DigestAlgorithm.SHA224: 28,
        DigestAlgorithm.SHA256: 32,
        DigestAlgorithm.SHA384: 48,
        DigestAlgorithm.SHA512: 64,
    }
)
_DIGEST_HASHES: Mapping[DigestAlgorithm, hashes.HashAlgorithm] = MappingProxyType(
    {
        DigestAlgorithm.MD5: hashes.MD5(),  # noqa: S303  only read, and only where a policy allows it
        DigestAlgorithm.SHA1: hashes.SHA1(),  # noqa: S303  the same
        DigestAlgorithm.SHA224: hashes.SHA224(),
        DigestAlgorithm.SHA256: hashes.SHA256(),
        DigestAlgorithm.SHA384: hashes.SHA384(),
        DigestAlgorithm.SHA512: hashes.SHA512(),
    }
)

#: Digests whose MIC a sender keeps of a payload up to ``ALL_DIGESTS_SIZE``, since a partner may
#: answer in any of them (MIC-11).
KEPT_DIGESTS = (
    DigestAlgorithm.SHA1,
    DigestAlgorithm.SHA256,
    DigestAlgorithm.SHA384,
    DigestAlgorithm.SHA512,
)
#: Those of a larger payload, besides that of its signature: what products answer in when they do
#: not answer in that. SHA-384 and SHA-512 take three times as long, each; they can be taken later.
LIKELY_DIGESTS = (DigestAlgorithm.SHA1, DigestAlgorithm.SHA256)
#: bytes: six milliseconds of hashing, as much as four RSA signatures
ALL_DIGESTS_SIZE = 1024 * 1024


class CipherAlgorithm(StrEnum):
    """A content-encryption algorithm; its value is what settings call it."""

    AES128_CBC = "aes-128-cbc"
    AES192_CBC = "aes-192-cbc"
    AES256_CBC = "aes-256-cbc"
    AES128_GCM = "aes-128-gcm"
    AES192_GCM = "aes-192-gcm"
    AES256_GCM = "aes-256-gcm"
    TRIPLE_DES_CBC = "des-ede3-cbc"

    @property
    def oid(self) -> str:
        """Its object identifier, dotted."""
        return _CIPHER_OIDS[self]

    @property
    def key_size(self) -> int:
        """Key length in bytes."""
        return _CIPHER_KEY_SIZES[self]

    @property
    def block_size(self) -> int:
        """Block length in bytes."""
        return _CIPHER_BLOCK_SIZES[self]

    @property
    def vector_size(self) -> int:
        """Length of the initialization vector that is written, in bytes.

        A nonce of GCM has 12: the one length that needs no further hashing (RFC 5084 §3.2).
        """
        return 12 if self.authenticates else self.block_size

    @property
    def authenticates(self) -> bool:
        """Whether it finds out if what it opens was changed (AES-GCM)."""
        return self in _GCM


_CIPHER_OIDS: Mapping[CipherAlgorithm, str] = MappingProxyType(
    {
        CipherAlgorithm.AES128_CBC: "2.16.840.1.101.3.4.1.2",
        CipherAlgorithm.AES192_CBC: "2.16.840.1.101.3.4.1.22",
        CipherAlgorithm.AES256_CBC: "2.16.840.1.101.3.4.1.42",
        CipherAlgorithm.AES128_GCM: "2.16.840.1.101.3.4.1.6",
        CipherAlgorithm.AES192_GCM: "2.16.840.1.101.3.4.1.26",
        CipherAlgorithm.AES256_GCM: "2.16.840.1.101.3.4.1.46",
        CipherAlgorithm.TRIPLE_DES_CBC: "1.2.840.113549.3.7",
    }
)
_CIPHER_KEY_SIZES: Mapping[CipherAlgorithm, int] = MappingProxyType(
    {
        CipherAlgorithm.AES128_CBC: 16,
        CipherAlgorithm.AES192_CBC: 24,
        CipherAlgorithm.AES256_CBC: 32,
        CipherAlgorithm.AES128_GCM: 16,
        CipherAlgorithm.AES192_GCM: 24,
        CipherAlgorithm.AES256_GCM: 32,
        CipherAlgorithm.TRIPLE_DES_CBC: 24,
    }
)
_CIPHER_BLOCK_SIZES: Mapping[CipherAlgorithm, int] = MappingProxyType(
    {**dict.fromkeys(CipherAlgorithm, 16), CipherAlgorithm.TRIPLE_DES_CBC: 8}
)
_GCM = frozenset(
    {CipherAlgorithm.AES128_GCM, CipherAlgorithm.AES192_GCM, CipherAlgorithm.AES256_GCM}
)


class KeyTransport(StrEnum):
    """How the content key is wrapped for a recipient.

    ``RSA_OAEP`` is written with SHA-256, and stands for OAEP with any digest where it is read;
    ``RSA_OAEP_SHA1`` is only written, for products that know OAEP by its defaults alone.
    """

    RSA_V15 = "rsa-pkcs1-v1.5"
    RSA_OAEP = "rsa-oaep"
    RSA_OAEP_SHA1 = "rsa-oaep-sha1"


class SignatureScheme(StrEnum):
    """How an RSA key signs; an elliptic one makes ECDSA (RFC 5754 §3)."""

    RSA_V15 = "rsa-pkcs1-v1.5"
    RSA_PSS = "rsa-pss"


class Compression(StrEnum):
    """Where a message is compressed; never at both places (RFC 5402 §3)."""

    NONE = "none"
    BEFORE_SIGNING = "before-signing"
    AFTER_SIGNING = "after-signing"
