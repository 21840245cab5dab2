"""Dispatch: the doorbell. After a commit it wakes a worker; the row alone knows what is due.

A lost call costs the seconds until the sweep, never a message. So no fault of the broker may
reach the caller, who has just committed a document (threats IN1).

A worker that is called for a delivery hands over whatever else is due (``delivering.deliver_due``).
So a process that has just called one does not call for each of the next hundred: ``Bell``.
"""

import logging
import threading
import time
from collections.abc import Callable
from enum import StrEnum

from celery import current_app
from django.db import transaction
from kombu.exceptions import KombuError

logger = logging.getLogger(__name__)

#: One of the functions below.
Waker = Callable[[int], None]


class Wake(StrEnum):
    """The tasks that work on one row; called by name, since tasks import the use cases."""

    SEND = "messages.tasks.send"
    POST_MDN = "messages.tasks.post_mdn"
    DELIVER = "messages.tasks.deliver"
    PROCESS = "messages.tasks.process"


def wake_send(pk: int) -> None:
    """Let a worker send the message now, if it is due, once this transaction is committed."""
    _after_commit(Wake.SEND, pk)


def wake_mdn(pk: int) -> None:
    """Let a worker post the async MDN now."""
    _after_commit(Wake.POST_MDN, pk)


def wake_delivery(pk: int) -> None:
    """Let a worker hand over the payload now, and whatever else is due."""
    _after_commit(Wake.DELIVER, pk, deliveries.ring)


def wake_processing(pk: int) -> None:
    """Let a worker process the stored request of the message now."""
    _after_commit(Wake.PROCESS, pk)


def ring(task: Wake, pk: int) -> bool:
    """Call a worker at once; False if the broker could not be reached, which is logged."""
    try:
        current_app.send_task(task.value, args=(pk,), ignore_result=True)
    except (KombuError, OSError) as error:
        logger.warning("no worker woken by %s for %s, the sweep will do it: %s", task, pk, error)
        return False
    return True


class Bell:
    """Rings for work of which a worker does all that is due: at once, then not for a moment.

    Who comes within ``GAP`` seconds of a call is called for by the next one, at the end of them.
    Should the process end before that, the sweep makes it good.
    """

    #: Seconds; short beside what a document needs to be handed over, long beside a call.
    GAP = 0.1

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._rung = float("-inf")
        self._waiting = False

    def ring(self, task: Wake, pk: int) -> None:
        """Call a worker, now or in a moment."""
        with self._lock:
            if self._waiting:
                return
            wait = self._rung + self.GAP - self._clock()
            self._waiting = wait > 0
            self._rung = self._clock()
        if wait > 0:
            later = threading.Timer(wait, self._ring_late, (task, pk))
            later.daemon = True
            later.start()
        else:
            ring(task, pk)

    def _ring_late(self, task: Wake, pk: int) -> None:
        with self._lock:
            # From now on others may wait: their rows may be too late for the worker that comes.
            self._waiting, self._rung = False, self._clock()
        ring(task, pk)


#: of this process
deliveries = Bell()


def _after_commit(task: Wake, pk: int, how: Callable[[Wake, int], object] = ring) -> None:
    def call() -> None:
        how(task, pk)

    # Robust: a fault of the broker's client that nobody thought of is logged, and goes no further.
    transaction.on_commit(call, robust=True)
