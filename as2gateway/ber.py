"""BER reader: ITU-T X.690, as far as CMS needs it. What writes is ``der``.

Two halves. A ``Node`` is a view of an element that is all there: nothing below it is looked at
before it is asked for, so a certificate that nobody reads costs nothing. ``read_*`` walk octets as
they arrive and never hold a content string in memory. Depths, counts and lengths are bounded before
anything is allocated, and no recursion follows what a sender nested (threats R9).

Tags here are identifier octets without the bit for "constructed".
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from as2gateway.errors import LimitExceeded, MalformedMessage
from as2gateway.stream import EndOfStream, Parser, Source, Wait

END_OF_CONTENTS = 0x00
INTEGER = 0x02
BIT_STRING = 0x03
OCTET_STRING = 0x04
NULL = 0x05
OID = 0x06
SEQUENCE = 0x10
SET = 0x11
UTC_TIME = 0x17
GENERALIZED_TIME = 0x18
#: context-specific tag 0; others follow by addition
CONTEXT = 0x80

#: levels inside one another; OpenSSL's own reader stops at 30, real messages stay below 10
MAX_DEPTH = 32
#: elements looked at in search of one end, and members of one value; real ones have some tens
MAX_ELEMENTS = 10_000

_CONSTRUCTED = 0x20
_LONG_TAG = 0x1F
_INDEFINITE = 0x80
_RESERVED = 0xFF
_END = bytes(2)

#: tag, whether constructed, length (None: indefinite), where the contents start
_Decoded = tuple[int, bool, int | None, int]


def _decode(data: bytes, at: int) -> _Decoded | None:
    """Read identifier and length octets; None if they are not all there."""
    if at + 2 > len(data):
        return None
    identifier, first = data[at], data[at + 1]
    if identifier & _LONG_TAG == _LONG_TAG:
        raise MalformedMessage("an ASN.1 tag number above 30, which CMS does not have")
    tag, constructed = identifier & ~_CONSTRUCTED, bool(identifier & _CONSTRUCTED)
    if tag == END_OF_CONTENTS and (constructed or first):
        raise MalformedMessage("an ASN.1 element with the tag of an end, which is none")
    if first < _INDEFINITE:
        return tag, constructed, first, at + 2
    if first == _RESERVED or (first == _INDEFINITE and not constructed):
        raise MalformedMessage("an ASN.1 length in a form that is not allowed")
    if first == _INDEFINITE:
        return tag, True, None, at + 2
    body = at + 2 + (first & ~_INDEFINITE)
    if body > len(data):
        return None
    # Leading zeros are allowed in BER (CMS-01).
    return tag, constructed, int.from_bytes(data[at + 2 : body]), body


# --- elements that are all there -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Node:
    """An element inside octets that are kept as they came."""

    tag: int
    constructed: bool
    _data: bytes
    _start: int
    _body: int
    _end: int
    #: where what follows it starts
    stop: int

    @property
    def raw(self) -> bytes:
        """The whole element, octet for octet."""
        return self._data[self._start : self.stop]

    @property
    def content(self) -> bytes:
        """The contents octets, without the end of an indefinite value."""
        return self._data[self._body : self._end]

    @property
    def children(self) -> list["Node"]:
        """The members of a constructed value. Raises MalformedMessage, LimitExceeded."""
        if not self.constructed:
            raise MalformedMessage(f"an ASN.1 element {self.tag:#04x} is not constructed")
        found: list[Node] = []
        at = self._body
        while at < self._end:
            if len(found) == MAX_ELEMENTS:
                raise LimitExceeded(f"an ASN.1 value of more than {MAX_ELEMENTS} members")
            child = _node(self._data, at, self._end)
            if child.tag == END_OF_CONTENTS:
                raise MalformedMessage("an ASN.1 end where none is due")
            found.append(child)
            at = child.stop
        return found

    def expect(self, tag: int) -> "Node":
        """Itself, if it has that tag; MalformedMessage if not."""
        if self.tag != tag:
            raise MalformedMessage(f"an ASN.1 element {self.tag:#04x}, {tag:#04x} is due")
        return self

    def fields(self) -> "Fields":
        """A walk over the members in order."""
        return Fields(self)

    def only_child(self) -> "Node":
        """The one member; MalformedMessage if there are more or none."""
        children = self.children
        if len(children) != 1:
            raise MalformedMessage(f"{len(children)} ASN.1 members where one is due")
        return children[0]

    def octets(self) -> bytes:
        """The value of an OCTET STRING or one tagged implicitly, its segments joined."""
        if not self.constructed:
            return self.content
        walk = _Segments(self._end - self._body)
        pieces = walk.feed(self.content)
        if not walk.done:
            raise MalformedMessage("an ASN.1 string whose segments are cut off")
        return b"".join(pieces)

    def oid(self) -> str:
        """The object identifier, dotted."""
        return dotted(self.expect(OID).content)

    def integer(self) -> int:
        """The value of an INTEGER."""
        return int.from_bytes(self.expect(INTEGER).content, signed=True)

    def time(self) -> datetime:
        """The moment of a UTCTime or GeneralizedTime; fractions of a second are dropped."""
        return _read_time(self)


class Fields:
    """The members of a SEQUENCE, one after the other."""

    __slots__ = ("_members", "_next")

    def __init__(self, node: Node) -> None:
        self._members: Iterator[Node] = iter(node.children)
        self._next = next(self._members, None)

    def any(self) -> Node:
        """The next member, whatever it is; MalformedMessage if there is none."""
        node = self._next
        if node is None:
            raise MalformedMessage("an ASN.1 value that ends too early")
        self._next = next(self._members, None)
        return node

    def take(self, tag: int) -> Node:
        """The next member, which must have that tag."""
        return self.any().expect(tag)

    def optional(self, tag: int) -> Node | None:
        """The next member if it has that tag; else it stays for the next call."""
        if self._next is None or self._next.tag != tag:
            return None
        return self.any()


def parse(data: bytes) -> Node:
    """The element that the octets begin with; what follows it is left alone (CMS-03)."""
    return _node(data, 0, len(data))


def _node(data: bytes, start: int, limit: int) -> Node:
    decoded = _decode(data, start)
    if decoded is None:
        raise EndOfStream("the octets end within an ASN.1 header")
    tag, constructed, length, body = decoded
    if length is not None:
        end = stop = body + length
    else:
        end = _find_end(data, body)
        stop = end + len(_END)
    if stop > limit:
        raise EndOfStream("the octets end within an ASN.1 element")
    return Node(tag, constructed, data, start, body, end, stop)


def _find_end(data: bytes, at: int) -> int:
    """Where the end of an indefinite value starts whose contents begin at ``at``."""
    depth = 1
    for _ in range(MAX_ELEMENTS):
        decoded = _decode(data, at)
        if decoded is None:
            raise EndOfStream("the octets end within an ASN.1 value of indefinite length")
        tag, _constructed, length, body = decoded
        if length is None:
            depth += 1
            _check_depth(depth)
        elif tag == END_OF_CONTENTS:
            depth -= 1
            if not depth:
                return at
        at = body + (length or 0)
    raise LimitExceeded(f"an ASN.1 value of more than {MAX_ELEMENTS} elements")


def _check_depth(depth: int) -> None:
    if depth > MAX_DEPTH:
        raise LimitExceeded(f"ASN.1 values nested more than {MAX_DEPTH} deep")


def dotted(contents: bytes) -> str:
    """An object identifier in words, from its contents octets."""
    if not contents or contents[-1] & 0x80 or len(contents) > _MAX_OID:
        raise MalformedMessage(f"an object identifier {contents[:_MAX_OID].hex()} that is none")
    arcs = [0]
    for octet in contents:
        arcs[-1] = arcs[-1] << 7 | octet & 0x7F
        if not octet & 0x80:
            arcs.append(0)
    first = min(arcs[0] // 40, 2)
    return ".".join(str(arc) for arc in (first, arcs[0] - 40 * first, *arcs[1:-1]))


#: octets of the longest object identifier worth reading; the longest in use here has 11
_MAX_OID = 64

_TIME = re.compile(
    r"(?P<year>\d{2}|\d{4})(?P<month>\d\d)(?P<day>\d\d)(?P<hour>\d\d)(?P<minute>\d\d)"
    r"(?P<second>\d\d)?(?:[.,]\d+)?(?:Z|(?P<sign>[+-])(?P<hours>\d\d)(?P<minutes>\d\d))?",
    re.ASCII,
)


def _read_time(node: Node) -> datetime:
    text = node.content.decode("latin-1")
    match = _TIME.fullmatch(text)
    digits = {UTC_TIME: 2, GENERALIZED_TIME: 4}.get(node.tag)
    if match is None or len(match["year"]) != digits:
        raise MalformedMessage(f"an ASN.1 time that is none: {text[:40]!r}")
    year = int(match["year"])
    if digits == 2:  # noqa: PLR2004  the width just looked up
        year += 1900 if year >= 50 else 2000  # noqa: PLR2004  RFC 5280 §4.1.2.5.1
    away = timedelta(hours=int(match["hours"] or 0), minutes=int(match["minutes"] or 0))
    try:
        zone = timezone(-away if match["sign"] == "-" else away)
        fields = [int(match[name] or 0) for name in ("month", "day", "hour", "minute", "second")]
        return datetime(year, *fields, tzinfo=zone).astimezone(UTC)  # type: ignore[arg-type,misc]
    except (ValueError, OverflowError) as error:
        raise MalformedMessage(f"an ASN.1 time that is none: {text[:40]!r}") from error


# --- elements that arrive ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
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
    head = yield from source.peek(2)
    more = head[1] & ~_INDEFINITE if len(head) > 1 and head[1] > _INDEFINITE else 0
    raw = yield from source.exactly(2 + more)
    decoded = _decode(raw, 0)
    if decoded is None:  # the count of length octets was just read: they are all there
        raise EndOfStream("the octets end within an ASN.1 header")
    tag, constructed, length, _ = decoded
    return Header(tag, constructed, length, raw)


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
            _check_depth(depth)
        elif inner.tag == END_OF_CONTENTS:
            depth -= 1


def read_end(source: Source, opened: Header) -> Wait[None]:
    """Read the end of an indefinite value; a definite one ends by itself."""
    if opened.length is None:
        (yield from read_header(source)).expect(END_OF_CONTENTS)


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
    walk = _Segments(length)
    while not walk.done:
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
        if rest and not walk.done and len((yield from source.peek(len(rest) + 1))) <= len(rest):
            raise EndOfStream("the octets end within an ASN.1 header")


class _Segments:
    """Walks the segments of a constructed string, nested as they may be, however they are cut."""

    __slots__ = ("_left", "_levels", "position")

    def __init__(self, length: int | None) -> None:
        #: for each open level where it ends (None: at its mark), and where it must have ended
        self._levels: list[tuple[int | None, float]] = [
            (length, math.inf if length is None else length)
        ]
        self._left = 0
        #: octets walked over
        self.position = 0
        self._close()

    @property
    def done(self) -> bool:
        """Whether the string has ended."""
        return not self._levels

    def feed(self, data: bytes) -> list[bytes]:
        """What the octets add to the string; ``position`` tells how many of them were used."""
        pieces: list[bytes] = []
        start = self.position
        while self._levels:
            at = self.position - start
            if self._left:
                piece = data[at : at + self._left]
                if not piece:
                    break
                pieces.append(piece)
                self._left -= len(piece)
                self.position += len(piece)
            else:
                decoded = _decode(data, at)
                if decoded is None:
                    break
                self.position = start + decoded[3]
                self._enter(decoded)
            self._close()
        return pieces

    def _enter(self, decoded: _Decoded) -> None:
        tag, constructed, length, _ = decoded
        end, bound = self._levels[-1]
        stop = self.position + (length or 0)
        if stop > bound:
            raise MalformedMessage("a segment of a string that is longer than the string")
        if tag == END_OF_CONTENTS and end is None:
            self._levels.pop()
        elif tag != OCTET_STRING:
            raise MalformedMessage(f"an ASN.1 element {tag:#04x} within an OCTET STRING")
        elif constructed:
            _check_depth(len(self._levels) + 1)
            self._levels.append((None, bound) if length is None else (stop, stop))
        else:
            self._left = length or 0

    def _close(self) -> None:
        while not self._left and self._levels and self._levels[-1][0] == self.position:
            self._levels.pop()
