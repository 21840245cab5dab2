"""Claims: which outbound message may be sent now, and keeping it while that takes.

A connection sends a few messages at a time, or strictly one after the other. Both are counted from
live leases under a lock on the connection's row, so that the limit holds over all workers. While a
partner cannot be reached its connection rests between attempts, however many messages are due: a
dead partner must not keep all workers waiting for it (threats SD12).
"""

import datetime as dt
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from messages.dispatch import wake_send
from messages.literals import Literal
from messages.models import Attempt, Direction, Message, State
from messages.models.attempts import AWAY
from messages.models.messages import OPEN_OUTBOUND
from messages.models.work import Work
from partners.models import Connection, ConnectionState

#: How long a connection rests after an attempt that did not reach the partner's server.
REST = dt.timedelta(minutes=1)
#: The longest such rest, and for how long an absence is remembered: longer than any rest.
_LONGEST_REST = dt.timedelta(minutes=30)
_REMEMBERED = dt.timedelta(hours=1)


class LeaseLost(Exception):
    """Another worker has the row now, or an MDN has settled it: nothing is to be written."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A message that is ours for one attempt."""

    message: Message
    #: no other message of the connection could start beside it: ring for the next one afterwards
    last_slot: bool

    def keep(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Pass chunks on and keep the message meanwhile. Raises LeaseLost."""
        return keep(self.message, chunks)


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


def claim(message_pk: int, now: dt.datetime) -> Claim | None:
    """Take a message for one attempt; None if it is not due, or its connection may not send now.

    A connection that is not active parks its messages: they stay due, and flow when it is resumed.
    """
    due = Message.objects.filter(pk=message_pk, direction=Direction.OUTBOUND, due_at__lte=now)
    active = due.filter(connection__state=ConnectionState.ACTIVE)
    connection_pk = active.values_list("connection_id", flat=True).first()
    if connection_pk is None:
        return None
    message = Message(pk=message_pk)
    with transaction.atomic():
        rows = Connection.objects.select_related("organization", "partner")
        connection = rows.select_for_update(of=("self",), no_key=True).get(pk=connection_pk)
        absence = _absence(connection, now)
        if absence is not None and now < absence.until and _put_off(due, absence):
            return None
        free = _free_slots(message, connection, now, alone=absence is not None)
        if free < 1 or not message.claim(now, lease(), state=State.SENDING):
            return None
    message.connection = connection
    return Claim(message, last_slot=free == 1)


def wake_next(connection_pk: int) -> None:
    """Ring for the connection's oldest message that is due: a place has become free."""
    due = Message.objects.filter(
        connection_id=connection_pk, state__in=OPEN_OUTBOUND, due_at__lte=timezone.now()
    )
    pk = due.order_by("pk").values_list("pk", flat=True).first()
    if pk is not None:
        wake_send(pk)


@dataclass(frozen=True, slots=True)
class _Absence:
    """A partner that did not answer lately, and has not since: until when it rests, and why."""

    until: dt.datetime
    text: str


def _absence(connection: Connection, now: dt.datetime) -> _Absence | None:
    """Say whether a partner is away. Not if the connection has been changed since.

    It rests twice as long as it made us wait: with hundreds of messages for it, a partner that
    takes connections and never answers would hold a worker all the time otherwise.
    """
    # The sum keeps SQLite from reading all messages of the connection instead of the few faults.
    faults = Attempt.objects.annotate(of=F("message__connection_id") + 0).filter(
        of=connection.pk,
        error_class__in=[Literal(each.value) for each in AWAY],
        ended_at__gt=max(now - _REMEMBERED, connection.updated_at),
    )
    columns = ("started_at", "ended_at", "error_text")
    latest = faults.order_by("-ended_at").values_list(*columns).first()
    if latest is None or latest[1] is None:
        return None
    started, ended, text = latest
    answered = Attempt.objects.filter(
        message__connection=connection, http_status__isnull=False, ended_at__gt=started
    )
    if answered.exists():
        return None
    rest = min(max(REST, 2 * (ended - started)), _LONGEST_REST)
    return _Absence(ended + rest, text)


def _put_off(due: QuerySet[Message], absence: _Absence) -> bool:
    """Let a message wait for the end of the rest, unless an operator sends it again."""
    text = f"Waits since the partner could not be reached a moment ago: {absence.text}."
    others = due.exclude(attempts__gt=0, forgiven_attempts=F("attempts"))
    changes = {"failure_code": "resting", "failure_text": text}
    return others.update(due_at=absence.until, **changes) > 0


def _free_slots(message: Message, connection: Connection, now: dt.datetime, *, alone: bool) -> int:
    """How many messages of the connection may start now, this one being next in line.

    One that goes ``alone`` finds out whether a partner is back.
    """
    ours = Message.objects.filter(connection=connection)
    if not connection.ordered:
        most = 1 if alone else connection.parallel
        return most - ours.filter(state=State.SENDING, due_at__gt=now).count()
    # Whatever is open goes first, also while it waits for its MDN or for its next attempt. What
    # has failed does not stand in the way: it is the operator's.
    older = ours.filter(state__in=OPEN_OUTBOUND, pk__lt=message.pk)
    return 0 if older.exists() else 1
