"""Refusals: partners that refuse one message after the other, found out by looking back.

Looked at every few minutes instead of counted with each message: sending costs nothing more, and a
process that was down misses none.
"""

import datetime as dt

from django.conf import settings
from django.db.models import Count, Q, QuerySet

from messages.models import Direction, Message, State
from partners import suspending
from partners.models import Connection, ConnectionState, Suspension

#: Older refusals say nothing of today.
_WINDOW = dt.timedelta(days=7)

#: How codes of failures by a status 4xx begin (``outcomes``); 5xx is a server that is out of order.
_STATUS = "http-4"
#: A negative MDN, or a status of the partner's server: it was reached, and did not want it.
_REFUSED = Q(state=State.FAILED) & (Q(decided_by_mdn=True) | Q(failure_code__startswith=_STATUS))


def review(now: dt.datetime) -> int:
    """Propose to suspend where everything is refused; withdraw what time has answered."""
    for row in suspending.open_suspensions():
        _review_open(row, now)
    wanted = settings.AS2_REFUSALS
    if not wanted:
        return 0
    refused = _REFUSED & Q(finished_at__gt=now - _WINDOW, direction=Direction.OUTBOUND)
    many = Message.objects.filter(refused).order_by().values("connection")
    found = many.annotate(number=Count("pk")).filter(number__gte=wanted)
    links = Connection.objects.filter(
        pk__in=found.values("connection"), state=ConnectionState.ACTIVE
    ).exclude(suspensions__closed_at__isnull=True, suspensions__isnull=False)
    return sum(
        _propose(link, wanted, now) for link in links.select_related("organization", "partner")
    )


def _propose(link: Connection, wanted: int, now: dt.datetime) -> bool:
    last = Suspension.objects.filter(connection=link).order_by("-closed_at").first()
    since = max(now - _WINDOW, last.closed_at) if last and last.closed_at else now - _WINDOW
    latest = _finished(link, since)
    in_a_row = 0
    for row in latest.iterator():
        if not _is_refusal(row):
            break
        in_a_row += 1
    if in_a_row < wanted:
        return False
    return suspending.propose(link, in_a_row, latest[0].failure_text, now)


def _review_open(row: Suspension, now: dt.datetime) -> None:
    if row.connection.state != ConnectionState.ACTIVE:
        suspending.withdraw(row, now, f"the connection is {row.connection.state} anyhow")
    elif _finished(row.connection, row.proposed_at).filter(state=State.DELIVERED).exists():
        suspending.withdraw(row, now, "a message was delivered since")


def _finished(link: Connection, since: dt.datetime) -> QuerySet[Message]:
    """Return what has ended since a moment, the latest first."""
    rows = Message.objects.filter(
        connection=link, direction=Direction.OUTBOUND, finished_at__gt=since
    )
    return rows.order_by("-finished_at", "-pk")


def _is_refusal(row: Message) -> bool:
    return row.state == State.FAILED and (
        row.decided_by_mdn or row.failure_code.startswith(_STATUS)
    )
