"""Traffic: what is open, what waits and for how long. Each figure is one query by an index."""

import datetime as dt
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from django.db.models import Count, Min, QuerySet
from prometheus_client.core import GaugeMetricFamily

from audit.models import AuditEvent
from audit.tags import Tag
from messages.models import (
    MDN,
    Delivery,
    DeliveryState,
    MDNState,
    Message,
    State,
    WebhookEvent,
    WebhookEventState,
)
from messages.models.messages import OPEN_OUTBOUND
from messages.silence import silences
from partners.models import Connection, ConnectionState, Webhook

#: Events of the audit trail that are counted; what became of messages, and alarms.
COUNTED: Final = (
    Tag.MESSAGE_INBOUND_ACCEPTED,
    Tag.MESSAGE_INBOUND_REJECTED,
    Tag.MESSAGE_INBOUND_DUPLICATE,
    Tag.MESSAGE_OUTBOUND_QUEUED,
    Tag.MESSAGE_OUTBOUND_DELIVERED,
    Tag.MESSAGE_OUTBOUND_FAILED,
    Tag.MDN_INBOUND_OVERDUE,
    Tag.MDN_INBOUND_UNMATCHED,
    Tag.MDN_OUTBOUND_FAILED,
    Tag.DELIVERY_FOLDER_FAILED,
    Tag.CONNECTION_RATE_EXCEEDED,
    Tag.CONNECTION_DECRYPTION_FAILING,
    Tag.SENDER_RATE_EXCEEDED,
    Tag.USER_LOGIN_LOCKED,
)
_HOUR: Final = dt.timedelta(hours=1)
#: Seconds for which a figure is told again that takes a look at many rows.
_AGAIN: Final = 300.0


class _Costly:
    """A figure that is asked for less often than it is told."""

    def __init__(self, find: Callable[[dt.datetime], Mapping[str, int]]) -> None:
        self._find = find
        self._found: Mapping[str, int] = {}
        self._until = float("-inf")

    def __call__(self, now: dt.datetime) -> Mapping[str, int]:
        """Return what it was lately, or find out."""
        if time.monotonic() >= self._until:
            self._found = self._find(now)
            self._until = time.monotonic() + _AGAIN
        return self._found

    def forget(self) -> None:
        """Find out the next time."""
        self._until = float("-inf")


def _find_silent(now: dt.datetime) -> Mapping[str, int]:
    return {"": len(silences(Connection.objects.all(), now))}


def _find_undelivered(_now: dt.datetime) -> Mapping[str, int]:
    states = (DeliveryState.WAITING, DeliveryState.HELD)
    found = Delivery.objects.filter(state__in=states).values_list("state").order_by()
    return {state.value: 0 for state in states} | dict(found.annotate(Count("pk")))


silent: Final = _Costly(_find_silent)
undelivered: Final = _Costly(_find_undelivered)


def figures(now: dt.datetime) -> Iterator[GaugeMetricFamily]:
    """Give all of them."""
    yield _events(now)
    yield _open_messages()
    yield from _due(now)
    yield gauge(
        "as2_mdns_overdue",
        "Messages whose MDN should have come by now.",
        [
            ((), Message.objects.filter(state=State.WAITING, mdn_deadline__lt=now).count()),
        ],
    )
    yield _deliveries(now)
    yield _webhook_events()
    yield gauge(
        "as2_silent_connections",
        "Connections by which no document came for longer than they, or their habit, allow.",
        [((), silent(now)[""])],
    )


def gauge(
    name: str,
    text: str,
    values: Iterable[tuple[tuple[str, ...], float]],
    labels: tuple[str, ...] = (),
) -> GaugeMetricFamily:
    """Make a gauge of values, each with those of the labels."""
    family = GaugeMetricFamily(name, text, labels=labels)
    for named, value in values:
        family.add_metric(named, value)
    return family


def _events(now: dt.datetime) -> GaugeMetricFamily:
    rows = AuditEvent.objects.filter(tag__in=COUNTED, at__gt=now - _HOUR).order_by()
    found = dict(rows.values_list("tag").annotate(Count("pk")))
    return gauge(
        "as2_events_last_hour",
        "Events of the audit trail within the last hour, by their tag.",
        [((tag.value,), found.get(tag.value, 0)) for tag in COUNTED],
        ("tag",),
    )


def _open_messages() -> GaugeMetricFamily:
    states = (State.RECEIVED, *OPEN_OUTBOUND)
    rows = Message.objects.filter(state__in=states).order_by()
    found = dict(rows.values_list("state").annotate(Count("pk")))
    return gauge(
        "as2_messages_open",
        "Messages that are neither accepted nor refused, or not yet delivered or failed.",
        [
            (("inbound" if each is State.RECEIVED else "outbound", each.value), found.get(each, 0))
            for each in states
        ],
        ("direction", "state"),
    )


def _due(now: dt.datetime) -> Iterator[GaugeMetricFamily]:
    """Tell what workers should be busy with; what is parked waits on purpose."""
    active = ConnectionState.ACTIVE
    kinds: dict[str, QuerySet[Any]] = {
        "send": Message.objects.filter(state__in=OPEN_OUTBOUND, connection__state=active),
        "process": Message.objects.filter(state=State.RECEIVED),
        "mdn": MDN.objects.filter(state=MDNState.QUEUED),
        "delivery": Delivery.objects.filter(state=DeliveryState.QUEUED),
        "webhook": WebhookEvent.objects.filter(
            state=WebhookEventState.QUEUED, webhook__active=True
        ),
    }
    found = {
        kind: rows.filter(due_at__lte=now).aggregate(count=Count("pk"), first=Min("due_at"))
        for kind, rows in kinds.items()
    }
    yield gauge(
        "as2_work_due",
        "Rows that a worker should take now, by the kind of work.",
        [((kind,), each["count"]) for kind, each in found.items()],
        ("kind",),
    )
    yield gauge(
        "as2_work_wait_seconds",
        "Seconds for which the longest waiting row of each kind is due.",
        [
            ((kind,), (now - each["first"]).total_seconds() if each["first"] else 0.0)
            for kind, each in found.items()
        ],
        ("kind",),
    )


def _deliveries(now: dt.datetime) -> GaugeMetricFamily:
    queued = Delivery.objects.filter(due_at__isnull=False).count()
    counts = {DeliveryState.QUEUED.value: queued, **undelivered(now)}
    return gauge(
        "as2_deliveries",
        "Received documents that the business side does not have yet, by the state.",
        [((state,), count) for state, count in counts.items()],
        ("state",),
    )


def _webhook_events() -> GaugeMetricFamily:
    waiting = WebhookEvent.objects.filter(due_at__isnull=False)
    failed = WebhookEvent.objects.filter(state=WebhookEventState.FAILED)
    names = dict(Webhook.objects.order_by("pk").values_list("pk", "name"))
    counts = {
        state: dict(rows.order_by().values_list("webhook").annotate(Count("pk")))
        for state, rows in (("queued", waiting), ("failed", failed))
    }
    return gauge(
        "as2_webhook_events",
        "Events that a webhook has not taken yet, or that were given up within 30 days.",
        [
            ((name, state), found.get(pk, 0))
            for pk, name in names.items()
            for state, found in counts.items()
        ],
        ("webhook", "state"),
    )
