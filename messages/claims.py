"""Claims: which outbound message may be sent now, and keeping it while that takes.

A connection sends a few messages at a time, or strictly one after the other. Both are counted from
live leases under a lock on the connection's row, so that the limit holds over all workers. While a
partner cannot be reached its connection rests between attempts, however many messages are due: a
dead partner must not keep all workers waiting for it (threats SD12).
"""

import datetime as dt
import time
from collections.abc import Iterable, Iterator
from typing import Any

from django.conf import settings
from django.db import connection as database
from django.db.models import BigAutoField, DateTimeField, QuerySet, Subquery
from django.utils import timezone

from audit.durability import unhurried
from audit.reading import Prepared
from messages import resting
from messages.dispatch import wake_send
from messages.models import Direction, Message, State
from messages.models.messages import OPEN_OUTBOUND
from messages.models.work import Work
from messages.resting import Absence
from partners.models import Connection, ConnectionState
from partners.remembered import rows


class LeaseLost(Exception):
    """Another worker has the row now, or an MDN has settled it: nothing is to be written."""


def keep(row: Work, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Pass chunks on and renew the lease on a row while they last, so that size costs no lease.

    The end of the chunks is a renewal too, if the last one is not fresh: the whole lease is left
    for what follows. Raises LeaseLost.
    """
    interval = settings.AS2_SEND_LEASE / 4
    renewed = time.monotonic()
    for chunk in chunks:
        if time.monotonic() - renewed > interval:
            renew(row)
            renewed = time.monotonic()
        yield chunk
    if time.monotonic() - renewed > 1:
        renew(row)


def renew(row: Work) -> None:
    """Hold a row for another lease; LeaseLost if it is not ours any more."""
    if not row.settle(due_at=timezone.now() + lease()):
        raise LeaseLost(f"the lease on {row} was lost")


def lease() -> dt.timedelta:
    """How long an attempt holds its message after the last sign of life."""
    return dt.timedelta(seconds=settings.AS2_SEND_LEASE)


def claim(message_pk: int, now: dt.datetime) -> Message | None:
    """Take a message for one attempt; None if it is not due, or its connection may not send now.

    A connection that is not active parks its messages: they stay due, and flow when it is resumed.
    """
    found = _ready.first(pk=message_pk, now=now)
    if found is None:
        return None
    connection = rows.known_connection(found[0])
    message = Message(pk=message_pk)
    # The row of the attempt comes next, and that one's commit waits for the disk.
    with unhurried():
        if database.features.has_select_for_update:  # SQLite has one writer at a time anyway
            _lock.rows(pk=connection.pk)
        away = resting.absence(connection, now)
        if away is not None and now < away.until:
            _let_rest(connection, away, now)
        if not _is_free(message, connection, now, alone=away is not None):
            return None
        if not message.claim(now, lease(), state=State.SENDING):
            return None
    message.connection = connection
    return message


def next_due(message_pk: int) -> int | None:
    """Find the oldest message that is due on the same connection; its key."""
    found = _next.first(pk=message_pk, now=timezone.now())
    return found[0] if found else None


def wake_next(connection_pk: int) -> None:
    """Ring for the connection's oldest message that is due: a place has become free."""
    found = _oldest.first(connection=connection_pk, now=timezone.now())
    if found:
        wake_send(found[0], connection_pk)


_PK, _TIME = BigAutoField(), DateTimeField()

#: The connection of a message that may be sent.
_ready = Prepared(
    lambda pk, now: (
        Message.objects.filter(
            pk=pk,
            direction=Direction.OUTBOUND,
            due_at__lte=now,
            connection__state=ConnectionState.ACTIVE,
        )
        .order_by()
        .values_list("connection_id")[:1]
    ),
    pk=_PK,
    now=_TIME,
)
_lock = Prepared(
    lambda pk: (
        Connection.objects.filter(pk=pk).order_by().select_for_update(no_key=True).values_list("pk")
    ),
    pk=_PK,
)


def _oldest_due(connection: Any, now: Any) -> QuerySet[Message, tuple[Any, ...]]:
    due = Message.objects.filter(connection_id=connection, state__in=OPEN_OUTBOUND, due_at__lte=now)
    return due.order_by("pk").values_list("pk")[:1]


_oldest = Prepared(_oldest_due, connection=_PK, now=_TIME)
#: The oldest on the connection of a message.
_next = Prepared(
    lambda pk, now: _oldest_due(
        Subquery(Message.objects.filter(pk=pk).order_by().values("connection_id")), now
    ),
    pk=_PK,
    now=_TIME,
)
#: Those of a connection that are being sent.
_sending = Prepared(
    lambda connection, now: (
        Message.objects.filter(connection_id=connection, state=State.SENDING, due_at__gt=now)
        .order_by()
        .values_list("pk")
    ),
    connection=_PK,
    now=_TIME,
)


def _let_rest(connection: Connection, away: Absence, now: dt.datetime) -> None:
    """Let all messages that are due wait for the end of the rest, so that none asks before."""
    due = Message.objects.filter(connection=connection, state__in=OPEN_OUTBOUND, due_at__lte=now)
    resting.put_off(due, away.until, failure_code="resting", failure_text=away.words)


def _is_free(message: Message, connection: Connection, now: dt.datetime, *, alone: bool) -> bool:
    """Whether a message of the connection may start now, this one being next in line.

    One that goes ``alone`` finds out whether a partner is back.
    """
    if not connection.ordered:
        most = 1 if alone else connection.parallel
        return len(_sending.rows(connection=connection.pk, now=now)) < most
    # Whatever is open goes first, also while it waits for its MDN or for its next attempt. What
    # has failed does not stand in the way: it is the operator's. What is open is due some time; to
    # say so lets SQLite look at these alone.
    ours = Message.objects.filter(connection=connection, due_at__isnull=False)
    return not ours.filter(state__in=OPEN_OUTBOUND, pk__lt=message.pk).exists()
