"""Sweeping: find whatever is due and wake workers for it, whoever forgot to.

The sweep is what makes the loss of the broker cost seconds (threats IN1). It wakes instead of
working, so that one slow partner holds up one worker and not the sweep. Since a sweep stands in the
same queue as the calls it makes, and expires when it waits too long, calls cannot pile up.
"""

import contextlib
import datetime as dt
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from django.conf import settings
from django.db.models import F, Max, Min, Model, Q, QuerySet, Window
from django.db.models.functions import RowNumber
from django.utils import timezone

from messages import claims, exchanges, restarting, wrapped_keys
from messages.dispatch import Wake, ring
from messages.models import (
    MDN,
    Delivery,
    MDNState,
    Message,
    Transfer,
    TransferPiece,
    WebhookEvent,
    WebhookEventState,
)
from messages.models.deliveries import DeliveryState
from messages.models.messages import OPEN_OUTBOUND, State
from messages.store import get_store
from messages.webhooks import posting
from partners.models import Connection, ConnectionState

logger = logging.getLogger(__name__)

#: Rows of each kind that one sweep wakes workers for.
BATCH = 500
#: Workers that one sweep wakes for deliveries: each of them hands over all that it finds due.
_CREW = 8
#: Quarantined files untouched for that long belong to no living process: an upload that pauses
#: longer than AS2_READ_TIMEOUT is refused.
_ABANDONED = dt.timedelta(hours=1)
_CLEANING_INTERVAL = 3600.0
#: Further ahead than any gap (``backoff.CAP``) lets a row be due.
_FAR = dt.timedelta(days=1)
#: Until then somebody may still look for what a crash left.
_ORPHANED = dt.timedelta(days=7)
#: Every column that names a file of the store.
KEYS: tuple[tuple[type[Model], str], ...] = (
    (Message, "raw_key"),
    (Message, "payload_key"),
    (Message, "wire_key"),
    (MDN, "body_key"),
    (TransferPiece, "part_key"),
)


def sweep() -> int:
    """Wake workers for what is due; how many calls were made. Once an hour clean up."""
    calls = _ring_for_due(timezone.now())
    # After the calls, which are made whatever becomes of these: they are written to the store.
    exchanges.send_due()
    _cleaning.do_if_due()
    return calls


def _ring_for_due(now: dt.datetime) -> int:
    calls = 0
    for task, keys in _due(now):
        for pk in keys:
            if not ring(task, pk):
                return calls  # the broker is away: the next sweep finds the same rows
            calls += 1
    return calls


def _due(now: dt.datetime) -> Iterator[tuple[Wake, Iterable[int]]]:
    """Primary keys of what is due, each kind with the task for it."""
    deliveries = Delivery.objects.due(now).filter(state=DeliveryState.QUEUED)
    mdns = MDN.objects.due(now).filter(state=MDNState.QUEUED)
    received = Message.objects.due(now).filter(state=State.RECEIVED)
    yield Wake.DELIVER, deliveries.values_list("pk", flat=True)[:_CREW]
    yield Wake.POST_MDN, mdns.values_list("pk", flat=True)[:BATCH]
    yield Wake.PROCESS, received.values_list("pk", flat=True)[:BATCH]
    events = WebhookEvent.objects.due(now).filter(
        state=WebhookEventState.QUEUED, webhook__active=True
    )
    # One for each webhook: who is called for it goes on with the others.
    first = events.order_by().values("webhook").annotate(first=Min("pk"))
    yield Wake.POST_EVENT, first.values_list("first", flat=True)[:BATCH]
    yield Wake.SEND, _sendable(now).values_list("pk", flat=True)[:BATCH]


def _sendable(now: dt.datetime) -> QuerySet[Message]:
    """Messages to send, the connections by turns: a blocked one must not fill every batch.

    Of each as many as may be sent at a time: a worker that is called goes on with the others.
    """
    due = Message.objects.due(now).filter(
        state__in=OPEN_OUTBOUND, connection__state=ConnectionState.ACTIVE
    )
    turn = Window(RowNumber(), partition_by=F("connection_id"), order_by="pk")
    turns = due.annotate(turn=turn).filter(turn__lte=F("connection__parallel"))
    return turns.order_by("turn", "due_at")


def pull_in(now: dt.datetime) -> int:
    """Bring near what is due further ahead than anything may be; how many rows.

    Such rows were written while the clock was wrong (threats IN9): set right, it would not reach
    them for as long as it was ahead. Whoever has claimed one finds it taken and writes nothing.
    """
    far = now + _FAR + claims.lease()
    minutes = Connection.objects.aggregate(longest=Max("mdn_wait_minutes"))["longest"] or 0
    wait = dt.timedelta(minutes=minutes)
    waiting = Q(state=State.WAITING)
    pulled = Message.objects.filter(~waiting, due_at__gt=far).update(due_at=now)
    # A whole wait for the MDN begins: how much of it is over nobody knows.
    pulled += Message.objects.filter(waiting, due_at__gt=far + wait).update(due_at=now + wait)
    pulled += MDN.objects.filter(due_at__gt=far).update(due_at=now)
    pulled += Delivery.objects.filter(due_at__gt=far).update(due_at=now)
    pulled += WebhookEvent.objects.filter(due_at__gt=far).update(due_at=now)
    pulled += Transfer.objects.filter(due_at__gt=far).update(due_at=now)
    if pulled:
        logger.error(
            "the clock was set back: %d rows were due only after days, now at once", pulled
        )
    return pulled


def named_keys(start: str) -> Iterator[str]:
    """Give the keys with this beginning that rows name."""
    for model, column in KEYS:
        rows = model._default_manager.filter(**{f"{column}__startswith": start})  # noqa: SLF001  Django's documented name for it
        yield from rows.values_list(column, flat=True)


def sweep_inbox(older_than: dt.timedelta) -> int:
    """Remove copies that crashed or frozen workers left, not written to for that long; how many.

    Each attempt removes the copy of the one before it, so only two crashes in a row leave any, or
    a worker that froze just before it made one and found the delivery done when it woke up.
    """
    limit = time.time() - older_than.total_seconds()
    swept, inbox = 0, Path(settings.AS2_INBOX)
    for copy in (*inbox.glob("*/*/.tmp-*"), *filter(_is_done, inbox.glob("*/*/.ready-*"))):
        with contextlib.suppress(FileNotFoundError):
            if copy.stat().st_mtime < limit:
                copy.unlink()
                swept += 1
    return swept


def _is_done(ready: Path) -> bool:
    """Whether a copy that waits for its final name is of a delivery that is done without it."""
    pk = ready.name.rpartition("-")[2]
    return pk.isdecimal() and Delivery.objects.filter(pk=pk, state=DeliveryState.DONE).exists()


class _Cleaning:
    """Forgets what is old, repairs what crashes and a wrong clock left; hourly in each process."""

    def __init__(self) -> None:
        self._next = 0.0

    def do_if_due(self) -> None:
        """Clean, unless this process has within the hour."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _CLEANING_INTERVAL
        now = timezone.now()
        store = get_store()
        steps: tuple[Callable[[], object], ...] = (
            lambda: pull_in(now),
            lambda: wrapped_keys.forget(now),
            lambda: sweep_inbox(_ABANDONED),
            lambda: restarting.forget_old(now),
            lambda: posting.forget(now),
            lambda: store.sweep_quarantine(_ABANDONED),
            lambda: store.sweep_orphans(_ORPHANED, named_keys),
        )
        for step in steps:
            try:
                step()
            except Exception:
                logger.exception("a step of the cleaning was not done; the next is in an hour")


_cleaning = _Cleaning()
