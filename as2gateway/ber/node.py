"""Elements that are all there, as views of octets that are kept as they came."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache, wraps
from typing import TypeVar

from as2gateway.ber.header import (
    CONSTRUCTED,
    END_OF_CONTENTS,
    GENERALIZED_TIME,
    INDEFINITE,
    INTEGER,
    MAX_ELEMENTS,
    OID,
    SEQUENCE,
    SET,
    TAGS,
    UTC_TIME,
    check_depth,
    decode,
    not_due,
)
from as2gateway.ber.segments import Segments
from as2gateway.errors import LimitExceeded, MalformedMessage
from as2gateway.stream import EndOfStream

T = TypeVar("T")

#: object identifiers kept in words: more than are in use
_KEPT_OIDS = 256
#: elements of one kind that are kept read, and octets of one: an AlgorithmIdentifier of RSA-PSS
#: with all its parameters has 67
_KEPT_ELEMENTS = 256
_MAX_KEPT = 128

#: octets that end an indefinite value
_END = bytes(2)

#: octets of an integer; serial numbers have 20 (RFC 5280 §4.1.2.2), and Python prints no number of
#: more than 4300 digits
_MAX_INTEGER = 1024

#: the first octet of a length that takes two more: up to 64 kB (X.690 §8.1.3.5)
_IN_TWO_MORE = 0x82
#: identifier octets of an Attribute and of its values, and the least octets that it has
_SEQUENCE = 0x30
_SET = 0x31
_LEAST_ATTRIBUTE = 6


# Not frozen: some fifty are made for each message, and a frozen one costs three times as much.
@dataclass(slots=True, eq=False)
class Node:
    """An element inside octets that are kept as they came. Nothing writes to it."""

    tag: int
    _data: bytes
    _start: int
    _body: int
    _end: int
    #: where what follows it starts
    stop: int

    @property
    def constructed(self) -> bool:
        """Whether elements are inside it."""
        return self._data[self._start] & CONSTRUCTED != 0

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
        data, at, end = self._data, self._body, self._end
        if not data[self._start] & CONSTRUCTED:
            raise _not_constructed(self.tag)
        found: list[Node] = []
        for _ in range(MAX_ELEMENTS):
            if at >= end:
                return found
            start, body, tag = at, at + 2, TAGS[data[at]]
            length = data[at + 1] if body <= end else end
            # Most lengths are in one octet or in two more, so these take a short way.
            if length >= INDEFINITE:
                if length == _IN_TWO_MORE and body + 2 <= end:
                    length, body = data[body] << 8 | data[body + 1], body + 2
                else:
                    length = end
            at = body + length
            if tag and at <= end:
                found.append(Node(tag, data, start, body, at, at))
                continue
            child = _other_member(data, start, end)
            found.append(child)
            at = child.stop
        if at < end:
            raise LimitExceeded(f"an ASN.1 value of more than {MAX_ELEMENTS} members")
        return found

    @property
    def attributes(self) -> list[tuple[bytes, "Node"]]:
        """The members, if each is an Attribute (X.501): type, and SET of values.

        A type is the contents of its object identifier. Raises MalformedMessage, LimitExceeded.
        """
        if not self.constructed:
            raise _not_constructed(self.tag)
        found: list[tuple[bytes, Node]] = []
        at, end = self._body, self._end
        while at < end:
            attribute = _short_attribute(self._data, at, end)
            if attribute is None or len(found) == MAX_ELEMENTS:
                return [_attribute(member) for member in self.children]
            found.append(attribute)
            at = attribute[1].stop
        return found

    def expect(self, tag: int) -> "Node":
        """Itself, if it has that tag; MalformedMessage if not."""
        if self.tag != tag:
            raise not_due(self.tag, tag)
        return self

    def fields(self) -> "Fields":
        """A walk over the members of a SEQUENCE, in order; MalformedMessage if it is none."""
        if self.tag != SEQUENCE:
            raise not_due(self.tag, SEQUENCE)
        return Fields(self.children)

    def only_child(self) -> "Node":
        """The one member; MalformedMessage if there are more or none."""
        children = self.children
        if len(children) != 1:
            raise MalformedMessage(f"{len(children)} ASN.1 members where one is due")
        return children[0]

    def octets(self) -> bytes:
        """The value of an OCTET STRING or one tagged implicitly, its segments joined."""
        if not self._data[self._start] & CONSTRUCTED:
            return self._data[self._body : self._end]
        walk = Segments(self._end - self._body)
        pieces = walk.feed(self.content)
        if not walk.ended():
            raise MalformedMessage("an ASN.1 string whose segments are cut off")
        return b"".join(pieces)

    def oid(self) -> str:
        """The object identifier, dotted."""
        if self.tag != OID:
            raise not_due(self.tag, OID)
        return dotted(self._data[self._body : self._end])

    def integer(self) -> int:
        """The value of an INTEGER, of a size that can be printed. Raises MalformedMessage."""
        content = self.expect(INTEGER).content
        if len(content) > _MAX_INTEGER:
            raise MalformedMessage(f"an ASN.1 integer of more than {_MAX_INTEGER} octets")
        return int.from_bytes(content, signed=True)

    def time(self) -> datetime:
        """The moment of a UTCTime or GeneralizedTime; fractions of a second are dropped."""
        return _read_time(self)


class Fields:
    """The members of a SEQUENCE, one after the other."""

    __slots__ = ("_left",)

    def __init__(self, members: list[Node]) -> None:
        #: those not taken yet, the next one last
        self._left = members[::-1]

    def any(self) -> Node:
        """The next member, whatever it is; MalformedMessage if there is none."""
        if not self._left:
            raise MalformedMessage("an ASN.1 value that ends too early")
        return self._left.pop()

    def take(self, tag: int) -> Node:
        """The next member, which must have that tag."""
        if self._left and self._left[-1].tag == tag:
            return self._left.pop()
        return self.any().expect(tag)

    def optional(self, tag: int) -> Node | None:
        """The next member if it has that tag; else it stays for the next call."""
        if not self._left or self._left[-1].tag != tag:
            return None
        return self._left.pop()

    def end(self) -> None:
        """MalformedMessage if there is another member."""
        if self._left:
            raise MalformedMessage(f"an ASN.1 element {self._left[-1].tag:#04x} too many")


def parse(data: bytes) -> Node:
    """The element that the octets begin with; what follows it is left alone (CMS-03)."""
    return _node(data, 0, len(data))


def remembered(read: Callable[[Node], T]) -> Callable[[Node], T]:
    """Make a reader that reads the same octets once: for elements of which few are in use."""

    @lru_cache(_KEPT_ELEMENTS)
    def read_octets(octets: bytes) -> T:
        return read(parse(octets))

    @wraps(read)
    def reader(node: Node) -> T:
        octets = node.raw
        # Long ones, which only somebody hostile makes, would fill the memory.
        return read_octets(octets) if len(octets) <= _MAX_KEPT else read(node)

    return reader


def _node(data: bytes, start: int, limit: int) -> Node:
    decoded = decode(data, start)
    if decoded is None:
        raise EndOfStream("the octets end within an ASN.1 header")
    tag, _, length, body = decoded
    if length is not None:
        end = stop = body + length
    else:
        end = _find_end(data, body)
        stop = end + len(_END)
    if stop > limit:
        raise EndOfStream("the octets end within an ASN.1 element")
    return Node(tag, data, start, body, end, stop)


def _other_member(data: bytes, start: int, limit: int) -> Node:
    child = _node(data, start, limit)
    if child.tag == END_OF_CONTENTS:
        raise MalformedMessage("an ASN.1 end where none is due")
    return child


def _short_attribute(data: bytes, at: int, end: int) -> tuple[bytes, Node] | None:
    """Read an Attribute whose lengths are all in one octet, as they mostly are; None for another.

    Its four elements are found in one step, and only the last one becomes a Node.
    """
    if end - at < _LEAST_ATTRIBUTE or data[at] != _SEQUENCE or data[at + 2] != OID:
        return None
    size, name_size = data[at + 1], data[at + 3]
    stop, value = at + 2 + size, at + 4 + name_size
    if size >= INDEFINITE or name_size >= INDEFINITE or stop > end or value + 2 > stop:
        return None
    if data[value] != _SET or value + 2 + data[value + 1] != stop:
        return None
    return data[at + 4 : value], Node(SET, data, value, value + 2, stop, stop)


def _attribute(member: Node) -> tuple[bytes, Node]:
    fields = member.fields()
    return fields.take(OID).content, fields.take(SET)


def _not_constructed(tag: int) -> MalformedMessage:
    return MalformedMessage(f"an ASN.1 element {tag:#04x} is not constructed")


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
    r"(\d{2}|\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)?(?:[.,]\d+)?"
    r"(?:Z|(?P<sign>[+-])(?P<hours>\d\d)(?P<minutes>\d\d))?",
    re.ASCII,
)


def _read_time(node: Node) -> datetime:
    text = node.content.decode("latin-1")
    match = _TIME.fullmatch(text)
    digits = {UTC_TIME: 2, GENERALIZED_TIME: 4}.get(node.tag)
    if match is None or len(match[1]) != digits:
        raise MalformedMessage(f"an ASN.1 time that is none: {text[:40]!r}")
    year, month, day, hour, minute, second = map(int, match.groups("0")[:6])
    if digits == 2:  # noqa: PLR2004  the width just looked up
        year += 1900 if year >= 50 else 2000  # noqa: PLR2004  RFC 5280 §4.1.2.5.1
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
        return moment if match["sign"] is None else _in_utc(moment, match)
    except (ValueError, OverflowError) as error:
        raise MalformedMessage(f"an ASN.1 time that is none: {text[:40]!r}") from error


def _in_utc(moment: datetime, match: re.Match[str]) -> datetime:
    """Take the offset from a moment that was read as if it had none."""
    away = timedelta(hours=int(match["hours"]), minutes=int(match["minutes"]))
    return moment.replace(tzinfo=timezone(-away if match["sign"] == "-" else away)).astimezone(UTC)
