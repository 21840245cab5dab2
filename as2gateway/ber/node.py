"""Elements that are all there, as views of octets that are kept as they came."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache

from as2gateway.ber.header import (
    END_OF_CONTENTS,
    GENERALIZED_TIME,
    INTEGER,
    MAX_ELEMENTS,
    OID,
    UTC_TIME,
    check_depth,
    decode,
)
from as2gateway.ber.segments import Segments
from as2gateway.errors import LimitExceeded, MalformedMessage
from as2gateway.stream import EndOfStream

#: object identifiers kept in words: more than are in use
_KEPT_OIDS = 256

#: octets that end an indefinite value
_END = bytes(2)


# Not frozen: some fifty are made for each message, and a frozen one costs three times as much.
@dataclass(slots=True, eq=False)
class Node:
    """An element inside octets that are kept as they came. Nothing writes to it."""

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
        walk = Segments(self._end - self._body)
        pieces = walk.feed(self.content)
        if not walk.ended():
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

    def end(self) -> None:
        """MalformedMessage if there is another member."""
        if self._next is not None:
            raise MalformedMessage(f"an ASN.1 element {self._next.tag:#04x} too many")


def parse(data: bytes) -> Node:
    """The element that the octets begin with; what follows it is left alone (CMS-03)."""
    return _node(data, 0, len(data))


def _node(data: bytes, start: int, limit: int) -> Node:
    decoded = decode(data, start)
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
        decoded = decode(data, at)
        if decoded is None:
            raise EndOfStream("the octets end within an ASN.1 value of indefinite length")
        tag, _constructed, length, body = decoded
        if length is None:
            depth += 1
            check_depth(depth)
        elif tag == END_OF_CONTENTS:
            depth -= 1
            if not depth:
                return at
        at = body + (length or 0)
    raise LimitExceeded(f"an ASN.1 value of more than {MAX_ELEMENTS} elements")


@lru_cache(_KEPT_OIDS)
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
