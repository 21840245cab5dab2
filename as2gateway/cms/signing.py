"""Writing a SignedData: RFC 5652 section 5, by one signer; detached, or with its content."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from as2gateway import der
from as2gateway.algorithms import DigestAlgorithm, SignatureScheme
from as2gateway.cms import oids, signatures
from as2gateway.cms.content import Frame
from as2gateway.policy import SigningKey


@dataclass(frozen=True, slots=True)
class Signing:
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
            der.sequence(_CONTENT_TYPE, der.set_of([_DATA])),
            der.sequence(_MESSAGE_DIGEST, der.set_of([der.octet_string(digest)])),
            der.sequence(_SIGNING_TIME, der.set_of([der.time(self.now)])),
        ]
        if self.key.protect_algorithms:
            # RFC 6211 §2: the signature's algorithm under an implicit tag, so without its own
            named = bytes((_CONTEXT + 1,)) + _signature_identifier(self.algorithm, self.key)[1:]
            protection = der.sequence(_DIGEST_IDENTIFIERS[self.algorithm], named)
            attributes.append(der.sequence(_ALGORITHM_PROTECTION, der.set_of([protection])))
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
        return _certificates(self.key) + der.element(der.SET, signer)


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
    signed = der.sequence(
        _VERSION,
        der.element(der.SET, _DIGEST_IDENTIFIERS[algorithm]),
        der.sequence(_DATA),
        signed_part,
    )
    return der.sequence(_SIGNED_DATA, der.element(_CONTEXT, signed))


def _certificates(key: SigningKey) -> bytes:
    enclosed = [one.der for one in key.enclosed]
    return der.element(_CONTEXT, *sorted(enclosed)) if enclosed else b""


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

#: parameters absent (RFC 3370 §2.1, RFC 5754 §2, CMS-06)
_DIGEST_IDENTIFIERS: Mapping[DigestAlgorithm, bytes] = MappingProxyType(
    {digest: der.sequence(der.oid(digest.oid)) for digest in DigestAlgorithm}
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
