"""SignedData made by hand, each part as right or as wrong as a test wants it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from as2gateway import der
from as2gateway.algorithms import DigestAlgorithm
from as2gateway.cms import oids, signatures
from as2gateway.policy import SigningKey
from tests.openssl import Identity

CONTENT = b"Content-Type: text/plain\r\n\r\nsigned"
NOW = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
RSA = der.sequence(der.oid(oids.RSA_ENCRYPTION), der.NULL)


def digest_of(content: bytes, algorithm: DigestAlgorithm = DigestAlgorithm.SHA256) -> bytes:
    """The digest of some content."""
    running = algorithm.new()
    running.update(content)
    return running.digest()


def attribute(name: str, *values: bytes) -> bytes:
    """An attribute of a signer."""
    return der.sequence(der.oid(name), der.set_of(values))


CONTENT_TYPE = attribute(oids.CONTENT_TYPE, der.oid(oids.DATA))
MESSAGE_DIGEST = attribute(oids.MESSAGE_DIGEST, der.octet_string(digest_of(CONTENT)))
SIGNING_TIME = attribute(oids.SIGNING_TIME, der.time(NOW))


@dataclass(frozen=True, slots=True)
class Signer:
    """What goes into a SignerInfo; what is None follows from the rest."""

    identity: Identity
    attributes: Sequence[bytes] = (CONTENT_TYPE, SIGNING_TIME, MESSAGE_DIGEST)
    #: contents of the SET that is signed, if it is not the attributes as they stand
    signed: bytes | None = None
    identifier: bytes | None = None
    version: bytes = der.integer(1)
    digest: DigestAlgorithm = DigestAlgorithm.SHA256
    digest_parameters: bytes = b""
    digest_oid: str | None = None
    algorithm: bytes = RSA
    #: the digest that really goes into the signature
    made_with: DigestAlgorithm | None = None
    #: how the attributes are opened and closed
    opening: bytes | None = None
    closing: bytes = b""

    def encode(self) -> bytes:
        """The SignerInfo."""
        contents = b"".join(self.attributes)
        tbs = der.element(der.SET, contents if self.signed is None else self.signed)
        opening = self.opening or der.header(0xA0, len(contents))
        key = SigningKey(self.identity.private_key, self.identity.certificate)
        signature = signatures.make(key, self.made_with or self.digest, tbs)
        return der.sequence(
            self.version,
            self.identifier or self.identity.certificate.issuer_and_serial,
            der.sequence(der.oid(self.digest_oid or self.digest.oid), self.digest_parameters),
            opening + contents + self.closing if self.attributes else b"",
            self.algorithm,
            der.octet_string(signature),
        )

    def but(self, **changes: object) -> "Signer":
        """The same signer with some parts changed."""
        return replace(self, **changes)  # type: ignore[arg-type]  # names of the fields above


def signed_data(
    *signers: Signer | bytes,
    content: bytes | None = None,
    content_type: str = oids.DATA,
    certificates: Sequence[Identity] = (),
    announced: Sequence[str] = (DigestAlgorithm.SHA256.oid,),
) -> bytes:
    """A ContentInfo with SignedData."""
    enclosed = b"" if content is None else der.element(0xA0, der.octet_string(content))
    infos = [one if isinstance(one, bytes) else one.encode() for one in signers]
    embedded = [one.certificate.der for one in certificates]
    inner = der.sequence(
        der.integer(1),
        der.set_of([der.sequence(der.oid(name)) for name in announced]),
        der.sequence(der.oid(content_type), enclosed),
        der.element(0xA0, *embedded) if embedded else b"",
        der.set_of(infos),
    )
    return der.sequence(der.oid(oids.SIGNED_DATA), der.element(0xA0, inner))
