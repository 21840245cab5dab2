"""MIME entities on their way out: the payload, and what compression makes of one. RFC 5402.

Signatures and encryption are put around them in ``send``.
"""

import base64
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from as2gateway import mime
from as2gateway.cms import compressed
from as2gateway.headers import Headers
from as2gateway.policy import PayloadInfo
from as2gateway.quirks import Quirks

#: Octets that are held to learn how many there are; more go out with indefinite lengths.
HELD = 1024 * 1024

#: octets of a line of base64, so that it has 76 characters (RFC 2045 §6.8)
_LINE = 57


@dataclass(frozen=True, slots=True)
class Entity:
    """Header fields, and a body to be read once; its length in bytes where that can be told."""

    headers: Headers
    body: Iterable[bytes]
    length: int | None = None

    @property
    def head(self) -> bytes:
        """The header block, with its empty line."""
        return self.headers.encode() + b"\r\n"

    @property
    def octets(self) -> Iterator[bytes]:
        """The whole entity, as it goes into a signature or another layer."""
        return chain((self.head,), self.body)

    @property
    def octets_length(self) -> int | None:
        """Bytes of the whole entity, where that can be told."""
        return None if self.length is None else len(self.head) + self.length


def payload_entity(payload: Iterable[bytes], info: PayloadInfo, quirks: Quirks) -> Entity:
    """The innermost entity.

    Binary for every type, text too: what is delivered is what was given (MIME-20, MIME-21).
    """
    headers = Headers((("Content-Type", info.content_type),))
    if info.filename:
        named = mime.disposition(info.filename, quoted=not quirks.bare_filename)
        headers = headers.with_field("Content-Disposition", named)
    return encoded(Entity(headers, _exactly(payload, info.size), info.size), quirks)


def _exactly(payload: Iterable[bytes], size: int) -> Iterator[bytes]:
    """Lengths are written before the payload is read: another size would break the message."""
    count = 0
    for chunk in payload:
        count += len(chunk)
        if count > size:
            break
        yield chunk
    if count != size:
        raise ValueError(f"the payload was to have {size} bytes, it has {count} or more")


def compressed_entity(entity: Entity, quirks: Quirks) -> Entity:
    """An entity, compressed."""

    def body() -> Iterator[bytes]:
        chunks, length = measured(compressed.compress(entity.octets))
        yield from compressed.compressed_data(chunks, length)

    return encoded(Entity(pkcs7_mime("compressed-data", "smime.p7z"), body()), quirks)


def pkcs7_mime(smime_type: str, name: str) -> Headers:
    """Fields of an entity that is CMS (RFC 8551 §3.2)."""
    content_type = f'application/pkcs7-mime; smime-type={smime_type}; name="{name}"'
    return Headers((("Content-Type", content_type),))


def measured(chunks: Iterator[bytes]) -> tuple[Iterator[bytes], int | None]:
    """Hold up to ``HELD`` octets back: if that is all, their number is known."""
    held: list[bytes] = []
    length = 0
    for chunk in chunks:
        held.append(chunk)
        length += len(chunk)
        if length > HELD:
            return chain(held, chunks), None
    return iter(held), length


def encoded(entity: Entity, quirks: Quirks) -> Entity:
    """The entity with its body in binary, or in base64 where the partner needs it; no composite.

    A multipart may not be in base64 (RFC 2045 §6.4): its parts are as they are.
    """
    composite = mime.ContentType.parse(entity.headers.get("Content-Type")).is_multipart
    name = "base64" if quirks.base64 and not composite else "binary"
    first, *others = entity.headers
    headers = Headers((first, ("Content-Transfer-Encoding", name), *others))
    if name == "binary":
        return Entity(headers, entity.body, entity.length)
    length = None if entity.length is None else base64_length(entity.length)
    return Entity(headers, _base64(entity.body), length)


def base64_length(length: int) -> int:
    """Octets that base64 makes, in lines that end in CR LF."""
    return -(-length // 3) * 4 + -(-length // _LINE) * 2


def _base64(chunks: Iterable[bytes]) -> Iterator[bytes]:
    waiting = b""
    for chunk in chunks:
        data = waiting + chunk
        whole = len(data) - len(data) % _LINE
        waiting = data[whole:]
        if whole:
            yield encode_base64(data[:whole])
    if waiting:
        yield encode_base64(waiting)


def encode_base64(octets: bytes) -> bytes:
    """Octets in lines of base64, each ended by CR LF."""
    return base64.encodebytes(octets).replace(b"\n", b"\r\n")
