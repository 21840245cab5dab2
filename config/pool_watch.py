"""Pool watch: a worker whose pool takes no calls any more ends itself, and is started anew.

Where files are the broker, the processes of the pool share one pipe and take turns at it by a lock.
The one whose turn it is holds the lock while it waits; if just then it is killed, such as by a
system short of memory, nobody ever gets the lock again: new processes come and wait, calls lie in
the pipe, and nothing is done. The worker's own loop notices nothing of it.
"""

import logging
import os
import signal
import time
from collections.abc import Callable
from typing import Any, Final

from celery import bootsteps

logger = logging.getLogger(__name__)

#: Seconds between two looks, and for how long calls may lie unread. No more calls are put into the
#: pipe than there are processes that do nothing, so one of those should read them at once.
_LOOK: Final = 5.0
_UNREAD: Final = 20.0


class PoolWatch(bootsteps.StartStopStep):
    """Looks whether calls are read, as long as the worker lives."""

    requires = ("celery.worker.components:Timer", "celery.worker.components:Pool")

    def start(self, parent: Any) -> None:
        """Begin with it; with Redis each process has a pipe of its own, and there is no lock."""
        calls = getattr(parent.pool._pool, "_inqueue", None)  # noqa: SLF001  billiard has no other name for it
        if calls is not None:
            parent.timer.call_repeatedly(_LOOK, Unread(calls._reader.poll).look)  # noqa: SLF001  the same


class Unread:
    """Calls that lie in the pipe; ``poll`` tells whether there are any."""

    def __init__(
        self,
        poll: Callable[[], bool],
        end: Callable[[], None] = lambda: os.kill(os.getpid(), signal.SIGKILL),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._poll = poll
        self._end = end
        self._clock = clock
        self._since: float | None = None

    def look(self) -> None:
        """End the worker if calls have lain there for too long."""
        if not self._poll():
            self._since = None
            return
        now = self._clock()
        self._since = now if self._since is None else self._since
        if now - self._since >= _UNREAD:
            logger.critical(
                "the pool takes no calls: one of its processes was killed while it held their "
                "lock; the worker ends, to be started anew"
            )
            self._end()
