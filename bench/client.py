"""A load client that costs little: prepared HTTP requests, kept-open connections, one thread."""

import selectors
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

_READ = 65536


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run gave: seconds in all and for each request, and the bodies that came back."""

    seconds: float
    latencies: tuple[float, ...]
    answers: tuple[bytes, ...]

    @property
    def rate(self) -> float:
        """Requests a second."""
        return len(self.latencies) / self.seconds

    def percentile(self, share: float) -> float:
        """The latency in seconds that this share of requests stayed below."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


@dataclass(slots=True)
class _Connection:
    """One connection with at most one request under way."""

    socket: socket.socket
    started: float = 0.0
    pending: memoryview = field(default_factory=lambda: memoryview(b""))
    received: bytearray = field(default_factory=bytearray)

    def begin(self, request: bytes) -> None:
        """Start a request."""
        self.started = time.perf_counter()
        self.pending = memoryview(request)
        self.received.clear()
        self.write()

    def write(self) -> None:
        """Send what the socket takes."""
        try:
            self.pending = self.pending[self.socket.send(self.pending) :]
        except BlockingIOError:
            return

    def read(self) -> bytes | None:
        """Take what has come; the answer once it is whole."""
        piece = self.socket.recv(_READ)
        if not piece:
            raise ConnectionError(
                f"the server closed the connection after {bytes(self.received)!r}"
            )
        self.received += piece
        head, mark, body = bytes(self.received).partition(b"\r\n\r\n")
        if not mark or len(body) < _content_length(head):
            return None
        return head + mark + body


def _content_length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    raise ConnectionError(f"an answer without Content-Length: {head!r}")


class _Run:
    """All connections of one run, and what has come back so far."""

    def __init__(self, requests: Sequence[bytes], *, kept_open: bool) -> None:
        self._waiting = iter(requests)
        self._kept_open = kept_open
        self._selector = selectors.DefaultSelector()
        self._address = ("", 0)
        self.latencies: list[float] = []
        self.answers: list[bytes] = []

    def open(self, address: tuple[str, int]) -> None:
        """Open a connection and give it a request, if one is left."""
        self._address = address
        request = next(self._waiting, None)
        if request is None:
            return
        connection = _Connection(socket.create_connection(address))
        connection.socket.settimeout(0)
        self._selector.register(connection.socket, selectors.EVENT_READ, connection)
        self._begin(connection, request)

    def finish(self) -> None:
        """Go on until every request is answered."""
        with self._selector:
            while self._selector.get_map():
                for key, events in self._selector.select():
                    self._advance(key.data, events)

    def _advance(self, connection: _Connection, events: int) -> None:
        if events & selectors.EVENT_WRITE:
            connection.write()
            self._watch(connection)
        if not events & selectors.EVENT_READ:
            return
        answer = connection.read()
        if answer is None:
            return
        self.latencies.append(time.perf_counter() - connection.started)
        self.answers.append(answer)
        request = next(self._waiting, None) if self._kept_open else None
        if request is not None:
            self._begin(connection, request)
            return
        self._selector.unregister(connection.socket)
        connection.socket.close()
        if not self._kept_open:
            self.open(self._address)

    def _begin(self, connection: _Connection, request: bytes) -> None:
        connection.begin(request)
        self._watch(connection)

    def _watch(self, connection: _Connection) -> None:
        more = selectors.EVENT_WRITE if connection.pending else 0
        self._selector.modify(connection.socket, selectors.EVENT_READ | more, connection)


def drive(
    address: tuple[str, int],
    requests: Sequence[bytes],
    connections: int,
    *,
    kept_open: bool = True,
) -> Outcome:
    """Send every request once, on so many connections at a time.

    With ``kept_open`` off each request has a connection of its own, for servers that close it.
    """
    run = _Run(requests, kept_open=kept_open)
    started = time.perf_counter()
    for _ in range(connections):
        run.open(address)
    run.finish()
    return Outcome(time.perf_counter() - started, tuple(run.latencies), tuple(run.answers))
