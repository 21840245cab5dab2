"""Certificates that travel in a message's signature: never believed, but worth to be looked at.

A partner who changed its certificate without a word encloses the new one. Reading them is the
doctor's alone: receiving passes over them (CMS-17).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from as2gateway import ber, mime
from as2gateway.ber import Node
from as2gateway.certificates import Certificate
from as2gateway.cms.content import ContentInfo, read_oid
from as2gateway.doctor.specimen import Specimen
from as2gateway.errors import AS2Error, IntegrityCheckFailed
from as2gateway.events import LayerFacts
from as2gateway.layers import NATIVE, Entity, Inner, Message, read_signature
from as2gateway.policy import Limits
from as2gateway.receive import MessageReceiver
from as2gateway.stream import Parser, Source, skip

#: certificates of one message that are looked at
_MOST = 10


def enclosed_certificates(specimen: Specimen) -> tuple[Certificate, ...]:
    """The certificates in the signature of a message, as far as it can be opened."""
    found = _Found()
    receiver = _Looker(
        specimen.headers, specimen.policy, specimen.request, specimen.limits, specimen.reading
    )
    receiver.look_with(found)
    for chunk in specimen.octets():
        for _ in receiver.feed(chunk):
            pass
    receiver.close()
    return found.certificates


def certificates_in(signature: bytes, limits: Limits) -> tuple[Certificate, ...]:
    """The certificates in a SignedData; those that cannot be read are left out."""
    if len(signature) > limits.signature:
        return ()
    try:
        info = ber.parse(signature).fields()
        info.take(ber.OID)
        fields = info.take(ber.CONTEXT).only_child().fields()
        fields.take(ber.INTEGER)
        fields.take(ber.SET)
        fields.take(ber.SEQUENCE)
        enclosed = fields.optional(ber.CONTEXT)
        return tuple(_read(enclosed)) if enclosed else ()
    except AS2Error:
        return ()


def _read(enclosed: Node) -> Iterator[Certificate]:
    for node in enclosed.children[:_MOST]:
        try:
            yield Certificate.from_der(node.raw)
        except ValueError:
            continue


def _enough() -> IntegrityCheckFailed:
    """What ends a reading; always a new one, since it keeps the message, with its keys, alive."""
    return IntegrityCheckFailed("only its certificates were looked at")


class _Looker(MessageReceiver):
    """Reads a message up to its signature."""

    def look_with(self, found: "_Found") -> None:
        self._message.readers = replace(
            NATIVE, multipart_signed=found.detached, opaque=found.opaque
        )


@dataclass(slots=True)
class _Found:
    """Readers of signed layers that take certificates and go no further."""

    certificates: tuple[Certificate, ...] = ()

    def detached(
        self, source: Source, message: Message, inner: Inner, entity: Entity
    ) -> Parser[bytes, LayerFacts]:
        del inner
        boundary = entity.content_type.boundary or ""
        yield from mime.read_preamble(source, boundary)
        yield from skip(mime.read_part(source, boundary))
        octets = yield from read_signature(source, message, boundary)
        self.certificates = certificates_in(octets, message.limits)
        raise _enough()

    def opaque(
        self, source: Source, message: Message, inner: Inner, info: ContentInfo
    ) -> Parser[bytes, LayerFacts]:
        del inner, info
        limit = message.limits.signature
        (yield from ber.read_header(source)).open(ber.SEQUENCE)
        for _ in ("version", "digestAlgorithms"):
            header = yield from ber.read_header(source)
            yield from ber.read_element(source, header, limit)
        encapsulated = (yield from ber.read_header(source)).open(ber.SEQUENCE)
        yield from read_oid(source)
        explicit = (yield from ber.read_header(source)).open(ber.CONTEXT)
        string = yield from ber.read_header(source)
        yield from skip(ber.read_octets(source, string))
        yield from ber.read_end(source, explicit)
        yield from ber.read_end(source, encapsulated)
        header = yield from ber.read_header(source)
        if header.tag == ber.CONTEXT:
            enclosed = yield from ber.read_element(source, header, limit)
            self.certificates = tuple(_read(enclosed))
        raise _enough()
