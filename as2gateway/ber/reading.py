"""Elements that arrive piece by piece."""

from dataclasses import dataclass

from as2gateway.ber.header import END_OF_CONTENTS, check_depth, decode, not_due
from as2gateway.ber.node import Node, parse
from as2gateway.ber.segments import Segments
from as2gateway.errors import LimitExceeded, MalformedMessage
from as2gateway.stream import EndOfStream, Parser, Source, Wait


# Not frozen for the same reason as Node. Nothing writes to it.
@dataclass(slots=True, eq=False)
class Header:
    """Identifier and length octets of an element whose contents come next."""

    tag: int
    constructed: bool
    #: None: indefinite
    length: int | None
    #: the octets themselves
    raw: bytes

    def expect(self, tag: int) -> "Header":
        """Itself, if it has that tag; MalformedMessage if not."""
        if self.tag != tag:
            raise not_due(self.tag, tag)
        return self

    def open(self, tag: int) -> "Header":
        """Itself, if it is constructed and has that tag; MalformedMessage if not."""
        if self.tag == tag and self.constructed:
            return self
        if not self.constructed:
            raise MalformedMessage(f"an ASN.1 element {self.tag:#04x} is not constructed")
        return self.expect(tag)

    def around(self, contents: bytes) -> Node:
        """The element of a definite length that it and its contents make."""
        data, body = self.raw + contents, len(self.raw)
        return Node(self.tag, data, 0, body, len(data), len(data))


def read_header(source: Source) -> Wait[Header]:
    """Read identifier and length octets. Raises MalformedMessage, EndOfStream."""
    octets, at = source.octets, source.position
    while (decoded := decode(octets, at)) is None:
        if source.ended:
            raise EndOfStream("the octets end within an ASN.1 header")
        yield None
        octets, at = source.octets, source.position
    tag, constructed, length, body = decoded
    return Header(tag, constructed, length, source.take(body - at))


def read_element(source: Source, header: Header, limit: int) -> Wait[Node]:
    """Read the rest of an element into memory. LimitExceeded past ``limit`` octets."""
    if header.length is not None:
        _check_size(len(header.raw) + header.length, limit)
        return header.around((yield from source.exactly(header.length)))
    raw = bytearray(header.raw)
    length: int | None = None
    depth = 1
    while True:
        _check_size(len(raw) + (length or 0), limit)
        if length:
            raw += yield from source.exactly(length)
        if not depth:
            return parse(bytes(raw))
        inner = yield from read_header(source)
        raw += inner.raw
        length = inner.length
        if length is None:
            depth += 1
            check_depth(depth)
        elif inner.tag == END_OF_CONTENTS:
            depth -= 1


def _check_size(size: int, limit: int) -> None:
    if size > limit:
        raise LimitExceeded(f"an ASN.1 element of more than {limit} octets")


def read_whole(source: Source, tag: int, limit: int) -> Wait[Node]:
    """Read a small element, which must have that tag, into memory, as ``read_element`` does."""
    octets, at = source.octets, source.position
    decoded = decode(octets, at)
    if decoded is not None and decoded[0] == tag and decoded[2] is not None:
        body, size = decoded[3] - at, decoded[3] - at + decoded[2]
        if size <= limit and at + size <= len(octets):
            return Node(tag, source.take(size), 0, body, size, size)
    header = (yield from read_header(source)).expect(tag)
    return (yield from read_element(source, header, limit))


def read_end(source: Source, opened: Header) -> Wait[None]:
    """Read the end of an indefinite value; a definite one ends by itself."""
    if opened.length is None:
        (yield from read_header(source)).expect(END_OF_CONTENTS)


def skip_rest(source: Source, opened: Header, start: int, limit: int) -> Wait[None]:
    """Pass over the rest of a value and its end; each element of at most ``limit`` octets.

    ``start`` is how many octets of the source had been read where its contents begin.
    """
    if opened.length is not None:
        while source.taken - start < opened.length:
            yield from read_element(source, (yield from read_header(source)), limit)
        return
    while (header := (yield from read_header(source))).tag != END_OF_CONTENTS:
        yield from read_element(source, header, limit)


def read_octets(source: Source, header: Header) -> Parser[bytes, None]:
    """Give out the value of an OCTET STRING, or one tagged implicitly, as it arrives."""
    if header.constructed:
        yield from _read_segments(source, header.length)
        return
    left = header.length or 0
    while left:
        piece = yield from source.some(left)
        if not piece:
            raise EndOfStream(f"the octets end {left} too early")
        left -= len(piece)
        yield piece


def _read_segments(source: Source, length: int | None) -> Parser[bytes, None]:
    walk = Segments(length)
    while not walk.ended():
        data = yield from source.some()
        if not data:
            raise EndOfStream("the octets end within a string of segments")
        before = walk.position
        pieces = walk.feed(data)
        rest = data[walk.position - before :]
        source.put_back(rest)
        if pieces:
            yield b"".join(pieces)
        # A header was cut in two: wait for one octet more, so that each octet is looked at once.
        if rest and not walk.ended() and len((yield from source.peek(len(rest) + 1))) <= len(rest):
            raise EndOfStream("the octets end within an ASN.1 header")
