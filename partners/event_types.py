"""Event types: what is told to other systems, and the patterns by which they choose.

A type is words with dots, the general first. The names are stored and sent: none is ever renamed.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

#: What everything is called.
EVERYTHING: Final = "*"
_BELOW: Final = ".*"


class EventType(StrEnum):
    """Every kind of event that a webhook may be told of."""

    MESSAGE_RECEIVED = "message.received"
    MESSAGE_REJECTED = "message.rejected"
    MESSAGE_DELIVERED = "message.delivered"
    MESSAGE_FAILED = "message.failed"
    MESSAGE_ACKNOWLEDGED = "message.acknowledged"
    MDN_OVERDUE = "mdn.overdue"
    MDN_FAILED = "mdn.failed"
    DELIVERY_FAILED = "delivery.failed"
    CERTIFICATE_EXPIRING = "certificate.expiring"
    CERTIFICATE_NO_SUCCESSOR = "certificate.expiring.no_successor"
    CERTIFICATE_EXPIRED = "certificate.expired"
    CERTIFICATE_ANNOUNCED = "certificate.announced"
    CERTIFICATE_OFFERED = "certificate.offered"
    ROLLOVER_PLANNED = "rollover.planned"
    ROLLOVER_ACTIVATED = "rollover.activated"
    ROLLOVER_ACKNOWLEDGED = "rollover.acknowledged"
    ROLLOVER_REFUSED = "rollover.refused"
    ROLLOVER_CONFIRMED = "rollover.confirmed"
    ROLLOVER_UNCONFIRMED = "rollover.unconfirmed"
    ROLLOVER_CANCELLED = "rollover.cancelled"
    ROLLOVER_DONE = "rollover.done"
    CONNECTION_SUSPENDED = "connection.suspended"
    CONNECTION_PAUSED = "connection.paused"
    CONNECTION_RESUMED = "connection.resumed"
    CONNECTION_SUSPENSION_PROPOSED = "connection.suspension_proposed"
    CONNECTION_RATE_EXCEEDED = "connection.rate_exceeded"
    CONNECTION_DECRYPTION_FAILING = "connection.decryption_failing"
    COMPLIANCE_ERROR = "compliance.error"
    COMPLIANCE_WARNING = "compliance.warning"
    COMPLIANCE_UNKNOWN = "compliance.unknown"
    COMPLIANCE_OK = "compliance.ok"
    COMPLIANCE_DEADLINE = "compliance.deadline"
    PARTNER_SILENT = "partner.silent"
    KEY_REMINDER = "key.reminder"
    ENDPOINT_CHANGED = "endpoint.changed"
    WEBHOOK_TEST = "webhook.test"


def read_patterns(text: str) -> tuple[str, ...]:
    """Read patterns that stand on lines or between commas. ValueError for one that fits nothing."""
    patterns = split(text)
    for pattern in patterns:
        if not any(matches((pattern,), each) for each in EventType):
            raise ValueError(f"No event is called {pattern[:100]}.")
    if not patterns:
        raise ValueError("Name at least one event, or * for all of them.")
    return patterns


def split(text: str) -> tuple[str, ...]:
    """Take patterns apart that have been read before."""
    return tuple(dict.fromkeys(text.replace(",", " ").split()))


def matches(patterns: Iterable[str], event_type: str) -> bool:
    """Whether one of the patterns means this type: ``*``, a name, or a name and all below it.

    ``certificate.expiring`` stands for ``certificate.expiring.no_successor``, too: a type that
    becomes finer must not silence who has chosen it.
    """
    return any(_means(pattern.removesuffix(_BELOW), event_type) for pattern in patterns)


def _means(name: str, event_type: str) -> bool:
    return name in {EVERYTHING, event_type} or event_type.startswith(f"{name}.")
