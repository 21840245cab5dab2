"""Watchdog: wakes a thread that waits for octets from a peer who sends too slowly.

A server's thread blocks in ``recv``; the socket's own time-out ends silence, but not one octet
every few seconds (threats IN10). Each read gets a deadline here; when it passes, the receiving half
of the connection is shut, so that the read ends short and there is still a way to answer.
"""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

#: Seconds between two looks at the deadlines.
_INTERVAL = 1.0


class Watched:
    """A connection under watch, and the moment by which its current read must have ended."""

    __slots__ = ("connection", "deadline", "expired")

    def __init__(self, connection: socket.socket | None) -> None:
        self.connection = connection
        self.deadline = float("inf")
        self.expired = False


class Watchdog:
    """Looks after any number of connections from one thread, which runs while there are some."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._watched: set[Watched] = set()
        self._lock = threading.Lock()
        self._awake = False

    @contextlib.contextmanager
    def watch(self, connection: socket.socket) -> Iterator[Watched]:
        """Watch a connection while the block runs; set ``deadline`` in monotonic seconds."""
        watched = Watched(connection)
        with self._lock:
            self._watched.add(watched)
            if not self._awake:
                self._awake = True
                threading.Thread(target=self._run, name="as2-watchdog", daemon=True).start()
        try:
            yield watched
        finally:
            with self._lock:
                self._watched.discard(watched)

    def check(self) -> None:
        """Shut the receiving half of every connection whose deadline has passed."""
        now = self._clock()
        with self._lock:
            late = [each for each in self._watched if not each.expired and each.deadline < now]
            # Under the lock: once its block has ended, a connection belongs to the next request.
            for watched in late:
                watched.expired = True
                _shut(watched.connection)

    def _run(self) -> None:
        while True:
            time.sleep(_INTERVAL)
            self.check()
            with self._lock:
                if not self._watched:
                    self._awake = False
                    return


def _shut(connection: socket.socket | None) -> None:
    # The plain method also for a TLS socket, whose own would drop the session and with it the
    # means to answer. A connection that is gone meanwhile needs no shutting.
    if connection is None:
        return
    with contextlib.suppress(OSError):
        socket.socket.shutdown(connection, socket.SHUT_RD)


watchdog = Watchdog()
