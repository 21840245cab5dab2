"""Elements that arrive piece by piece."""

from dataclasses import dataclass

from as2gateway.ber.header import END_OF_CONTENTS, INDEFINITE, check_depth, decode
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
            raise MalformedMessage(f"an ASN.1 element {self.tag:#04x}, {tag:#04x} is due")
        return self

    def open(self, tag: int) -> "Header":
        """Itself, if it is constructed and has that tag; MalformedMessage if not."""
        if not self.constructed:
            raise MalformedMessage(f"an ASN.1 element {self.tag:#04x} is not constructed")
        return self.expect(tag)


def read_header(source: Source) -> Wait[Header]:
    """Read identifier and length octets. Raises MalformedMessage, EndOfStream."""
    count = 2
    while (decoded := decode((head := (yield from source.peek(count))), 0)) is None:
        if len(head) < count:
            raise EndOfStream("the octets end within an ASN.1 header")
        # A long form says in its first octet how many follow.
        count += head[1] & ~INDEFINITE
    tag, constructed, length, size = decoded
    return Header(tag, constructed, length, (yield from source.exactly(size)))


def read_element(source: Source, header: Header, limit: int) -> Wait[Node]:
    """Read the rest of an element into memory. LimitExceeded past ``limit`` octets."""
    raw = bytearray(header.raw)
    length, depth = header.length, int(header.length is None)
    while True:
        if len(raw) + (length or 0) > limit:
            raise LimitExceeded(f"an ASN.1 element of more than {limit} octets")
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


def read_end(source: Source, opened: Header) -> Wait[None]:
    """Read the end of an indefinite value; a definite one ends by itself."""
    if opened.length is None:
        (yield from read_header(source)).expect(END_OF_CONTENTS)


def skip_rest(source: Source, opened: Header, limit: int) -> Wait[None]:
    """Pass over the rest of an indefinite value and its end; each element of at most ``limit``."""
    if opened.length is not None:
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
