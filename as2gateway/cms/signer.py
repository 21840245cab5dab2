"""SignerInfo: RFC 5652, section 5.3. Which of several signers counts is decided in ``signed``."""

from collections.abc import Callable, Iterable
from typing import NamedTuple, Self

from as2gateway import ber
from as2gateway.algorithms import DigestAlgorithm
from as2gateway.ber import Node
from as2gateway.certificates import Certificate
from as2gateway.cms.attributes import SignedAttributes
from as2gateway.cms.identifiers import means
from as2gateway.cms.signature_algorithms import SignatureAlgorithm, read_digest
from as2gateway.cms.signatures import made_by
from as2gateway.errors import AuthenticationFailed, MalformedMessage


class SignerInfo(NamedTuple):
    """What one signer says; nothing of it is true before it was verified."""

    identifier: Node
    digest_identifier: Node
    #: None: the signature is over the content itself
    attributes: SignedAttributes | None
    signature_identifier: Node
    signature: bytes

    @classmethod
    def read(cls, info: Node) -> Self:
        """Read a SignerInfo. Raises MalformedMessage."""
        fields = info.fields()
        fields.take(ber.INTEGER)  # the version follows from the identifier (CMS-05, CMS-22)
        identifier = fields.any()
        digest_identifier = fields.take(ber.SEQUENCE)
        attributes = fields.optional(ber.CONTEXT)
        return cls(
            identifier,
            digest_identifier,
            SignedAttributes.read(attributes) if attributes else None,
            fields.take(ber.SEQUENCE),
            fields.take(ber.OCTET_STRING).octets(),
        )

    @property
    def digest(self) -> DigestAlgorithm:
        """The digest it used. Raises MalformedMessage for one that is not known."""
        return read_digest(self.digest_identifier)

    def names(self, certificate: Certificate) -> bool:
        """Whether it says, in a way that can be read, that this certificate's key signed."""
        try:
            return means(self.identifier, certificate)
        except MalformedMessage:  # somebody else's, whose signature does not count (CMS-22)
            return False

    def made_with(
        self,
        certificates: Iterable[Certificate],
        digest_of_content: Callable[[DigestAlgorithm], bytes],
    ) -> Certificate | None:
        """The first of the certificates whose key made the signature.

        ``digest_of_content`` is asked only where there are no signed attributes.
        """
        algorithm, digest = SignatureAlgorithm.read(self.signature_identifier), self.digest
        # One signature, one digest: RFC 5754 §3.2, RFC 4056 §3 (threats R11).
        if algorithm.digest not in {None, digest}:
            raise AuthenticationFailed(
                f"the signature is over {algorithm.digest}, the content over {digest}"
            )
        keys = tuple(certificates)
        if self.attributes is None:
            return self._made(keys, algorithm, digest, digest_of_content(digest))
        received = self.attributes.received
        made = self._made(keys, algorithm, digest, _digest(digest, received))
        if made is None and (ordered := self.attributes.ordered) != received:
            made = self._made(keys, algorithm, digest, _digest(digest, ordered))
        return made

    def _made(
        self,
        certificates: tuple[Certificate, ...],
        algorithm: SignatureAlgorithm,
        digest: DigestAlgorithm,
        digested: bytes,
    ) -> Certificate | None:
        for certificate in certificates:
            key = certificate.public_key
            if made_by(key, algorithm, digest, digested, self.signature):
                return certificate
        return None


def _digest(digest: DigestAlgorithm, octets: bytes) -> bytes:
    running = digest.new()
    running.update(octets)
    return running.digest()
