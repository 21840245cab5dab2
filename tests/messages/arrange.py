"""Rows and stored files of messages, for tests of what happens to them later."""

import hashlib
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from messages.delivering import target_of
from messages.models import Delivery, Direction, Message, State
from messages.store import Kind, get_store
from partners.models import Connection

PAYLOAD = b"UNA:+.? 'UNB+UNOA:1+A+B+200101:1200+1'UNZ+1+1'"


@dataclass
class Waiting:
    """A message that waits for its MDN, and the request as the partner got it."""

    row: Message
    request: bytes

    @property
    def message(self) -> Message:
        """As it is now."""
        self.row.refresh_from_db()
        return self.row


def stored(kind: Kind, content: bytes) -> str:
    """Commit a file to the store; its key."""
    with get_store().writer(kind) as writer:
        writer.write(content)
        writer.commit()
    return writer.key


def accepted_message(connection: Connection, payload: bytes = PAYLOAD, **fields: Any) -> Message:
    """Make an accepted inbound message whose payload is in the store."""
    defaults = {
        "direction": Direction.INBOUND,
        "state": State.ACCEPTED,
        "organization_name": connection.organization.name,
        "partner_name": connection.partner.name,
        "as2_from": connection.as2_id,
        "as2_to": connection.organization.as2_id,
        "message_id": "<1@amazon.example>",
        "filename": "orders.edi",
        "payload_key": stored(Kind.PAYLOAD, payload),
        "payload_size": len(payload),
        "payload_sha256": hashlib.sha256(payload).hexdigest(),
    }
    return Message.objects.create(connection=connection, **{**defaults, **fields})


def delivery(message: Message, **fields: Any) -> Delivery:
    """Queue the delivery of a message; it is due now."""
    defaults = {
        "target": target_of(message.connection, message.filename, message.payload_key),
        "due_at": timezone.now(),
    }
    return Delivery.objects.create(message=message, **{**defaults, **fields})


def stored_files() -> list[str]:
    """Kinds of the files that the store holds, wherever they are in it."""
    return sorted(path.suffix for path in get_store().root.rglob("*") if path.is_file())
