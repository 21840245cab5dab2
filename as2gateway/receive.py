"""Reading a message: layers peel off until the payload is bare. RFC 4130, sections 2.4 and 7.4.3.

Two tables say what reads what: one by content type, one by the object identifier of a CMS
structure. The layers themselves are read by an engine's ``LayerReaders``. What a layer makes is all
that the next one in gets to see, so each layer that is found covers all of the payload. Of several
faults the outermost counts, since it explains those further in, and all are told only once the
input has ended.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import TypeVar

from as2gateway import mime
from as2gateway.attachments import Splitter, Whole
from as2gateway.cms import oids
from as2gateway.cms.content import read_content_info
from as2gateway.errors import (
    AS2Error,
    DecompressionFailed,
    DecryptionFailed,
    InsufficientMessageSecurity,
    IntegrityCheckFailed,
    LimitExceeded,
    MalformedMessage,
    UnexpectedProcessingError,
)
from as2gateway.events import (
    COMPRESSED,
    ENVELOPED,
    SIGNED,
    Accepted,
    Facts,
    LayerFacts,
    LayerKind,
    Reading,
    Rejected,
    UnverifiedPayload,
    Verdict,
)
from as2gateway.headers import Headers
from as2gateway.layers import (
    NATIVE,
    AnotherReading,
    Around,
    CMSReader,
    Entity,
    Inner,
    LayerReaders,
    Message,
)
from as2gateway.mic import RunningDigests
from as2gateway.policy import InboundPolicy, Limits
from as2gateway.request import MDNRequest
from as2gateway.stream import Layer, Parser, Source, Wait

T = TypeVar("T")

_BodyParser = Callable[[Source, Message, Entity], Parser[bytes, None]]

#: octets in which a multipart in the clear shows its boundary; some put a preamble before it
_GLANCE = 1024

_TRANSFER_ENCODINGS = frozenset({"7bit", "8bit", "binary", "base64", "quoted-printable"})


class MessageReceiver:
    """Reads one message: an ``engine.Receiver``."""

    #: what takes each kind of layer off
    readers: LayerReaders = NATIVE

    def __init__(
        self,
        headers: Headers,
        policy: InboundPolicy,
        request: MDNRequest | None,
        limits: Limits,
        reading: Reading,
    ) -> None:
        requested = request.digest if request else None
        self._message = Message(headers, policy, limits, reading, requested)
        self._message.readers = self.readers
        # A receipt request that cannot be honoured stops everything else (HDR-22).
        self._fault = request.failure if request else None
        if request and request.failure_optional and policy.quirks.mic_in_other_digest:
            self._message.notes.append(f"{self._fault}: the MIC is in another (MIC-06)")
            self._fault = None
        self._layer = Layer(lambda source: _read_message(source, self._message))

    def feed(self, data: bytes) -> Iterator[UnverifiedPayload]:
        """Take the next octets; iterate to give out the payload that they release."""
        return self._watch(self._layer.feed(data)) if self._fault is None else iter(())

    def close(self) -> tuple[Iterable[UnverifiedPayload], Verdict]:
        """Say that the body is complete; the last payload and the verdict."""
        last = [*self._watch(self._layer.end())] if self._fault is None else []
        return last, self._verdict()

    def _watch(self, pieces: Iterator[bytes]) -> Iterator[UnverifiedPayload]:
        try:
            for piece in pieces:
                yield UnverifiedPayload(piece)
        except AS2Error as fault:
            self._fault = fault
        except MemoryError:
            raise  # ours and temporary: no answer to the partner, who tries again
        except Exception as fault:  # noqa: BLE001  the outermost step of receiving: an answer, always
            self._fault = UnexpectedProcessingError(f"{type(fault).__name__}: {fault}")

    def _verdict(self) -> Verdict:
        facts = self._message.facts
        fault = self._fault or _lacking(self._message.policy, facts)
        if fault is None:
            return Accepted(facts)
        if not isinstance(fault, InsufficientMessageSecurity):
            # Other faults leave open which octets were meant (RFC 4130 §7.3.1, MIC-14).
            facts = facts._replace(mic=None)
        again = fault.reading if isinstance(fault, AnotherReading) else None
        return Rejected(fault, facts, again)


def _lacking(policy: InboundPolicy, facts: Facts) -> InsufficientMessageSecurity | None:
    """What the policy asks for and the message did not have, by what was done to read it."""
    if policy.require_encryption and not facts.encrypted:
        return InsufficientMessageSecurity("the message is not encrypted, which is required")
    if policy.require_signature and not facts.signed:
        return InsufficientMessageSecurity("the message is not signed, which is required")
    return None


def _read_message(source: Source, message: Message) -> Parser[bytes, None]:
    """Read the body of the request; the fields of the request are those of its entity."""
    # Of HTTP's header block nothing is part of the MIC (RFC 4130 §7.3.1).
    entity = Entity.read(message.http, b"", ())
    named = (message.http.get("Content-Encoding") or "").strip().lower()
    if entity.encoding is None and named in _TRANSFER_ENCODINGS:
        entity = entity._replace(encoding=named)  # Apache Camel calls it so
    yield from _reader(entity)(source, message, entity)


def _read_entity(source: Source, message: Message, around: Around) -> Parser[bytes, None]:
    """Read a MIME entity that was inside a layer."""
    headers, head = yield from mime.read_headers(source)
    entity = Entity.read(headers, head, around)
    yield from _reader(entity)(source, message, entity)


def _read_decrypted(source: Source, message: Message, around: Around) -> Parser[bytes, None]:
    """Read the entity that was inside an enveloped layer.

    What is no MIME entity is answered as bad padding is, so that the answer does not tell them
    apart. Some products encrypt a bare document, though; it is taken where no signature is asked
    for (MIME-23, mendelson).
    """
    if (yield from mime.begins_with_headers(source)):
        try:
            headers, head = yield from mime.read_headers(source)
        except UnexpectedProcessingError as fault:
            raise DecryptionFailed(f"what was decrypted is no MIME entity: {fault}") from fault
        entity = Entity.read(headers, head, around)
        yield from _reader(entity)(source, message, entity)
        return
    if message.policy.require_signature or not (yield from source.peek(1)):
        raise DecryptionFailed("what was decrypted is no MIME entity")
    message.notes.append("what was decrypted has no MIME header fields")
    bare = Headers((("Content-Type", "application/edi-consent"),))
    # The request's file name, otherwise unused, is the only one that there is (FN-01).
    if disposition := message.http.get("Content-Disposition"):
        bare = bare.with_field("Content-Disposition", disposition)
    yield from _read_payload(source, message, Entity.read(bare, b"", around))


def _read_payload(source: Source, message: Message, entity: Entity) -> Parser[bytes, None]:
    """Read the innermost entity: its body is the payload."""
    message.content_type = entity.content_type.type
    message.filename = mime.filename(entity.headers)
    encoding = entity.encoding
    if encoding and entity.content_type.is_multipart:
        encoding = yield from _encoding(source, entity)
    decoder = mime.decoder(encoding)
    splitter = _splitter(message, entity)
    # The MIC is over the entity as it came, to be decoded only for delivery (MIME-19); over the
    # decoded body only if there are no layers (RFC 4130 §7.3.1).
    unwrapped = not entity.around
    # A signed message's MIC is that of the signature.
    signed = SIGNED in entity.around
    digests = RunningDigests(() if signed else (message.unsigned_digest,))
    digests.update(entity.head)
    while data := (yield from source.some()):
        payload = decoder.update(data)
        digests.update(payload if unwrapped else data)
        if payload:
            splitter.feed(payload)
            yield payload
    if payload := decoder.finish():
        digests.update(payload if unwrapped else b"")
        splitter.feed(payload)
        yield payload
    message.attachments = splitter.end()
    message.mic = digests.mic(message.unsigned_digest)


def _splitter(message: Message, entity: Entity) -> Splitter | Whole:
    if entity.content_type.type not in message.policy.split_attachments:
        return Whole()
    return Splitter(entity.content_type, message.limits.attachments)


def _encoding(source: Source, entity: Entity) -> Wait[str | None]:
    """The transfer encoding that a body really is in.

    On a multipart base64 is forbidden (RFC 2045 §6.4), and claimed by phase2 for one in the clear.
    Base64 has no hyphens.
    """
    boundary = entity.content_type.boundary
    claimed = (entity.encoding or "").strip().lower() == "base64"
    if not claimed or not entity.content_type.is_multipart or not boundary:
        return entity.encoding
    head = yield from source.peek(_GLANCE)
    return None if b"--" + boundary.encode("latin-1", "replace") in head else entity.encoding


def _read_layer(
    source: Source,
    message: Message,
    around: Around,
    read: Callable[[Source, Message, Inner, T], Parser[bytes, LayerFacts]],
    about: T,
) -> Parser[bytes, None]:
    """Take off the innermost of these layers; only when it holds does a fault inside it count."""
    if len(around) > message.limits.depth:
        raise LimitExceeded(f"more than {message.limits.depth} layers")
    kind = around[-1]
    if kind in _ONCE and around.count(kind) > 1:
        raise _ONCE[kind](f"the message is {kind} twice")
    inside = _read_decrypted if kind is ENVELOPED else _read_entity
    inner = Inner(lambda octets: inside(octets, message, around))
    message.passed((yield from read(source, message, inner, about)))
    inner.settle()


def _read_multipart(source: Source, message: Message, entity: Entity) -> Parser[bytes, None]:
    around, read = (*entity.around, SIGNED), message.readers.multipart_signed
    encoding = entity.encoding
    if encoding:
        encoding = ((yield from _encoding(source, entity)) or "").strip().lower()
    # Forbidden on a multipart, but then the only sensible reading (HTTP-29).
    if encoding in {"base64", "quoted-printable"}:
        yield from _decoded(
            source,
            mime.decoder(encoding),
            lambda octets: _read_layer(octets, message, around, read, entity),
        )
    else:
        yield from _read_layer(source, message, around, read, entity)


def _read_cms(source: Source, message: Message, entity: Entity) -> Parser[bytes, None]:
    # What begins as DER is DER, whatever its encoding is said to be (HTTP-29: phase2, OpenAS2).
    if (yield from source.peek(1)) == b"\x30":
        yield from _read_content_info(source, message, entity)
        return
    yield from _decoded(
        source,
        mime.cms_decoder(entity.encoding),
        lambda octets: _read_content_info(octets, message, entity),
    )


def _decoded(
    source: Source,
    decoder: mime.Decoder,
    body: Callable[[Source], Parser[bytes, None]],
) -> Parser[bytes, None]:
    """Undo a transfer encoding for the parser of what is in it.

    Damage to the encoding counts before what is wrong inside, wherever the octets were cut.
    """
    inner = Inner(body)
    while data := (yield from source.some()):
        yield from inner.feed(decoder.update(data))
    yield from inner.feed(decoder.finish())
    yield from inner.end()
    inner.settle()


def _read_content_info(source: Source, message: Message, entity: Entity) -> Parser[bytes, None]:
    """Read a CMS structure of any kind; what is not understood is never taken for payload."""
    try:
        info = yield from read_content_info(source)
    except MalformedMessage as fault:
        claimed = (entity.content_type.get("smime-type") or "").lower()
        damaged = _DAMAGED.get(claimed, MalformedMessage)
        raise damaged(f"not a CMS structure: {fault}") from fault
    if info.oid not in _BY_OID:
        raise MalformedMessage(f"CMS content type {info.oid} is not supported")
    kind, choose = _BY_OID[info.oid]
    around, read = (*entity.around, kind), choose(message.readers)
    yield from _read_layer(source, message, around, read, info)


def _reader(entity: Entity) -> _BodyParser:
    content_type = entity.content_type
    if known := _BY_CONTENT_TYPE.get(content_type.type):
        return known
    if mime.is_pkcs7_mime(content_type, entity.headers.get("Content-Disposition")):
        return _read_cms
    return _read_payload


_BY_CONTENT_TYPE: Mapping[str, _BodyParser] = MappingProxyType(
    {"multipart/signed": _read_multipart, **dict.fromkeys(mime.PKCS7_MIME, _read_cms)}
)
_BY_OID: Mapping[str, tuple[LayerKind, Callable[[LayerReaders], CMSReader]]] = MappingProxyType(
    {
        oids.SIGNED_DATA: (SIGNED, lambda readers: readers.opaque),
        oids.ENVELOPED_DATA: (ENVELOPED, lambda readers: readers.enveloped),
        oids.AUTH_ENVELOPED_DATA: (ENVELOPED, lambda readers: readers.auth_enveloped),
        oids.COMPRESSED_DATA: (COMPRESSED, lambda readers: readers.compressed),
    }
)
#: layers that come once: MIME-03; one private-key operation a message (threats R12)
_ONCE: Mapping[LayerKind, type[AS2Error]] = MappingProxyType(
    {COMPRESSED: DecompressionFailed, ENVELOPED: DecryptionFailed}
)
#: what it is called when a body is not even the CMS structure that its smime-type names (MDN-20)
_DAMAGED: Mapping[str, type[AS2Error]] = MappingProxyType(
    {
        "enveloped-data": DecryptionFailed,
        "authenveloped-data": DecryptionFailed,
        "signed-data": IntegrityCheckFailed,
        "compressed-data": DecompressionFailed,
    }
)
