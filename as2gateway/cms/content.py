"""The ContentInfo around everything: RFC 5652, section 3; and writing what streams inside one."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from as2gateway import ber, der
from as2gateway.ber import Header
from as2gateway.stream import Source, Wait

#: octets of one segment of a string of unknown length: little overhead, and small for any reader
SEGMENT = 64 * 1024

#: octets that an element holding an object identifier may have
_MAX_OID = 128


class ContentInfo(NamedTuple):
    """A ContentInfo whose content is about to be read."""

    #: the content type, dotted
    oid: str
    #: what is to be closed, outermost first
    opened: tuple[Header, ...]

    def skip_rest(self, source: Source, value: Header, start: int, limit: int) -> Wait[None]:
        """Pass over what is left of a value in it, where that must be read to find its end.

        Arguments as of ``ber.skip_rest``. Raises MalformedMessage, LimitExceeded.
        """
        if value.length is None or any(header.length is None for header in self.opened):
            yield from ber.skip_rest(source, value, start, limit)

    def close(self, source: Source) -> Wait[None]:
        """Read what closes it once its content was read; what follows is left alone (CMS-03).

        Raises MalformedMessage.
        """
        for header in reversed(self.opened):
            if header.length is None:
                yield from ber.read_end(source, header)


def read_content_info(source: Source) -> Wait[ContentInfo]:
    """Read up to the content. Raises MalformedMessage."""
    outer = (yield from ber.read_header(source)).open(ber.SEQUENCE)
    oid = yield from read_oid(source)
    explicit = (yield from ber.read_header(source)).open(ber.CONTEXT)
    return ContentInfo(oid, (outer, explicit))


def read_oid(source: Source) -> Wait[str]:
    """Read an object identifier. Raises MalformedMessage."""
    return (yield from ber.read_whole(source, ber.OID, _MAX_OID)).oid()


@dataclass(frozen=True, slots=True)
class Frame:
    """Constructed values inside one another, and innermost a string that streams.

    It is written in DER if the string's length is known, else with indefinite lengths (CMS-04).
    """

    #: from outside inwards: identifier octet, and what stands before the next level
    levels: tuple[tuple[int, bytes], ...]
    #: identifier octet of the string if it is primitive
    string: int
    #: octets of the tail: known only when the string has been written
    tail_length: int = 0
    #: how many of the levels, from inside, have ended before the tail
    closed: int = 1

    def length(self, length: int) -> int:
        """Octets of everything around a string of ``length`` octets, and the string."""
        return len(self._definite_head(length)) + length + self.tail_length

    def write(
        self,
        chunks: Iterable[bytes],
        length: int | None,
        tail: Callable[[], bytes] = bytes,
    ) -> Iterator[bytes]:
        """Everything; ``chunks`` are the string. ValueError if they are not ``length`` octets.

        ``tail`` is called when the last chunk has been taken.
        """
        if length is None:
            return self._indefinite(chunks, tail)
        return self._definite(chunks, length, tail)

    def _definite_head(self, length: int) -> bytes:
        head = der.header(self.string, length)
        inside = length
        for depth, (tag, before) in enumerate(reversed(self.levels), 1):
            head = before + head
            head = der.header(tag, len(head) + inside) + head
            if depth >= self.closed:
                inside = length + self.tail_length
        return head

    def _definite(
        self, chunks: Iterable[bytes], length: int, tail: Callable[[], bytes]
    ) -> Iterator[bytes]:
        yield self._definite_head(length)
        yield from counted(chunks, length)
        if self.tail_length:
            yield tail()

    def _indefinite(self, chunks: Iterable[bytes], tail: Callable[[], bytes]) -> Iterator[bytes]:
        levels = (*self.levels, (self.string | der.CONSTRUCTED, b""))
        yield b"".join(bytes((tag,)) + der.INDEFINITE + before for tag, before in levels)
        for segment in _regroup(chunks):
            yield der.octet_string(segment)
        # The string ends before the tail, and the levels around it that do.
        before = 1 + self.closed
        yield der.END_OF_CONTENTS * before + tail() + der.END_OF_CONTENTS * (len(levels) - before)


def counted(chunks: Iterable[bytes], length: int | None) -> Iterator[bytes]:
    """The same chunks; ValueError at the end if they are not ``length`` octets together."""
    count = 0
    for chunk in chunks:
        count += len(chunk)
        yield chunk
    if length is not None and count != length:
        raise ValueError(f"{length} octets were announced, {count} came")


def _regroup(chunks: Iterable[bytes]) -> Iterator[bytes]:
    waiting = bytearray()
    for chunk in chunks:
        waiting += chunk
        while len(waiting) >= SEGMENT:
            yield bytes(waiting[:SEGMENT])
            del waiting[:SEGMENT]
    if waiting:
        yield bytes(waiting)
