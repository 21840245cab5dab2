"""Writing a SignedData: RFC 5652 section 5, by one signer; detached, or with its content."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from as2gateway import der
from as2gateway.algorithms import DigestAlgorithm, SignatureScheme
from as2gateway.certificates import Certificate
from as2gateway.cms import oids, signatures
from as2gateway.cms.content import Frame
from as2gateway.policy import SigningKey

#: certificates of signers that are kept as they go into signatures: a gateway has some dozens
_KEPT = 64
#: moments of signing that are kept written: the signatures of a second bear the same one
_KEPT_TIMES = 16


class Signing(NamedTuple):
    """How one SignedData is made: all that it depends on but the content."""

    algorithm: DigestAlgorithm
    key: SigningKey
    now: datetime

    def sign(self, digest: bytes) -> bytes:
        """Write a ContentInfo with a detached SignedData over content of that digest.

        Raises ValueError for an RSA key too short for its scheme.
        """
        return _detached(self.algorithm, self._signed_part(digest))

    @property
    def signature_length(self) -> int | None:
        """Octets that ``sign`` makes; None where the length of a signature varies (ECDSA)."""
        length = self._signed_part_length
        return None if length is None else len(_detached(self.algorithm, bytes(length)))

    def enclose(
        self, chunks: Iterable[bytes], length: int | None, digest: Callable[[], bytes]
    ) -> Iterator[bytes]:
        """Write a ContentInfo with a SignedData that has its content inside (RFC 8551 §3.5.2).

        DER if ``length``, that of the content, and that of the signature are known. ``digest`` is
        asked when the last chunk has been taken.
        """
        tail_length = self._signed_part_length
        frame = _enclosing(self.algorithm, tail_length or 0)
        known = None if tail_length is None else length
        return frame.write(chunks, known, lambda: self._signed_part(digest()))

    def enclosed_length(self, length: int) -> int | None:
        """Octets that ``enclose`` makes of ``length`` octets; None where that varies (ECDSA)."""
        tail_length = self._signed_part_length
        return (
            None if tail_length is None else _enclosing(self.algorithm, tail_length).length(length)
        )

    def _signed_part(self, digest: bytes) -> bytes:
        """Certificates and SignerInfos: what follows the content."""
        attributes = self._attributes(digest)
        signature = signatures.make(self.key, self.algorithm, der.element(der.SET, attributes))
        return self._encode(attributes, signature)

    @property
    def _signed_part_length(self) -> int | None:
        if not isinstance(self.key.private_key, RSAPrivateKey):
            return None
        attributes = self._attributes(bytes(self.algorithm.size))
        return len(self._encode(attributes, bytes((self.key.private_key.key_size + 7) // 8)))

    def _attributes(self, digest: bytes) -> bytes:
        """Contents of the signed attributes, in DER's order (CMS-11)."""
        attributes = [
            _CONTENT_IS_DATA,
            _DIGEST_HEADS[self.algorithm] + digest,
            _signing_time(self.now.timestamp() // 1),
        ]
        if self.key.protect_algorithms:
            # RFC 6211 §2: the signature's algorithm under an implicit tag, so without its own
            named = bytes((_CONTEXT + 1,)) + _signature_identifier(self.algorithm, self.key)[1:]
            protection = der.sequence(_DIGEST_IDENTIFIERS[self.algorithm], named)
            attributes.append(_attribute(_ALGORITHM_PROTECTION, protection))
        return b"".join(sorted(attributes))

    def _encode(self, attributes: bytes, signature: bytes) -> bytes:
        signer = der.sequence(
            _VERSION,
            self.key.certificate.issuer_and_serial,
            _DIGEST_IDENTIFIERS[self.algorithm],
            der.element(_CONTEXT, attributes),
            _signature_identifier(self.algorithm, self.key),
            der.octet_string(signature),
        )
        return _certificates(self.key.enclosed) + der.element(der.SET, signer)


def _enclosing(algorithm: DigestAlgorithm, tail_length: int) -> Frame:
    return Frame(
        (
            (der.SEQUENCE, _SIGNED_DATA),
            (_CONTEXT, b""),
            (der.SEQUENCE, _VERSION + der.element(der.SET, _DIGEST_IDENTIFIERS[algorithm])),
            (der.SEQUENCE, _DATA),
            (_CONTEXT, b""),
        ),
        der.OCTET_STRING,
        tail_length,
        closed=2,
    )


def _detached(algorithm: DigestAlgorithm, signed_part: bytes) -> bytes:
    signed = der.sequence(_DETACHED_HEADS[algorithm], signed_part)
    return der.sequence(_SIGNED_DATA, der.element(_CONTEXT, signed))


def _attribute(kind: bytes, value: bytes) -> bytes:
    return der.sequence(kind, der.element(der.SET, value))


@lru_cache(_KEPT_TIMES)
def _signing_time(second: float) -> bytes:
    return _attribute(_SIGNING_TIME, der.time(datetime.fromtimestamp(second, UTC)))


@lru_cache(_KEPT)
def _certificates(enclosed: tuple[Certificate, ...]) -> bytes:
    return der.element(_CONTEXT, *sorted(one.der for one in enclosed)) if enclosed else b""


def _signature_identifier(algorithm: DigestAlgorithm, key: SigningKey) -> bytes:
    if not isinstance(key.private_key, RSAPrivateKey):
        return _ECDSA_IDENTIFIERS[algorithm]
    if key.scheme is SignatureScheme.RSA_V15:
        return _RSA_IDENTIFIER
    # RFC 4056 §2.2: one digest for all, and a salt of its length
    digest = der.sequence(der.oid(algorithm.oid), der.NULL)
    mask = der.sequence(der.oid(oids.MGF1), digest)
    parameters = der.sequence(
        der.element(_CONTEXT, digest),
        der.element(_CONTEXT + 1, mask),
        der.element(_CONTEXT + 2, der.integer(algorithm.size)),
    )
    return der.sequence(der.oid(oids.RSASSA_PSS), parameters)


_CONTEXT = der.CONTEXT | der.CONSTRUCTED
#: of SignedData with id-data, and of a SignerInfo with issuerAndSerialNumber (RFC 5652 §5.1, §5.3)
_VERSION = der.integer(1)
_DATA = der.oid(oids.DATA)
_SIGNED_DATA = der.oid(oids.SIGNED_DATA)
_CONTENT_TYPE = der.oid(oids.CONTENT_TYPE)
_MESSAGE_DIGEST = der.oid(oids.MESSAGE_DIGEST)
_SIGNING_TIME = der.oid(oids.SIGNING_TIME)
_ALGORITHM_PROTECTION = der.oid(oids.ALGORITHM_PROTECTION)
_CONTENT_IS_DATA = _attribute(_CONTENT_TYPE, _DATA)

#: of the attribute that holds the digest: what stands before the digest itself
_DIGEST_HEADS: Mapping[DigestAlgorithm, bytes] = MappingProxyType(
    {
        digest: _attribute(_MESSAGE_DIGEST, der.octet_string(bytes(digest.size)))[: -digest.size]
        for digest in DigestAlgorithm
    }
)
#: parameters absent (RFC 3370 §2.1, RFC 5754 §2, CMS-06)
_DIGEST_IDENTIFIERS: Mapping[DigestAlgorithm, bytes] = MappingProxyType(
    {digest: der.sequence(der.oid(digest.oid)) for digest in DigestAlgorithm}
)
#: of a SignedData without its content: what comes before certificates and signers
_DETACHED_HEADS: Mapping[DigestAlgorithm, bytes] = MappingProxyType(
    {
        digest: _VERSION + der.element(der.SET, identifier) + der.sequence(_DATA)
        for digest, identifier in _DIGEST_IDENTIFIERS.items()
    }
)
#: the name that every CMS reader knows, old ones too (RFC 5754 §3.2)
_RSA_IDENTIFIER = der.sequence(der.oid(oids.RSA_ENCRYPTION), der.NULL)
_ECDSA_IDENTIFIERS: Mapping[DigestAlgorithm, bytes] = MappingProxyType(
    {
        DigestAlgorithm.SHA1: der.sequence(der.oid(oids.ECDSA_WITH_SHA1)),
        DigestAlgorithm.SHA224: der.sequence(der.oid(oids.ECDSA_WITH_SHA224)),
        DigestAlgorithm.SHA256: der.sequence(der.oid(oids.ECDSA_WITH_SHA256)),
        DigestAlgorithm.SHA384: der.sequence(der.oid(oids.ECDSA_WITH_SHA384)),
        DigestAlgorithm.SHA512: der.sequence(der.oid(oids.ECDSA_WITH_SHA512)),
    }
)
