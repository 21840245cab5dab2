"""Generator parsers over bytes that arrive in pieces.

A parser is a generator over a ``Source``. It reads top to bottom like blocking code; where bytes
are missing it yields None, and it yields what it has made. ``Layer`` runs one parser: octets go in
by ``feed``, what the parser yields comes out. Parsers nest by feeding what they make into an inner
``Layer`` (see ``receive``). Any cut of the input gives the same output, and n octets cost O(n).
"""

from collections.abc import Callable, Generator, Iterator
from typing import ClassVar, Generic, TypeVar

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

    __slots__ = ("_before", "ended", "octets", "position")

    def __init__(self) -> None:
        #: what has arrived, to be looked at, and where in it those begin that have not been read
        self.octets: bytes | bytearray = b""
        self.position = 0
        #: octets that were read and are not there any more
        self._before = 0
        #: whether no more will come
        self.ended = False

    @property
    def taken(self) -> int:
        """Octets that were read so far."""
        return self._before + self.position

    def feed(self, data: bytes) -> None:
        """Append octets."""
        if self.position == len(self.octets):
            # Nothing is left over: keep the piece itself, without a copy.
            self._before += self.position
            self.octets, self.position = data, 0
            return
        if isinstance(self.octets, bytes):
            self._move_to(bytearray(self.octets[self.position :]))
        elif self.position > _SLACK and self.position * 2 > len(self.octets):
            del self.octets[: self.position]
            self._move_to(self.octets)
        self.octets += data

    def _move_to(self, buffer: bytes | bytearray) -> None:
        """Go on in a buffer that begins with the octets that have not been read."""
        self._before += self.position
        self.octets, self.position = buffer, 0

    def end(self) -> None:
        """Say that no more octets will come."""
        self.ended = True

    def __len__(self) -> int:
        return len(self.octets) - self.position

    def take(self, count: int) -> bytes:
        """Read ``count`` octets, which must have arrived."""
        start = self.position
        self.position = end = start + count
        buffer = self.octets
        if isinstance(buffer, bytes):
            return buffer[start:end]
        with memoryview(buffer) as view:
            return bytes(view[start:end])

    def exactly(self, count: int) -> Wait[bytes]:
        """Read ``count`` octets; EndOfStream if they never come. The caller bounds ``count``."""
        while (missing := self.position + count - len(self.octets)) > 0:
            if self.ended:
                raise EndOfStream(f"the octets end {missing} too early")
            yield None
        return self.take(count)

    def some(self, limit: int | None = None) -> Wait[bytes]:
        """Read whatever is there, at least one octet and at most ``limit``; empty at the end."""
        while not (count := len(self.octets) - self.position):
            if self.ended:
                return b""
            yield None
        return self.take(count if limit is None else min(limit, count))

    def peek(self, count: int) -> Wait[bytes]:
        """Look at the next ``count`` octets without reading them; fewer only at the end."""
        while len(self.octets) - self.position < count and not self.ended:
            yield None
        return bytes(self.octets[self.position : self.position + count])

    def line(self, limit: int) -> Wait[bytes]:
        """Read up to and with the next LF, or to the end; LimitExceeded past ``limit`` octets."""
        searched = 0
        while True:
            found = self.octets.find(b"\n", self.position + searched)
            length = found + 1 - self.position if found >= 0 else len(self)
            if length > limit:
                raise LimitExceeded(f"a line of more than {limit} octets")
            if found >= 0 or self.ended:
                return self.take(length)
            searched = length
            yield None

    def put_back(self, data: bytes) -> None:
        """Return octets to the front, as if they had not been read.

        Costs only their own length where they are what was read last and is still in the buffer.
        """
        start = self.position - len(data)
        if start >= 0 and self.octets[start : self.position] == data:
            self.position = start
        else:
            self._move_to(bytearray(data) + self.octets[self.position :])
            self._before -= len(data)


class Layer(Generic[T, R]):
    """One parser at work. After ``end`` its return value is in ``result``."""

    __slots__ = ("_parser", "_result", "_source", "fault")

    #: faults that are kept and not raised; a parser that has failed has ended, without a result
    kept: ClassVar[tuple[type[Exception], ...]] = ()

    def __init__(self, parser: Callable[[Source], Parser[T, R]]) -> None:
        self._source = Source()
        self._parser = parser(self._source)
        self._result: list[R] = []
        #: the one that was kept
        self.fault: Exception | None = None

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
        return self._run(data)

    def end(self) -> Iterator[T]:
        """Say that the octets are complete; iterate to get the rest.

        Raises what the parser raises.
        """
        return self._run(None)

    def _run(self, data: bytes | None) -> Iterator[T]:
        if data is None:
            self._source.end()
        elif not self._result:
            self._source.feed(data)
        while not self._result:
            try:
                item = next(self._parser)
            except StopIteration as stop:
                self._result.append(stop.value)
                return
            except self.kept as fault:
                self.fault = fault
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


def collect(parser: Parser[bytes, R], limit: int, refusal: str = "") -> Wait[tuple[bytes, R]]:
    """Collect what a parser makes, and what it returns.

    Raises LimitExceeded past ``limit`` octets, with ``refusal`` as its words.
    """
    collected: list[bytes] = []
    size = 0
    while True:
        try:
            piece = next(parser)
        except StopIteration as stop:
            return b"".join(collected), stop.value
        if piece is None:
            yield None
            continue
        collected.append(piece)
        size += len(piece)
        if size > limit:
            raise LimitExceeded(refusal or f"more than {limit} octets")


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
