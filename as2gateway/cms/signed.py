"""SignedData: RFC 5652, section 5, and whose signature counts. What writes one is ``signing``.

The signer must be a certificate that the caller names; certificates that travel along are passed
over unread, so they can neither help nor harm (CMS-17, CMS-20).
"""

import hmac
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from as2gateway import ber
from as2gateway.algorithms import DigestAlgorithm
from as2gateway.ber import Node
from as2gateway.certificates import Certificate
from as2gateway.cms import oids
from as2gateway.cms.attributes import SignedAttributes
from as2gateway.cms.content import ContentInfo, read_oid
from as2gateway.cms.signature_algorithms import read_digest
from as2gateway.cms.signer import SignerInfo
from as2gateway.errors import (
    AuthenticationFailed,
    InsufficientMessageSecurity,
    IntegrityCheckFailed,
    LimitExceeded,
    MalformedMessage,
)
from as2gateway.policy import Limits
from as2gateway.stream import Parser, Source, Wait

#: octets of a version, and of the digestAlgorithms announced: a dozen with parameters
_MAX_VERSION = 16
_MAX_ALGORITHMS = 512


class DigestNotRun(LookupError):
    """The content must be digested in ``algorithm`` too before its signature can be verified."""

    def __init__(self, algorithm: DigestAlgorithm) -> None:
        super().__init__(f"the content was not digested with {algorithm}")
        self.algorithm = algorithm


class SignedData(NamedTuple):
    """Signers of some content, not verified yet."""

    signers: tuple[SignerInfo, ...]
    #: content that travels inside; None: detached, or given out by ``read_opaque``
    content: bytes | None = None

    @property
    def digest_algorithms(self) -> frozenset[DigestAlgorithm]:
        """The digests that its signers used, as far as they are known here."""
        found = set()
        for signer in self.signers:
            try:
                found.add(signer.digest)
            except MalformedMessage:
                continue
        return frozenset(found)


class VerifiedSigner(NamedTuple):
    """Who signed the content."""

    certificate: Certificate
    digest: DigestAlgorithm
    #: None: it signed the content itself
    attributes: SignedAttributes | None

    @property
    def signing_time(self) -> datetime | None:
        """When it signed, as it says; nothing confirms it."""
        return self.attributes.signing_time if self.attributes else None


# --- reading -------------------------------------------------------------------------------------


def parse(octets: bytes, limits: Limits) -> SignedData:
    """Read a ContentInfo with SignedData; octets after it are left alone (CMS-03).

    Raises MalformedMessage, LimitExceeded.
    """
    if len(octets) > limits.signature:
        raise LimitExceeded(f"a signature of {len(octets)} octets, {limits.signature} are allowed")
    info = ber.parse(octets).fields()
    _check_type(info.take(ber.OID).oid(), oids.SIGNED_DATA)
    fields = info.take(ber.CONTEXT).only_child().fields()
    fields.take(ber.INTEGER)  # the version follows from what comes next (CMS-05)
    fields.take(ber.SET)  # the digests announced: what each signer says counts (CMS-26)
    encapsulated = fields.take(ber.SEQUENCE).fields()
    _check_type(encapsulated.take(ber.OID).oid(), oids.DATA)
    explicit = encapsulated.optional(ber.CONTEXT)
    content = explicit.only_child().expect(ber.OCTET_STRING).octets() if explicit else None
    fields.optional(ber.CONTEXT)  # certificates
    fields.optional(ber.CONTEXT + 1)  # CRLs
    return SignedData(_read_signers(fields.take(ber.SET), limits), content)


def _check_type(oid: str, due: str) -> None:
    if oid != due:
        raise MalformedMessage(f"content of the type {oid}, {due} is due")


def _read_signers(infos: Node, limits: Limits) -> tuple[SignerInfo, ...]:
    members = infos.children
    if len(members) > limits.signers:
        raise LimitExceeded(f"{len(members)} SignerInfos, {limits.signers} are allowed")
    return tuple([SignerInfo.read(member) for member in members])


def read_opaque(
    source: Source,
    limits: Limits,
    info: ContentInfo,
    also: frozenset[DigestAlgorithm] = frozenset(),
) -> Parser[bytes, tuple[SignedData, Mapping[DigestAlgorithm, bytes]]]:
    """Give out the content inside a SignedData; then its signers, and the content's digests.

    ``info`` is what ``read_content_info`` returned. The content is digested as it is announced
    before it, and with the digests in ``also``. Raises MalformedMessage, LimitExceeded.
    """
    outer = (yield from ber.read_header(source)).open(ber.SEQUENCE)
    announced = yield from _read_announced(source)
    running = {digest: digest.new() for digest in announced | also}
    encapsulated = (yield from ber.read_header(source)).open(ber.SEQUENCE)
    _check_type((yield from read_oid(source)), oids.DATA)
    explicit = (yield from ber.read_header(source)).open(ber.CONTEXT)
    string = (yield from ber.read_header(source)).expect(ber.OCTET_STRING)
    for piece in ber.read_octets(source, string):
        if piece is not None:
            for digest in running.values():
                digest.update(piece)
        yield piece
    yield from ber.read_end(source, explicit)
    yield from ber.read_end(source, encapsulated)
    signers = yield from _read_rest(source, limits)
    yield from ber.read_end(source, outer)
    yield from info.close(source)
    return SignedData(signers), {kind: digest.digest() for kind, digest in running.items()}


def _read_announced(source: Source) -> Wait[frozenset[DigestAlgorithm]]:
    yield from ber.read_whole(source, ber.INTEGER, _MAX_VERSION)
    header = (yield from ber.read_header(source)).open(ber.SET)
    announced = yield from ber.read_element(source, header, _MAX_ALGORITHMS)
    found = set()
    for identifier in announced.children:
        try:
            found.add(read_digest(identifier))
        except MalformedMessage:  # one that is not known may belong to a signer that is not ours
            continue
    return frozenset(found)


def _read_rest(source: Source, limits: Limits) -> Wait[tuple[SignerInfo, ...]]:
    """Pass over certificates and CRLs and read the signers."""
    left = limits.signature
    while True:
        header = yield from ber.read_header(source)
        element = yield from ber.read_element(source, header, left)
        if header.tag == ber.SET:
            return _read_signers(element, limits)
        if header.tag not in {ber.CONTEXT, ber.CONTEXT + 1}:
            raise MalformedMessage(f"an ASN.1 element {header.tag:#04x} within SignedData")
        left -= len(element.raw)


# --- verifying -----------------------------------------------------------------------------------


def verified_signer(
    signed: SignedData,
    digests: Mapping[DigestAlgorithm, bytes],
    certificates: Iterable[Certificate],
    allowed: frozenset[DigestAlgorithm],
    *,
    require_signed_attributes: bool,
) -> VerifiedSigner:
    """Who of the configured certificates signed the content that ``digests`` are of.

    Raises AuthenticationFailed if none did, IntegrityCheckFailed if it signed other content,
    InsufficientMessageSecurity if it did so in a way that is not allowed, MalformedMessage for
    algorithms that are not known, and DigestNotRun if ``digests`` lacks one.
    """
    if not signed.signers:
        raise AuthenticationFailed("the SignedData has no signer")
    known = tuple(certificates)
    rules = _Rules(signed, digests, allowed, require_signed_attributes)
    named = [(signer, [one for one in known if signer.names(one)]) for signer in signed.signers]
    # None of the signatures in our partner's name may be wrong; those of others do not count
    # (CMS-22).
    verified = [rules.verify_named(signer, ours) for signer, ours in named if ours]
    return verified[0] if verified else rules.verify_unnamed(known)


def check_key_sizes(certificates: Iterable[Certificate], limits: Limits) -> None:
    """Refuse to verify with keys that cost too much. Raises AuthenticationFailed."""
    for certificate in certificates:
        if certificate.key_bits > limits.rsa_bits:
            raise AuthenticationFailed(
                f"the key of {certificate.subject} has {certificate.key_bits} bits, "
                f"{limits.rsa_bits} are allowed"
            )


class _Rules(NamedTuple):
    """What a signature must be."""

    signed: SignedData
    digests: Mapping[DigestAlgorithm, bytes]
    allowed: frozenset[DigestAlgorithm]
    require_signed_attributes: bool

    def verify_named(self, signer: SignerInfo, certificates: list[Certificate]) -> VerifiedSigner:
        """Verify a signer who says that one of these certificates is its own."""
        verified = self._verify(signer, certificates)
        if verified is not None:
            return verified
        reason = f"the signature in the name of {certificates[0].subject} is wrong"
        if signer.attributes is None:
            # It covers the content directly, which is likelier to have changed than the key.
            raise IntegrityCheckFailed(f"{reason}: the content was changed, or the key is another")
        raise AuthenticationFailed(f"{reason}: it was made with another key, or damaged")

    def verify_unnamed(self, certificates: tuple[Certificate, ...]) -> VerifiedSigner:
        """Try every key: some products name their certificate in another spelling (CMS-18)."""
        reasons = []
        for signer in self.signed.signers:
            try:
                verified = self._verify(signer, certificates)
            except (AuthenticationFailed, InsufficientMessageSecurity, MalformedMessage) as error:
                reasons.append(error.reason)
            else:
                if verified is not None:
                    return verified
        raise AuthenticationFailed(
            "; ".join(
                [f"none of the {len(certificates)} configured certificates signed it", *reasons]
            )
        )

    def _verify(
        self, signer: SignerInfo, certificates: Iterable[Certificate]
    ) -> VerifiedSigner | None:
        digest, attributes = signer.digest, signer.attributes
        self._check_allowed(digest, attributes)
        certificate = signer.made_with(certificates, self._digest_of_content)
        if certificate is None:
            return None
        if attributes is not None:
            attributes.check_algorithms(signer.digest_identifier, signer.signature_identifier)
            attributes.check_content(oids.DATA, self._digest_of_content(digest))
        self._check_enclosed(digest)
        return VerifiedSigner(certificate, digest, attributes)

    def _check_allowed(self, digest: DigestAlgorithm, attributes: SignedAttributes | None) -> None:
        if digest not in self.allowed:
            raise InsufficientMessageSecurity(f"it is signed with {digest}, which is not allowed")
        if self.require_signed_attributes and attributes is None:
            raise InsufficientMessageSecurity("the signature has no signed attributes")

    def _digest_of_content(self, digest: DigestAlgorithm) -> bytes:
        try:
            return self.digests[digest]
        except KeyError:
            raise DigestNotRun(digest) from None

    def _check_enclosed(self, digest: DigestAlgorithm) -> None:
        """Content inside a detached signature must be the content outside (CMS-23)."""
        if self.signed.content is None:
            return
        running = digest.new()
        running.update(self.signed.content)
        if not hmac.compare_digest(running.digest(), self._digest_of_content(digest)):
            raise IntegrityCheckFailed("the signature encloses other content than it came with")
