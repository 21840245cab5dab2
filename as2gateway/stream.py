"""Generator parsers over bytes that arrive in pieces.

A parser is a generator over a ``Source``. It reads top to bottom like blocking code; where bytes
are missing it yields None, and it yields what it has made. ``Layer`` runs one parser: octets go in
by ``feed``, what the parser yields comes out. Parsers nest by feeding what they make into an inner
``Layer`` (see ``receive``). Any cut of the input gives the same output, and n octets cost O(n).
"""

from collections.abc import Callable, Generator, Iterator
from typing import Generic, TypeVar

from as2gateway.errors import LimitExceeded, MalformedMessage

T = TypeVar("T")
R = TypeVar("R")

#: A generator that waits (None), makes a T, and ends with an R.
Parser = Generator[T | None, None, R]
#: A generator that only waits, and ends with an R.
Wait = Generator[None, None, R]

#: Consumed bytes that may stay at the front of a buffer before they are moved out.
_SLACK = 64 * 1024


class EndOfStream(MalformedMessage):
    """The octets end in the middle of something."""


class Source:
    """Octets that have arrived and have not been read."""

    __slots__ = ("_buffer", "_ended", "_position", "taken")

    def __init__(self) -> None:
        self._buffer: bytes | bytearray = b""
        self._position = 0
        self._ended = False
        #: octets that were read so far
        self.taken = 0

    def feed(self, data: bytes) -> None:
        """Append octets."""
        if self._position == len(self._buffer):
            # Nothing is left over: keep the piece itself, without a copy.
            self._buffer, self._position = data, 0
            return
        if isinstance(self._buffer, bytes):
            self._buffer, self._position = bytearray(self._buffer[self._position :]), 0
        elif self._position > _SLACK and self._position * 2 > len(self._buffer):
            del self._buffer[: self._position]
            self._position = 0
        self._buffer += data

    def end(self) -> None:
        """Say that no more octets will come."""
        self._ended = True

    def __len__(self) -> int:
        return len(self._buffer) - self._position

    def _take(self, count: int) -> bytes:
        start, self._position = self._position, self._position + count
        self.taken += count
        if isinstance(self._buffer, bytes):
            return self._buffer[start : self._position]
        with memoryview(self._buffer) as view:
            return bytes(view[start : self._position])

    def exactly(self, count: int) -> Wait[bytes]:
        """Read ``count`` octets; EndOfStream if they never come. The caller bounds ``count``."""
        while len(self) < count:
            if self._ended:
                raise EndOfStream(f"the octets end {count - len(self)} too early")
            yield None
        return self._take(count)

    def some(self, limit: int | None = None) -> Wait[bytes]:
        """Read whatever is there, at least one octet and at most ``limit``; empty at the end."""
        while not len(self):
            if self._ended:
                return b""
            yield None
        return self._take(len(self) if limit is None else min(limit, len(self)))

    def peek(self, count: int) -> Wait[bytes]:
        """Look at the next ``count`` octets without reading them; fewer only at the end."""
        while len(self) < count and not self._ended:
            yield None
        return bytes(self._buffer[self._position : self._position + count])

    def line(self, limit: int) -> Wait[bytes]:
        """Read up to and with the next LF, or to the end; LimitExceeded past ``limit`` octets."""
        searched = 0
        while True:
            found = self._buffer.find(b"\n", self._position + searched)
            length = found + 1 - self._position if found >= 0 else len(self)
            if length > limit:
                raise LimitExceeded(f"a line of more than {limit} octets")
            if found >= 0 or self._ended:
                return self._take(length)
            searched = length
            yield None

    def put_back(self, data: bytes) -> None:
        """Return octets to the front, as if they had not been read.

        Costs only their own length where they are what was read last and is still in the buffer.
        """
        self.taken -= len(data)
        start = self._position - len(data)
        if start >= 0 and self._buffer[start : self._position] == data:
            self._position = start
        else:
            self._buffer = bytearray(data) + self._buffer[self._position :]
            self._position = 0


class Layer(Generic[T, R]):
    """One parser at work. After ``end`` its return value is in ``result``."""

    __slots__ = ("_parser", "_result", "_source")

    def __init__(self, parser: Callable[[Source], Parser[T, R]]) -> None:
        self._source = Source()
        self._parser = parser(self._source)
        self._result: list[R] = []

    @property
    def done(self) -> bool:
        """Whether the parser has returned; octets after that are dropped."""
        return bool(self._result)

    @property
    def result(self) -> R:
        """What the parser returned; IndexError before that."""
        return self._result[0]

    def feed(self, data: bytes) -> Iterator[T]:
        """Give octets; iterate to get what they complete. An unfinished iteration reads nothing."""
        if not self.done:
            self._source.feed(data)
            yield from self._run()

    def end(self) -> Iterator[T]:
        """Say that the octets are complete; iterate to get the rest.

        Raises what the parser raises.
        """
        self._source.end()
        yield from self._run()

    def _run(self) -> Iterator[T]:
        while not self.done:
            try:
                item = next(self._parser)
            except StopIteration as stop:
                self._result.append(stop.value)
                return
            if item is None:
                return
            yield item


def pour(parser: Parser[bytes, R], sink: Callable[[bytes], Iterator[T]]) -> Parser[T, R]:
    """Run a parser, give each piece that it makes to ``sink``, and return what it returns."""
    while True:
        try:
            piece = next(parser)
        except StopIteration as stop:
            result: R = stop.value
            return result
        if piece is None:
            yield None
        else:
            yield from sink(piece)


def run(parser: Callable[[Source], Parser[T, R]], data: bytes) -> tuple[list[T], R]:
    """Parse octets that are all there: what the parser made, and what it returned."""
    layer: Layer[T, R] = Layer(parser)
    items = [*layer.feed(data), *layer.end()]
    return items, layer.result


def collect(parser: Parser[bytes, R], limit: int) -> Wait[tuple[bytes, R]]:
    """Collect what a parser makes, and what it returns; LimitExceeded past ``limit`` octets."""
    collected = bytearray()
    while True:
        try:
            piece = next(parser)
        except StopIteration as stop:
            return bytes(collected), stop.value
        if piece is None:
            yield None
            continue
        collected += piece
        if len(collected) > limit:
            raise LimitExceeded(f"more than {limit} octets")


def gather(parser: Parser[bytes, R], limit: int) -> Wait[bytes]:
    """Collect everything a parser makes; LimitExceeded past ``limit`` octets."""
    octets, _ = yield from collect(parser, limit)
    return octets


def skip(parser: Parser[T, R]) -> Wait[R]:
    """Run a parser and pass over everything it makes."""
    while True:
        try:
            item = next(parser)
        except StopIteration as stop:
            result: R = stop.value
            return result
        if item is None:
            yield None
