"""Facts: what an event says of its subject. Names, states and times; no document, and no secret.

Each kind of subject has its columns named here; what is not named is not told.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from django.conf import settings
from django.db.models import Model

from audit.links import page_of
from audit.models import AuditEvent
from messages.models import MDN, Message
from partners.models import (
    CertificateOffer,
    Connection,
    Notice,
    Rollover,
)

#: Of ``AuditEvent.data``, what may go out beside the facts of the subject.
_DATA: Final = ("days_left", "urgent", "old", "new", "open", "fingerprint", "step")


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of an event's subject, and the partners that it concerns."""

    data: Mapping[str, Any] = field(default_factory=dict)
    partners: frozenset[int] = frozenset()


def facts_of(event: AuditEvent) -> Facts:
    """Read the subject of an event, as it stands in its transaction."""
    read = _BY_KIND.get(event.subject_kind)
    found = read(event) if read else Facts()
    told = {name: event.data[name] for name in _DATA if name in event.data}
    return Facts({"text": event.text, **told, **found.data}, found.partners)


def _of_message(event: AuditEvent) -> Facts:
    return _facts_of_message(_message(event.subject_pk))


def _of_mdn(event: AuditEvent) -> Facts:
    row = MDN.objects.get(pk=event.subject_pk)
    return _facts_of_message(_message(row.message_id)) if row.message_id else Facts()


def _message(pk: Any) -> Message:
    return Message.objects.select_related("connection__organization", "connection__partner").get(
        pk=pk
    )


def _facts_of_message(row: Message) -> Facts:
    document = {
        "direction": row.direction,
        "state": row.state,
        "message_id": row.message_id,
        "filename": row.filename,
        "content_type": row.content_type,
        "payload_size": row.payload_size,
        "edi_standard": row.edi_standard,
        "edi_type": row.edi_type,
        "edi_control_number": row.edi_control_number,
        "acknowledgement": row.acknowledgement,
        "attempts": row.attempts,
        "failure_code": row.failure_code,
        "page": _page(row),
    }
    return _with_connection(document, row.connection)


def _of_connection(event: AuditEvent) -> Facts:
    row = _connection(event.subject_pk)
    return _with_connection({"state": row.state, "page": _page(row)}, row)


def _connection(pk: Any) -> Connection:
    return Connection.objects.select_related("organization", "partner").get(pk=pk)


def _with_connection(data: Mapping[str, Any], row: Connection) -> Facts:
    """Add between whom it is, and where: the same names for every event."""
    names = {
        "organization": row.organization.name,
        "partner": row.partner.name,
        "connection": str(row),
        "environment": row.environment,
    }
    return Facts({**names, **data}, frozenset({row.partner_id}))


def _of_notice(event: AuditEvent) -> Facts:
    row = Notice.objects.select_related("organization", "partner").get(pk=event.subject_pk)
    data = {
        "organization": row.organization.name if row.organization else "",
        "partner": row.partner.name if row.partner else "",
        "days_left": row.days_left,
        "urgent": row.urgent,
        "fingerprint": row.fingerprint,
        "text": row.text,
        "page": _page(row),
    }
    return Facts(data, frozenset({row.partner_id} if row.partner_id else ()))


def _of_rollover(event: AuditEvent) -> Facts:
    row = Rollover.objects.get(pk=event.subject_pk)
    data = {"whose": row.whose, "starts_at": row.starts_at.isoformat(), "page": _page(row)}
    one = event.data.get("connection")
    if one is not None:
        return _with_connection(data, _connection(one))
    concerned = row.confirmations.values_list("connection__partner", flat=True)
    return Facts(data, frozenset(concerned))


def _of_offer(event: AuditEvent) -> Facts:
    row = CertificateOffer.objects.select_related("request").get(pk=event.subject_pk)
    return _with_connection({"page": _page(row.request)}, _connection(row.request.connection_id))


def _page(row: Model) -> str:
    return f"{settings.AS2_BASE_URL}{page_of(row)}"


_BY_KIND: Final[Mapping[str, Callable[[AuditEvent], Facts]]] = {
    "message": _of_message,
    "mdn": _of_mdn,
    "connection": _of_connection,
    "notice": _of_notice,
    "rollover": _of_rollover,
    "certificateoffer": _of_offer,
}
