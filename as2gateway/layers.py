"""The layers around a payload, each read by a generator: RFC 1847, RFC 8551, RFC 5402.

A layer parser takes octets from its source, gives what it finds inside to ``inner``, and returns
what it learnt once its layer holds. Which parser reads what, and what reads the inside, is decided
in ``receive``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple, Protocol, Self

from as2gateway import mime
from as2gateway.algorithms import DigestAlgorithm
from as2gateway.attachments import Attachment
from as2gateway.canonical import NEXT, line_ends
from as2gateway.cms import compressed, enveloped, signed
from as2gateway.cms.content import ContentInfo
from as2gateway.errors import (
    AS2Error,
    DecryptionFailed,
    IntegrityCheckFailed,
    MalformedMessage,
)
from as2gateway.events import (
    COMPRESSED,
    ENVELOPED,
    SIGNED,
    Canonical,
    Facts,
    LayerFacts,
    LayerKind,
    Reading,
)
from as2gateway.headers import MAX_BLOCK, Headers
from as2gateway.mic import MIC, RunningDigests
from as2gateway.policy import InboundPolicy, Limits
from as2gateway.stream import Layer, Parser, Source, Wait, collect, pour

Around = tuple[LayerKind, ...]


class AnotherReading(IntegrityCheckFailed):
    """The content is not what was signed in this reading; ``reading`` may find that it is."""

    def __init__(self, reason: str, reading: Reading) -> None:
        super().__init__(reason)
        self.reading = reading


# A named tuple, as other values that the core makes for each message: it costs a fraction of what a
# frozen dataclass does.
class Entity(NamedTuple):
    """A MIME entity whose header fields have been read."""

    headers: Headers
    content_type: mime.ContentType
    #: the Content-Transfer-Encoding that its body is still in
    encoding: str | None
    #: the header block as it came: part of the MIC
    head: bytes = b""
    #: the layers it is inside of, outermost first
    around: Around = ()

    @classmethod
    def read(cls, headers: Headers, head: bytes, around: Around) -> Self:
        """What these fields say, which came as the octets ``head``."""
        content_type = mime.ContentType.parse(headers.get("Content-Type"))
        return cls(headers, content_type, headers.get("Content-Transfer-Encoding"), head, around)


class Message:
    """What is wanted of a message, and what has been found out so far."""

    def __init__(
        self,
        http: Headers,
        policy: InboundPolicy,
        limits: Limits,
        reading: Reading,
        requested_digest: DigestAlgorithm | None,
    ) -> None:
        self.http = http
        self.policy = policy
        self.limits = limits
        self.reading = reading
        #: for the MIC of a message that is not signed (MIC-04, MIC-05)
        self.unsigned_digest = requested_digest or policy.default_digest
        #: for the MIC of a signed one besides that of its signature, if a quirk asks for it
        self.also = frozenset(
            {requested_digest} if requested_digest and policy.quirks.mic_from_options else ()
        )
        self.mic: MIC | None = None
        self.content_type = ""
        self.filename = ""
        self.attachments: tuple[Attachment, ...] = ()
        self.notes: list[str] = []
        #: of a multipart/signed, the signature as it came
        self.signature = b""
        #: what reads its layers: an engine's own
        self.readers = NATIVE
        self._layers: list[LayerFacts] = []

    def passed(self, facts: LayerFacts) -> None:
        """Record a layer that holds; inner ones come before those around them."""
        self._layers.append(facts)

    @property
    def facts(self) -> Facts:
        """Everything, as a value."""
        return Facts(
            layers=tuple(self._layers[::-1]),
            mic=self.mic,
            content_type=self.content_type,
            filename=self.filename,
            attachments=self.attachments,
            notes=tuple(self.notes),
        )


class Inner(Layer[bytes, None]):
    """What is inside a layer. Its fault waits until the layer itself has been judged."""

    __slots__ = ()

    kept = (AS2Error,)

    def settle(self) -> None:
        """Raise the fault, if there was one."""
        if self.fault is not None:
            raise self.fault


class EntityReader(Protocol):
    """Reads the layer that a MIME entity is."""

    def __call__(
        self, source: Source, message: Message, inner: Inner, entity: Entity
    ) -> Parser[bytes, LayerFacts]:
        """Give what is inside to ``inner``, and return what was learnt."""


class CMSReader(Protocol):
    """Reads the layer that a CMS structure is; the source stands at its content."""

    def __call__(
        self, source: Source, message: Message, inner: Inner, info: ContentInfo
    ) -> Parser[bytes, LayerFacts]:
        """Give what is inside to ``inner``, and return what was learnt."""


def refuse_authenticated(
    source: Source, message: Message, inner: Inner, info: ContentInfo
) -> Parser[bytes, LayerFacts]:
    """Refuse AES-GCM, in the time that reading it takes: for an engine that does not have it."""
    del message, inner, info
    while (yield from source.some()):
        pass
    raise DecryptionFailed("AuthEnvelopedData (AES-GCM) is not read by this engine; use native")


@dataclass(frozen=True, slots=True)
class LayerReaders:
    """What reads each kind of layer."""

    multipart_signed: EntityReader
    opaque: CMSReader
    enveloped: CMSReader
    compressed: CMSReader
    auth_enveloped: CMSReader = refuse_authenticated


def read_enveloped(
    source: Source, message: Message, inner: Inner, info: ContentInfo
) -> Parser[bytes, LayerFacts]:
    """Decrypt. DecryptionFailed is the answer to all that is wrong (CMS-32)."""
    content = enveloped.decrypt(source, message.policy, message.limits, info)
    facts = yield from pour(content, inner.feed)
    yield from inner.end()
    return LayerFacts(
        ENVELOPED,
        cipher=facts.cipher,
        key_transport=facts.key_transport,
        certificate=facts.certificate_fingerprint,
        wrapped_key=facts.wrapped_key_digest.hex(),
    )


def read_compressed(
    source: Source, message: Message, inner: Inner, info: ContentInfo
) -> Parser[bytes, LayerFacts]:
    """Decompress within the limits. DecompressionFailed is the answer to all that is wrong."""
    yield from pour(compressed.decompress(source, message.limits, info), inner.feed)
    yield from inner.end()
    return LayerFacts(COMPRESSED)


def read_opaque(
    source: Source, message: Message, inner: Inner, info: ContentInfo
) -> Parser[bytes, LayerFacts]:
    """Verify a signature that carries its content (CMS-24)."""
    try:
        content = signed.read_opaque(source, message.limits, info, message.also)
        signature, digests = yield from pour(content, inner.feed)
        yield from inner.end()
    except MalformedMessage as fault:
        raise IntegrityCheckFailed(f"signed-data is broken: {fault}") from fault
    try:
        return _verify(message, signature, digests)
    except signed.DigestNotRun as missing:
        raise IntegrityCheckFailed(f"{missing.algorithm} is not announced") from missing


def read_multipart_signed(
    source: Source, message: Message, inner: Inner, entity: Entity
) -> Parser[bytes, LayerFacts]:
    """Verify RFC 1847's two parts; whatever else comes is no signed message (MIME-07)."""
    boundary = entity.content_type.boundary
    if not boundary:
        raise IntegrityCheckFailed("multipart/signed without a boundary")
    micalg = announced(entity)
    cover = _Cover(message, micalg)
    try:
        yield from mime.read_preamble(source, boundary)
        part = mime.read_part(source, boundary)
        last = yield from pour(part, lambda data: inner.feed(cover.update(data)))
        if added := cover.finish():
            yield from inner.feed(added)
        yield from inner.end()
        if last:
            raise IntegrityCheckFailed("multipart/signed with only one part")
        message.signature = yield from read_signature(source, message, boundary)
        signature = signed.parse(message.signature, message.limits)
    except MalformedMessage as fault:
        raise IntegrityCheckFailed(f"multipart/signed is broken: {fault}") from fault
    facts = _verify_cover(message, signature, cover.digests)
    if facts.digest not in micalg:
        message.notes.append(f"micalg does not name {facts.digest}, which the signature uses")
    return facts


class _Cover:
    """The octets that a signature covers: digested with the line ends this reading gives them."""

    def __init__(self, message: Message, micalg: frozenset[DigestAlgorithm]) -> None:
        self._form = line_ends(message.reading.canonical)
        names = message.reading.digests or micalg
        allowed = message.policy.digests
        # No name, or none that we know: run all that the SignerInfo may use (MIME-08).
        chosen = names & allowed if names else allowed
        self._running = RunningDigests(chosen | message.also)

    def update(self, data: bytes) -> bytes:
        octets = self._form.update(data)
        self._running.update(octets)
        return octets

    def finish(self) -> bytes:
        octets = self._form.finish()
        self._running.update(octets)
        return octets

    @property
    def digests(self) -> Mapping[DigestAlgorithm, bytes]:
        return self._running.digests


def announced(entity: Entity) -> frozenset[DigestAlgorithm]:
    """The digests that a multipart/signed names in ``micalg``, as far as they are known."""
    return _digests_named(entity.content_type.get("micalg") or "")


# Few spellings are in use, and a partner keeps to one.
@lru_cache(maxsize=64)
def _digests_named(micalg: str) -> frozenset[DigestAlgorithm]:
    found = set()
    for name in micalg.split(","):
        try:
            found.add(DigestAlgorithm.parse(name))
        except ValueError:
            continue
    return frozenset(found)


def read_signature(source: Source, message: Message, boundary: str) -> Wait[bytes]:
    """Read the second part, which must be the last: the SignedData in it, not parsed yet."""
    limit = message.limits.signature
    octets, last = yield from collect(
        mime.read_part(source, boundary),
        limit + MAX_BLOCK,
        f"a signature of more than {limit} octets",
    )
    part = Source()
    part.feed(octets)
    part.end()
    headers, head = yield from mime.read_headers(part)
    content_type = mime.ContentType.parse(headers.get("Content-Type"))
    if not mime.is_pkcs7_signature(content_type, headers.get("Content-Disposition")):
        raise IntegrityCheckFailed("the second part of multipart/signed is no signature")
    if not last:
        # An end line without its hyphens (RFC 4130's own example A.4) is forgiven, a part is not.
        if not (yield from mime.read_epilogue(source)):
            raise IntegrityCheckFailed("multipart/signed with more than two parts")
        message.notes.append("the last boundary of multipart/signed is not closed")
    decoder = mime.cms_decoder(headers.get("Content-Transfer-Encoding"))
    return decoder.update(octets[len(head) :]) + decoder.finish()


def _verify_cover(
    message: Message, signature: signed.SignedData, digests: Mapping[DigestAlgorithm, bytes]
) -> LayerFacts:
    reading = message.reading
    try:
        facts = _verify(message, signature, digests)
    except signed.DigestNotRun as missing:
        again = replace(reading, digests=frozenset({*digests, missing.algorithm}))
        reason = f"the signature uses {missing.algorithm}, micalg announces another digest"
        raise AnotherReading(reason, again) from missing
    except IntegrityCheckFailed as fault:
        if reading.canonical not in NEXT:
            raise
        again = replace(reading, canonical=NEXT[reading.canonical])
        raise AnotherReading(fault.reason, again) from fault
    if reading.canonical is not Canonical.RAW:
        message.notes.append(f"the signature holds with line ends repaired: {reading.canonical}")
    return facts


def _verify(
    message: Message, signature: signed.SignedData, digests: Mapping[DigestAlgorithm, bytes]
) -> LayerFacts:
    """Verify, and take the MIC of a signed message: the innermost signature's digest (MIC-03).

    A quirk may want it in the digest that the sender's options list first instead.
    """
    policy = message.policy
    signed.check_key_sizes(policy.verify_with, message.limits)
    signer = signed.verified_signer(
        signature,
        digests,
        policy.verify_with,
        policy.digests,
        require_signed_attributes=policy.require_signed_attributes,
    )
    if message.mic is None:
        algorithm = next(iter(message.also), signer.digest)
        message.mic = MIC(digests[algorithm], algorithm)
    return LayerFacts(SIGNED, digest=signer.digest, certificate=signer.certificate.fingerprint)


NATIVE = LayerReaders(
    multipart_signed=read_multipart_signed,
    opaque=read_opaque,
    enveloped=read_enveloped,
    compressed=read_compressed,
    auth_enveloped=read_enveloped,
)
