"""Retention: payloads and raw requests go when they are old; facts, digests and MDNs stay.

The files of a message are deleted first and its row says so afterwards: a crash in between leaves
names of files that are gone, and the next run finishes them. The other order would leave files that
nobody would ever look for. Only what is over is touched: every delivery done, every MDN posted. A
file that cannot be deleted is left to the next run, with its row, and holds up no other.
"""

import datetime as dt
import logging
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet

from audit.recording import Subject, record
from audit.tags import Tag
from messages.models import MDN, Delivery, MDNState, Message
from messages.models.deliveries import DeliveryState
from messages.store import get_store
from partners.models import Connection

logger = logging.getLogger(__name__)

#: Messages whose rows are written in one transaction.
BATCH = 200
#: Seconds after which the rest waits for the next run: other tasks want the worker too.
_ENOUGH = 300.0


@dataclass(frozen=True, slots=True)
class Purged:
    """What a run has purged, or would purge."""

    messages: int = 0
    files: int = 0
    bytes: int = 0

    def __add__(self, other: "Purged") -> "Purged":
        return Purged(
            self.messages + other.messages, self.files + other.files, self.bytes + other.bytes
        )


def purge(
    now: dt.datetime,
    connections: QuerySet[Connection] | None = None,
    *,
    dry_run: bool = False,
    actor: str = "system",
) -> Purged:
    """Purge what is older than it is to be kept, of all connections or of these.

    A run that takes long is finished by the next.
    """
    end = time.monotonic() + _ENOUGH
    total = Purged()
    rows = Connection.objects.all() if connections is None else connections
    for connection in rows.select_related("organization", "partner").order_by("pk"):
        days = keep_days(connection)
        before = kept_since(now, days)
        if before is None:
            continue
        due = purgeable(connection, before)
        if dry_run:
            total += _measure(due)
            continue
        purged = _purge(due, now, end)
        if purged.messages:
            text = f"Purged {purged.messages} messages that ended more than {days} days ago."
            facts = {"messages": purged.messages, "files": purged.files, "bytes": purged.bytes}
            record(Tag.MESSAGE_FILES_PURGED, Subject.of(connection), text, data=facts, actor=actor)
            logger.info("%s: %s", connection, text)
        total += purged
    return total


def keep_days(connection: Connection) -> int:
    """How many days its documents are kept; 0 is for ever."""
    default: int = settings.AS2_KEEP_DAYS
    return default if connection.keep_days is None else connection.keep_days


def kept_since(now: dt.datetime, days: int) -> dt.datetime | None:
    """Since when things are there that are kept so many days; None if all of them are kept."""
    try:
        return now - dt.timedelta(days=days) if days > 0 else None
    except OverflowError:  # before the year 1
        return None


def purgeable(connection: Connection, before: dt.datetime) -> QuerySet[Message]:
    """Messages that were over by then, with nothing to be done for them any more."""
    open_deliveries = Delivery.objects.exclude(state=DeliveryState.DONE).values("message")
    open_mdns = MDN.objects.filter(state=MDNState.QUEUED, message__isnull=False).values("message")
    return (
        Message.objects.filter(
            connection=connection,
            purged_at__isnull=True,
            finished_at__lt=before,
            due_at__isnull=True,
        )
        .exclude(pk__in=open_deliveries)
        .exclude(pk__in=open_mdns)
        .order_by("finished_at", "pk")
    )


def _purge(due: QuerySet[Message], now: dt.datetime, end: float) -> Purged:
    total, kept, rest = Purged(), [], due
    while time.monotonic() < end:
        batch = list(rest[:BATCH])
        if not batch:
            break
        # On from the last one: those whose files could not be deleted would be found again.
        rest = _after(due, batch[-1])
        gone = []
        for message in batch:
            try:
                total += _delete_files(message)
                gone.append(message.pk)
            except OSError as error:
                kept.append(f"{message.message_id}: {error}")
        with transaction.atomic():
            # Whoever took one up again meanwhile (a resend by hand) finds that its octets are gone.
            rows = Message.objects.filter(pk__in=gone, due_at__isnull=True)
            rows.update(purged_at=now, raw_key="", payload_key="", wire_key="")
    if kept:
        logger.error(
            "files of %d messages could not be deleted; the next run tries again; the first is %s",
            *(len(kept), kept[0]),
        )
    return total


def _after(due: QuerySet[Message], last: Message) -> QuerySet[Message]:
    """What comes behind a message in the order of ``purgeable``."""
    same = Q(finished_at=last.finished_at, pk__gt=last.pk)
    return due.filter(same | Q(finished_at__gt=last.finished_at))


def _delete_files(message: Message) -> Purged:
    store, files, size = get_store(), 0, 0
    for key in _keys(message):
        with suppress(FileNotFoundError):
            size += store.size(key)
            files += 1
        store.delete(key)
    return Purged(1, files, size)


def _measure(due: QuerySet[Message]) -> Purged:
    total = Purged()
    for message in due.iterator():
        sizes = (message.payload_size or 0, message.wire_size or 0)
        total += Purged(1, len([*_keys(message)]), sum(sizes))
    return total


def _keys(message: Message) -> Iterator[str]:
    yield from filter(None, (message.raw_key, message.payload_key, message.wire_key))
