"""What needs an operator's attention: the queries behind the start page and the list's filter."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet

from as2gateway.edi import Acceptance
from messages.models import Delivery, DeliveryState, Direction, Message, State
from partners.models import Connection, ConnectionState

#: How long a failure stays on the start page; the list keeps it for ever.
RECENT: Final = dt.timedelta(days=7)
#: Within it a program fetches what waits for it; programs that run once a night do, too.
FETCHED: Final = dt.timedelta(days=1)
#: How long a functional acknowledgement that never comes is shown as late.
EXPECTED: Final = dt.timedelta(days=30)


def failed(now: dt.datetime) -> QuerySet[Message]:
    """Failed or rejected of late, unless the same message was accepted since."""
    since = now - RECENT
    accepted = Message.objects.filter(
        direction=Direction.INBOUND,
        state=State.ACCEPTED,
        as2_from=OuterRef("as2_from"),
        as2_to=OuterRef("as2_to"),
        message_id=OuterRef("message_id"),
    )
    return Message.objects.filter(
        Q(finished_at__gte=since) | Q(finished_at__isnull=True, created_at__gte=since),
        Q(state=State.FAILED) | (Q(state=State.REJECTED) & ~Exists(accepted)),
    )


def stuck(now: dt.datetime) -> QuerySet[Message]:
    """Open and due for longer than any attempt may last: no worker takes it.

    Messages of a connection that is paused or suspended wait on purpose.
    """
    late = now - dt.timedelta(seconds=settings.AS2_SEND_LEASE)
    parked = Q(direction=Direction.OUTBOUND) & ~Q(connection__state=ConnectionState.ACTIVE)
    return Message.objects.filter(due_at__lt=late).exclude(parked)


def waiting() -> QuerySet[Message]:
    """Sent, and no MDN yet."""
    return Message.objects.filter(state=State.WAITING)


def unacknowledged(now: dt.datetime) -> QuerySet[Message]:
    """Delivered, and the functional acknowledgement that its connection expects is late.

    An MDN says that the octets came; a 997 that the partner's EDI software understood them.
    """
    expecting = Connection.objects.filter(acknowledge_hours__isnull=False)
    late = Q(pk__in=[])
    for hours, keys in _by_hours(expecting.values_list("acknowledge_hours", "pk")).items():
        limit = now - dt.timedelta(hours=hours)
        late |= Q(connection__in=keys, finished_at__lt=limit, finished_at__gte=limit - EXPECTED)
    return Message.objects.filter(
        late, state=State.DELIVERED, acknowledged_at__isnull=True
    ).exclude(edi_ack_number="")


def _by_hours(pairs: Iterable[tuple[int | None, int]]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = defaultdict(list)
    for hours, key in pairs:
        found[hours or 0].append(key)
    return found


def not_understood(now: dt.datetime) -> QuerySet[Message]:
    """Documents that the partner's functional acknowledgement refused of late, in part or whole."""
    return Message.objects.filter(
        acknowledgement__in=[Acceptance.REJECTED, Acceptance.PARTLY],
        acknowledged_at__gte=now - RECENT,
    )


def undelivered(now: dt.datetime) -> QuerySet[Delivery]:
    """Accepted documents that the business side does not have after a first try, or never will.

    Or that it has left alone for longer than a program does that works.
    """
    forgotten = Q(state=DeliveryState.WAITING, created_at__lt=now - FETCHED)
    return Delivery.objects.filter(
        Q(state=DeliveryState.HELD)
        | (Q(state=DeliveryState.QUEUED) & ~Q(failure_text=""))
        | forgotten
    )
