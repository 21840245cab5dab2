"""Watchdog: wakes a thread that waits for octets from a peer who sends too slowly.

A server's thread blocks in ``recv``; the socket's own time-out ends silence, but not one octet
every few seconds (threats IN10). Each read gets a deadline here; when it passes, the receiving half
of the connection is shut, so that the read ends short and there is still a way to answer.
"""

import contextlib
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator

logger = logging.getLogger(__name__)

#: Seconds between two looks at the deadlines.
_INTERVAL = 1.0


class Watched:
    """What is known of a connection under watch: when its current read must have ended."""

    __slots__ = ("deadline", "expired")

    def __init__(self) -> None:
        self.deadline = float("inf")
        self.expired = False


class Watchdog:
    """Looks after any number of connections from one thread, which runs while there are some."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._watched: dict[Watched, socket.socket] = {}
        self._lock = threading.Lock()
        self._awake = False

    @contextlib.contextmanager
    def watch(self, connection: socket.socket) -> Iterator[Watched]:
        """Watch a connection while the block runs; set ``deadline`` in monotonic seconds."""
        watched = Watched()
        with self._lock:
            self._watched[watched] = connection
            if not self._awake:
                self._awake = self._wake()
        try:
            yield watched
        finally:
            with self._lock:
                del self._watched[watched]

    def check(self) -> None:
        """Shut the receiving half of every connection whose deadline has passed."""
        now = self._clock()
        with self._lock:
            # Under the lock: once its block has ended, a connection belongs to the next request.
            for watched, connection in self._watched.items():
                if not watched.expired and watched.deadline < now:
                    watched.expired = True
                    _shut(connection)

    def _wake(self) -> bool:
        """Whether the thread runs now; where none can be had, the next connection asks again."""
        try:
            threading.Thread(target=self._run, name="as2-watchdog", daemon=True).start()
        except RuntimeError:  # the limit of threads is reached, for a moment
            logger.exception("slow peers are not watched: raise the limit of processes (pids)")
            return False
        return True

    def _run(self) -> None:
        while True:
            time.sleep(_INTERVAL)
            self.check()
            with self._lock:
                if not self._watched:
                    self._awake = False
                    return


def _shut(connection: socket.socket) -> None:
    # The plain method also for a TLS socket, whose own would drop the session and with it the
    # means to answer. A connection that is gone meanwhile needs no shutting.
    with contextlib.suppress(OSError):
        socket.socket.shutdown(connection, socket.SHUT_RD)


watchdog = Watchdog()
