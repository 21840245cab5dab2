"""MDNs inside other layers: nothing in AS2 asks for them, and some products send them (MDR-18)."""

from dataclasses import dataclass

from as2gateway.cms import compressed, enveloped, oids, signed
from as2gateway.cms.content import read_content_info
from as2gateway.cms.signed import SignedData
from as2gateway.errors import AS2Error, MalformedMDN
from as2gateway.headers import Headers
from as2gateway.mime import ContentType, cms_decoder, is_pkcs7_mime, read_headers
from as2gateway.policy import InboundPolicy, Limits
from as2gateway.stream import Source, Wait, collect, gather, run


@dataclass(frozen=True, slots=True)
class Opened:
    """What is left of an MDN when its layers have been taken off."""

    headers: Headers
    body: bytes
    #: of an opaque signature, and the octets that it is over
    signature: SignedData | None = None
    signed_part: bytes = b""


def is_layer(headers: Headers) -> bool:
    """Whether a body is a layer by itself, in which an MDN may be."""
    content_type = ContentType.parse(headers.get("Content-Type"))
    return is_pkcs7_mime(content_type, headers.get("Content-Disposition"))


def open_layers(headers: Headers, body: bytes, limits: Limits, policy: InboundPolicy) -> Opened:
    """Take encryption, compression and an opaque signature off; without layers nothing happens.

    Raises MalformedMDN for a layer that does not open.
    """
    opened = Opened(headers, body)
    for _ in range(limits.depth):
        if not is_layer(opened.headers):
            return opened
        if opened.signature is not None:
            raise MalformedMDN("an MDN with a layer inside its signature")
        try:
            opened = _open(opened, limits, policy)
        except AS2Error as fault:
            raise MalformedMDN(f"an MDN in a layer that does not open: {fault}") from fault
    raise MalformedMDN(f"an MDN in more than {limits.depth} layers")


def _open(outer: Opened, limits: Limits, policy: InboundPolicy) -> Opened:
    decoder = cms_decoder(outer.headers.get("Content-Transfer-Encoding"))
    octets = decoder.update(outer.body) + decoder.finish()
    _, info = run(read_content_info, octets)
    signature: SignedData | None = None
    if info.oid == oids.SIGNED_DATA:
        signature = signed.parse(octets, limits)
        inside = signature.content or b""
    else:
        _, inside = run(lambda source: _read(source, limits, policy), octets)
    _, (headers, block) = run(read_headers, inside)
    part = inside if signature is not None else b""
    return Opened(headers, inside[len(block) :], signature, part)


def _read(source: Source, limits: Limits, policy: InboundPolicy) -> Wait[bytes]:
    info = yield from read_content_info(source)
    if info.oid == oids.COMPRESSED_DATA:
        return (yield from gather(compressed.decompress(source, limits, info), limits.mdn))
    if info.oid not in {oids.ENVELOPED_DATA, oids.AUTH_ENVELOPED_DATA}:
        raise MalformedMDN(f"CMS content type {info.oid} is not supported")
    inside, _ = yield from collect(enveloped.decrypt(source, policy, limits, info), limits.mdn)
    return inside
