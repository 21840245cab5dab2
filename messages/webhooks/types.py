"""Types: what kind of event a row of the audit trail is to the outside; most are none."""

from collections.abc import Callable, Mapping
from typing import Final

from audit.models import AuditEvent
from audit.tags import Tag
from partners.event_types import EventType
from partners.models import ConnectionState

_TYPES: Final[Mapping[str, EventType]] = {
    Tag.MESSAGE_INBOUND_ACCEPTED: EventType.MESSAGE_RECEIVED,
    Tag.MESSAGE_INBOUND_REJECTED: EventType.MESSAGE_REJECTED,
    Tag.MESSAGE_OUTBOUND_DELIVERED: EventType.MESSAGE_DELIVERED,
    Tag.MESSAGE_OUTBOUND_FAILED: EventType.MESSAGE_FAILED,
    Tag.MESSAGE_OUTBOUND_ACKNOWLEDGED: EventType.MESSAGE_ACKNOWLEDGED,
    Tag.MDN_INBOUND_OVERDUE: EventType.MDN_OVERDUE,
    Tag.MDN_OUTBOUND_FAILED: EventType.MDN_FAILED,
    Tag.DELIVERY_FOLDER_FAILED: EventType.DELIVERY_FAILED,
    Tag.PARTNER_RENEWAL_NOTICED: EventType.CERTIFICATE_ANNOUNCED,
    Tag.CERTIFICATE_OFFER_RECEIVED: EventType.CERTIFICATE_OFFERED,
    Tag.ROLLOVER_CERTIFICATE_PLANNED: EventType.ROLLOVER_PLANNED,
    Tag.ROLLOVER_CERTIFICATE_ACTIVATED: EventType.ROLLOVER_ACTIVATED,
    Tag.ROLLOVER_CERTIFICATE_ACKNOWLEDGED: EventType.ROLLOVER_ACKNOWLEDGED,
    Tag.ROLLOVER_CERTIFICATE_REFUSED: EventType.ROLLOVER_REFUSED,
    Tag.ROLLOVER_CERTIFICATE_CONFIRMED: EventType.ROLLOVER_CONFIRMED,
    Tag.ROLLOVER_CERTIFICATE_CANCELLED: EventType.ROLLOVER_CANCELLED,
    Tag.ROLLOVER_CERTIFICATE_DONE: EventType.ROLLOVER_DONE,
    Tag.CONNECTION_SUSPENSION_PROPOSED: EventType.CONNECTION_SUSPENSION_PROPOSED,
    Tag.CONNECTION_RATE_EXCEEDED: EventType.CONNECTION_RATE_EXCEEDED,
    Tag.CONNECTION_DECRYPTION_FAILING: EventType.CONNECTION_DECRYPTION_FAILING,
    Tag.CONNECTION_DEADLINE_NOTICED: EventType.COMPLIANCE_DEADLINE,
    Tag.PARTNER_SILENCE_NOTICED: EventType.PARTNER_SILENT,
    Tag.ENDPOINT_TLS_NOTICED: EventType.ENDPOINT_CHANGED,
}

_STATES: Final[Mapping[object, EventType]] = {
    ConnectionState.ACTIVE.value: EventType.CONNECTION_RESUMED,
    ConnectionState.PAUSED.value: EventType.CONNECTION_PAUSED,
    ConnectionState.SUSPENDED.value: EventType.CONNECTION_SUSPENDED,
}
_VERDICTS: Final[Mapping[object, EventType]] = {
    each.value.partition(".")[2]: each
    for each in (
        EventType.COMPLIANCE_ERROR,
        EventType.COMPLIANCE_WARNING,
        EventType.COMPLIANCE_UNKNOWN,
        EventType.COMPLIANCE_OK,
    )
}


def type_of(event: AuditEvent) -> EventType | None:
    """Name the event as webhooks know it; None if it is not told to the outside."""
    known = _TYPES.get(event.tag)
    if known is not None:
        return known
    find = _BY_DATA.get(event.tag)
    return find(event) if find else None


def _of_end(event: AuditEvent) -> EventType:
    """Tell the notices apart by what they remind of, and by their step."""
    kind, step = event.data["key"].partition("/")[0], event.data["key"].rpartition("/")[2]
    if kind == "api-key":
        return EventType.KEY_REMINDER
    if kind == "rollover":
        return EventType.ROLLOVER_UNCONFIRMED
    if step == "0":
        return EventType.CERTIFICATE_EXPIRED
    # Urgent is an end without a successor.
    urgent = event.data["urgent"]
    return EventType.CERTIFICATE_NO_SUCCESSOR if urgent else EventType.CERTIFICATE_EXPIRING


def _of_state(event: AuditEvent) -> EventType | None:
    change = event.data.get("state", {})
    # A new connection has no state before.
    return _STATES.get(change.get("new")) if "old" in change else None


def _of_verdict(event: AuditEvent) -> EventType | None:
    return _VERDICTS.get(event.data["new"])


_BY_DATA: Final[Mapping[str, Callable[[AuditEvent], EventType | None]]] = {
    Tag.CERTIFICATE_END_NOTICED: _of_end,
    Tag.CONNECTION_STATE_CHANGED: _of_state,
    Tag.CONNECTION_SETTINGS_CHANGED: _of_state,
    Tag.CONNECTION_VERDICT_CHANGED: _of_verdict,
}
