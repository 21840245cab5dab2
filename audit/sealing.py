"""Sealing: events are closed in batches into a SHA-256 hash chain. No event is ever written to.

A seal names its events and holds a digest of each, so that a check can say which row differs;
its own digest covers those and the seal before. What the chain proves, it proves up to a head
that is known from elsewhere: whoever can rewrite the whole database can make a new chain, so
each head is logged, and ``verify_audit`` takes one noted earlier.

Transactions do not commit in the order of their ids. An event may appear below one that is
sealed already; for ``LATE`` the gaps between sealed ids are therefore looked at again. They are
rows of their own, so that a run reads the last seal and what is open, however long the chain is.
"""

import datetime as dt
import hashlib
import json
import logging
from collections.abc import Iterable
from typing import Final

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from audit.models import AuditEvent, AuditGap, AuditSeal
from audit.spans import Span, gaps, spans

logger = logging.getLogger(__name__)

#: Events in one seal: 32 kB of digests, a transaction of milliseconds.
BATCH: Final = 1000
#: Seals in one run; what is left waits for the next.
BATCHES: Final = 100
#: How late a transaction may commit and still be sealed: far beyond any lease or request.
LATE: Final = dt.timedelta(hours=1)
#: Spans asked for in one query: SQLite limits the depth of an expression to 1000.
SPANS_A_QUERY: Final = 200
#: What stands for "the seal before" in the first seal.
GENESIS: Final = "0" * 64


def seal() -> int:
    """Seal what is not sealed yet, and return how many events that were.

    Safe to run at the same time as another: of two seals with one number the database takes
    one, and the next run finds the events of the other.
    """
    total = 0
    for _ in range(BATCHES):
        try:
            count = _seal_batch(timezone.now())
        except IntegrityError:
            logger.info("another sealer was faster")
            break
        total += count
        if count < BATCH:
            break
    return total


def event_digest(event: AuditEvent) -> bytes:
    """Digest every column of an event."""
    columns = [
        event.pk,
        event.at.astimezone(dt.UTC).isoformat(),
        event.tag,
        event.actor,
        event.address,
        event.subject_kind,
        event.subject_pk,
        event.subject_name,
        event.text,
        event.data,
    ]
    return hashlib.sha256(_canonical(columns)).digest()


def seal_digest(seal_row: AuditSeal) -> str:
    """Digest every column of a seal but the digest itself."""
    columns = [
        seal_row.number,
        seal_row.sealed_at.astimezone(dt.UTC).isoformat(),
        seal_row.ranges,
        seal_row.top,
        bytes(seal_row.digests).hex(),
        seal_row.previous,
    ]
    return hashlib.sha256(_canonical(columns)).hexdigest()


def spans_of(seal_row: AuditSeal) -> list[Span]:
    """Read which events a seal holds."""
    return [Span(first, last) for first, last in seal_row.ranges]


def events_in(wanted: Iterable[Span]) -> list[AuditEvent]:
    """Fetch the events with these ids that exist, in the order of their ids."""
    found: list[AuditEvent] = []
    rest = list(wanted)
    for start in range(0, len(rest), SPANS_A_QUERY):
        some = Q()
        for span in rest[start : start + SPANS_A_QUERY]:
            some |= Q(pk__range=(span.first, span.last))
        found.extend(AuditEvent.objects.filter(some))
    return sorted(found, key=lambda event: event.pk)


def _seal_batch(now: dt.datetime) -> int:
    with transaction.atomic():
        last = AuditSeal.objects.order_by("-number").defer("digests", "ranges").first()
        top = last.top if last else 0
        waiting = list(AuditGap.objects.filter(seen_at__gt=now - LATE).order_by("first"))
        events = _unsealed(top, waiting)
        if not events:
            return 0
        sealed = spans(event.pk for event in events)
        row = AuditSeal(
            number=last.number + 1 if last else 1,
            sealed_at=now,
            ranges=[[span.first, span.last] for span in sealed],
            top=max(events[-1].pk, top),
            digests=b"".join(event_digest(event) for event in events),
            previous=last.digest if last else GENESIS,
        )
        row.digest = seal_digest(row)
        row.save(force_insert=True)
        # Gaps belong to the seal: of two sealers, the one that gives way leaves none behind.
        whole = AuditGap(first=top + 1, last=row.top, seen_at=now)
        _note_gaps([*waiting, whole], sealed, now)
    # The head in the log is the anchor outside the database.
    logger.info("sealed %d audit events, head is %s", len(events), row)
    return len(events)


def _unsealed(top: int, waiting: list[AuditGap]) -> list[AuditEvent]:
    """Find late events in the gaps between sealed ones, and events above all sealed ones."""
    late = events_in(Span(gap.first, gap.last) for gap in waiting)
    new = AuditEvent.objects.filter(pk__gt=top).order_by("pk")
    return (late + list(new[:BATCH]))[:BATCH]


def _note_gaps(before: list[AuditGap], sealed: list[Span], now: dt.datetime) -> None:
    """Keep what is left of the gaps; those that nobody can fill in time any more go."""
    AuditGap.objects.filter(seen_at__lte=now - LATE).delete()
    for gap in before:
        left = list(gaps(sealed, gap.first, gap.last))
        if gap.pk and left == [Span(gap.first, gap.last)]:
            continue
        if gap.pk:
            gap.delete()
        rows = [AuditGap(first=s.first, last=s.last, seen_at=gap.seen_at) for s in left]
        AuditGap.objects.bulk_create(rows)


def _canonical(columns: list[object]) -> bytes:
    # Keys are sorted since PostgreSQL keeps no order of them.
    return json.dumps(columns, sort_keys=True, separators=(",", ":")).encode()
