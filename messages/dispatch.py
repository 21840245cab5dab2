"""Dispatch: the doorbell. After a commit it wakes a worker; the row alone knows what is due.

A lost call costs the seconds until the sweep, never a message. So no fault of the broker may
reach the caller, who has just committed a document (threats IN1).
"""

import logging
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
    """Let a worker hand over the payload now."""
    _after_commit(Wake.DELIVER, pk)


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


def _after_commit(task: Wake, pk: int) -> None:
    def call() -> None:
        ring(task, pk)

    # Robust: a fault of the broker's client that nobody thought of is logged, and goes no further.
    transaction.on_commit(call, robust=True)
