"""Several documents in one message: multipart/related, RFC 6362 and RFC 2387.

The payload of such a message is the whole multipart, octet for octet: it is what was signed.
Where each document is in it is told by ``Attachment``. On the way out ``join`` makes one payload of
several, for any engine to send.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from as2gateway import mime
from as2gateway.cms.content import counted
from as2gateway.errors import LimitExceeded, MalformedMessage
from as2gateway.headers import Headers
from as2gateway.policy import PayloadInfo
from as2gateway.stream import Layer, Source, Wait, pour

RELATED = "multipart/related"


@dataclass(frozen=True, slots=True)
class Attachment:
    """One document within a payload."""

    content_type: str
    #: as the sender wrote it: hostile until made safe
    filename: str
    #: without angle brackets; empty if it has none
    content_id: str
    #: the Content-Transfer-Encoding that it is still in
    encoding: str
    #: where its body is in the payload, in bytes
    start: int
    length: int
    #: whether it is the one that refers to the others (RFC 2387 §3.2)
    root: bool = False

    def read(self, payload: Iterable[bytes]) -> Iterator[bytes]:
        """Cut it out of the payload and undo its transfer encoding."""
        decoder = mime.decoder(self.encoding)
        at = 0
        for chunk in payload:
            first, last = self.start - at, self.start + self.length - at
            at += len(chunk)
            if last <= 0:
                break
            if piece := decoder.update(chunk[max(first, 0) : last]):
                yield piece
        if piece := decoder.finish():
            yield piece


# --- reading -------------------------------------------------------------------------------------


class Splitter:
    """Finds the attachments of a payload while it passes."""

    def __init__(self, content_type: mime.ContentType, limit: int) -> None:
        self._layer: Layer[None, tuple[Attachment, ...]] = Layer(
            lambda source: _read_attachments(source, content_type, limit)
        )

    def feed(self, data: bytes) -> None:
        """Take the next octets. Raises MalformedMessage, LimitExceeded."""
        tuple(self._layer.feed(data))

    def end(self) -> tuple[Attachment, ...]:
        """Say that the payload is complete. Raises MalformedMessage, LimitExceeded."""
        tuple(self._layer.end())
        return self._layer.result


class Whole:
    """A payload that is one document."""

    def feed(self, data: bytes) -> None:
        """Take the next octets."""

    def end(self) -> tuple[Attachment, ...]:
        """No attachments."""
        return ()


def _read_attachments(
    source: Source, content_type: mime.ContentType, limit: int
) -> Wait[tuple[Attachment, ...]]:
    boundary = content_type.boundary
    if not boundary:
        raise MalformedMessage(f"{content_type} without a boundary")
    yield from mime.read_preamble(source, boundary)
    found: list[Attachment] = []
    last = False
    while not last:
        if len(found) == limit:
            raise LimitExceeded(f"more than {limit} attachments")
        start = source.taken
        layer: Layer[None, _Part] = Layer(_read_part)
        last = yield from pour(mime.read_part(source, boundary), layer.feed)
        tuple(layer.end())
        part = layer.result
        # Nothing after a delimiter: it was the last, and lacked its hyphens (MIME-13).
        if not (last and found and part.empty):
            found.append(part.attachment(start))
    yield from mime.read_epilogue(source)
    return _with_root(found, content_type.get("start"))


class _Part(NamedTuple):
    headers: Headers
    #: octets of its header block, which may be only an empty line
    head: bytes
    length: int

    @property
    def empty(self) -> bool:
        return not self.length and not self.head.strip()

    def attachment(self, start: int) -> Attachment:
        return Attachment(
            content_type=mime.ContentType.parse(self.headers.get("Content-Type")).type,
            filename=mime.filename(self.headers),
            content_id=_bare(self.headers.get("Content-ID") or ""),
            encoding=self.headers.get("Content-Transfer-Encoding") or "",
            start=start + len(self.head),
            length=self.length,
        )


def _read_part(source: Source) -> Wait[_Part]:
    headers, head = yield from mime.read_headers(source)
    # What cannot be decoded is refused now, while the sender can still be told.
    decoder = mime.decoder(headers.get("Content-Transfer-Encoding"))
    length = 0
    while data := (yield from source.some()):
        length += len(data)
        decoder.update(data)
    decoder.finish()
    return _Part(headers, head, length)


def _with_root(found: list[Attachment], start: str | None) -> tuple[Attachment, ...]:
    """Mark the root: the part that ``start`` names, else the first (RFC 2387 §3.2, MA-02)."""
    named = _bare(start or "")
    root = next((one for one in found if named and one.content_id == named), found[0])
    return tuple(replace(one, root=one is root) for one in found)


def _bare(content_id: str) -> str:
    return content_id.strip().removeprefix("<").removesuffix(">")


# --- writing -------------------------------------------------------------------------------------


def is_related(info: PayloadInfo) -> bool:
    """Whether a payload is several documents."""
    return mime.ContentType.parse(info.content_type).type == RELATED


def join(
    documents: Sequence[tuple[PayloadInfo, Iterable[bytes]]], entropy: Callable[[int], bytes]
) -> tuple[PayloadInfo, Iterator[bytes]]:
    """Make one payload of several documents, the first of which is the root (MA-01).

    Reading it raises ValueError for a document that is not as large as its ``info`` says.
    """
    return related(documents, mime.new_boundary(entropy))


def related(
    documents: Sequence[tuple[PayloadInfo, Iterable[bytes]]], boundary: str
) -> tuple[PayloadInfo, Iterator[bytes]]:
    """The same with a boundary that is known, and with it each ``content_id``."""
    heads = [_head(info, boundary, number) for number, (info, _) in enumerate(documents)]
    closing = f"\r\n--{boundary}--\r\n".encode("ascii")
    size = sum(len(head) for head in heads) + sum(info.size for info, _ in documents) + len(closing)
    root = mime.ContentType.parse(documents[0][0].content_type).type
    content_type = (
        f'{RELATED}; type="{root}"; start="<{content_id(boundary, 0)}>"; boundary="{boundary}"'
    )

    def body() -> Iterator[bytes]:
        for head, (info, chunks) in zip(heads, documents, strict=True):
            yield head
            yield from counted(chunks, info.size)
        yield closing

    return PayloadInfo(size, content_type), body()


def _head(info: PayloadInfo, boundary: str, number: int) -> bytes:
    fields = [
        ("Content-Type", info.content_type),
        ("Content-ID", f"<{content_id(boundary, number)}>"),
        ("Content-Transfer-Encoding", "binary"),
    ]
    if info.filename:
        fields.append(("Content-Disposition", mime.disposition(info.filename)))
    # The line end before a delimiter is the delimiter's; the first one needs none (MIME-12).
    delimiter = f"--{boundary}\r\n".encode("ascii")
    before = b"\r\n" if number else b""
    return before + delimiter + Headers(tuple(fields)).encode() + b"\r\n"


def content_id(boundary: str, number: int) -> str:
    """The Content-ID of a document, counted from 0, without angle brackets."""
    return f"{number}@{boundary}"
