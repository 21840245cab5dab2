"""Noting: a row for each webhook that wants an event, in the transaction of what it tells of.

So nothing is told that was rolled back, and nothing is lost that was committed; the event's id is
made from the audit row's, so that it can only come into being once.
"""

import datetime as dt
import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from django.utils import timezone

from audit.inserting import insert
from audit.models import AuditEvent
from messages.dispatch import wake_event
from messages.models import WebhookEvent
from messages.webhooks.facts import facts_of
from messages.webhooks.types import type_of
from partners.event_types import EventType
from partners.models import Webhook
from partners.remembered import rows

#: What a receiver finds behind Content-Type (CloudEvents HTTP binding §3.2).
CONTENT_TYPE: Final = "application/cloudevents+json; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Event:
    """An event as it goes out, the same to every webhook (CloudEvents 1.0)."""

    id: str
    type: EventType
    time: dt.datetime
    subject: str
    data: Mapping[str, Any]

    @property
    def body(self) -> str:
        """The octets of the request, which are made once and signed at each attempt."""
        envelope = {
            "specversion": "1.0",
            "id": self.id,
            "source": settings.AS2_BASE_URL,
            "type": self.type.value,
            "time": self.time.astimezone(dt.UTC).isoformat().replace("+00:00", "Z"),
            "subject": self.subject,
            "datacontenttype": "application/json",
            "data": self.data,
        }
        return json.dumps(envelope, separators=(",", ":"))


def note(event: AuditEvent, **_options: object) -> None:
    """Queue an event that was just recorded for every webhook that wants it.

    Costs a look into a table for what nobody is ever told of, and one small query, or none within
    ``rows.held``, where no webhook wants it.
    """
    event_type = type_of(event)
    if event_type is None:
        return
    wanted = [webhook for webhook in rows.webhooks() if webhook.wants(event_type)]
    if not wanted:
        return
    facts = facts_of(event)
    told = Event(
        _id_of(event), event_type, event.at, f"{event.subject_kind}/{event.subject_pk}", facts.data
    )
    _queue(told, [each for each in wanted if each.partner_id in {None, *facts.partners}])


def note_test(webhook: Webhook) -> WebhookEvent:
    """Queue an event that only says that it works, whatever else the webhook wants."""
    data = {"text": f"A test of the webhook {webhook.name}."}
    told = Event(
        f"evt_{uuid.uuid4()}",
        EventType.WEBHOOK_TEST,
        timezone.now(),
        f"webhook/{webhook.pk}",
        data,
    )
    [row] = _queue(told, [webhook], wake=False)
    return row


def _queue(told: Event, webhooks: Iterable[Webhook], *, wake: bool = True) -> list[WebhookEvent]:
    body, now, made = told.body, timezone.now(), []
    for webhook in webhooks:
        row = WebhookEvent(
            webhook=webhook,
            event_id=told.id,
            type=told.type.value,
            subject=told.subject[:250],
            body=body,
            due_at=now,
        )
        made.append(insert(row))
        if wake:
            wake_event(row.pk)
    return made


def _id_of(event: AuditEvent) -> str:
    # With the time, since a restored database counts its rows from an earlier number again.
    name = f"{settings.AS2_BASE_URL}/audit/{event.pk}/{event.at.isoformat()}"
    return f"evt_{uuid.uuid5(uuid.NAMESPACE_URL, name)}"
