"""Dispatch: the doorbell. After a commit it wakes a worker; the row alone knows what is due.

A lost call costs the seconds until the sweep, never a message. So no fault of the broker may
reach the caller, who has just committed a document (threats IN1).

A worker that is called for a delivery hands over whatever else is due (``delivering.deliver_due``),
and one that is called for a message, or an MDN, sends what else is due on its connection. So a
process that has just called one does not call for each of the next hundred: ``Bell``.
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


class Wake(StrEnum):
    """The tasks that work on one row; called by name, since tasks import the use cases."""

    SEND = "messages.tasks.send"
    POST_MDN = "messages.tasks.post_mdn"
    DELIVER = "messages.tasks.deliver"
    PROCESS = "messages.tasks.process"
    POST_EVENT = "messages.tasks.post_event"


def wake_send(pk: int, connection_pk: int) -> None:
    """Let a worker send the message now, if it is due, once this transaction is committed.

    It goes on with others that are due on the same connection.
    """
    _after_commit(Wake.SEND, pk, sendings.of(connection_pk).ring)


def wake_mdn(pk: int, connection_pk: int) -> None:
    """Let a worker post the async MDN now, and others that are due on the same connection."""
    _after_commit(Wake.POST_MDN, pk, mdns.of(connection_pk).ring)


def wake_delivery(pk: int) -> None:
    """Let a worker hand over the payload now, and whatever else is due."""
    _after_commit(Wake.DELIVER, pk, deliveries.ring)


def wake_processing(pk: int) -> None:
    """Let a worker process the stored request of the message now, and whatever others wait."""
    _after_commit(Wake.PROCESS, pk, readings.ring)


def wake_event(pk: int) -> None:
    """Let a worker post the event to its webhook now, and others that are due for it."""
    _after_commit(Wake.POST_EVENT, pk)


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

    Who comes within ``gap`` seconds of a call is called for by the next one, at the end of them.
    Should the process end before that, the sweep makes it good.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, gap: float = 0.3) -> None:
        self.gap = gap
        self._clock = clock
        self._lock = threading.Lock()
        self._rung = float("-inf")
        self._waiting = False

    def ring(self, task: Wake, pk: int) -> None:
        """Call a worker, now or in a moment."""
        with self._lock:
            if self._waiting:
                return
            wait = self._rung + self.gap - self._clock()
            self._waiting = wait > 0
            self._rung = self._clock()
        if wait > 0:
            later = threading.Timer(wait, self._ring_late, (task, pk))
            later.daemon = True
            try:
                later.start()
            except RuntimeError:  # no thread to be had: so call now, and wait no more
                self._ring_late(task, pk)
        else:
            ring(task, pk)

    def _ring_late(self, task: Wake, pk: int) -> None:
        with self._lock:
            # From now on others may wait: their rows may be too late for the worker that comes.
            self._waiting, self._rung = False, self._clock()
        ring(task, pk)


#: Seconds until one more worker is called for a connection that has several of a kind to send.
_NEXT_WORKER = 0.1


class Bells:
    """A bell for each connection, since a worker that is called for one sends for that one."""

    def __init__(self) -> None:
        self._bells: dict[int, Bell] = {}

    def of(self, connection_pk: int) -> Bell:
        """Return the bell of a connection."""
        return self._bells.setdefault(connection_pk, Bell(gap=_NEXT_WORKER))


#: of this process
deliveries = Bell()
readings = Bell()
sendings = Bells()
mdns = Bells()


def _after_commit(task: Wake, pk: int, how: Callable[[Wake, int], object] = ring) -> None:
    def call() -> None:
        how(task, pk)

    # Robust: a fault of the broker's client that nobody thought of is logged, and goes no further.
    transaction.on_commit(call, robust=True)
