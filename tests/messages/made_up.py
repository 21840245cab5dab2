"""Made-up rows for the pages: a small vendor, two partners and what went between them."""

import datetime as dt
import itertools
from typing import Any

from django.contrib.auth.models import Permission, User
from django.utils import timezone

from audit.recording import Subject, record
from audit.tags import Tag
from messages.models import (
    MDN,
    Attempt,
    Delivery,
    DeliveryState,
    Direction,
    MDNState,
    Message,
    State,
)
from messages.store import Kind, get_store
from partners.models import Connection
from tests import factories

PAYLOAD = b"ISA*00**00**ZZ*VENDOR*ZZ*AMAZON*261124*2230*U*00401*000000042*0*P*>~IEA*0*000000042~"
MINUTE = dt.timedelta(minutes=1)

_numbers = itertools.count(1)

#: Where the due date has to be empty: what is over is never due again.
_OVER = {State.ACCEPTED, State.REJECTED, State.DELIVERED, State.FAILED}


def connection(**fields: Any) -> Connection:
    """Make a connection between an organization and a partner of its own."""
    number = next(_numbers)
    given = {"as2_id": f"PARTNER{number}", "url": "https://as2.partner.example/as2", **fields}
    return factories.bare_connection(
        factories.organization(f"VENDOR{number}"), factories.partner(f"Partner {number}"), **given
    )


def message(link: Connection, state: State, **fields: Any) -> Message:
    """Make a message in some state; what is not given fits the state."""
    number = next(_numbers)
    outbound = state not in {State.RECEIVED, State.ACCEPTED, State.REJECTED}
    ours, theirs = link.organization.as2_id, link.as2_id
    age = fields.pop("age", dt.timedelta())
    defaults = {
        "direction": Direction.OUTBOUND if outbound else Direction.INBOUND,
        "organization_name": link.organization.name,
        "partner_name": link.partner.name,
        "as2_from": ours if outbound else theirs,
        "as2_to": theirs if outbound else ours,
        "message_id": f"<{number}.20261124@vendor.example>",
        "filename": f"invoice-{number}.edi" if outbound else f"orders-{number}.edi",
        "content_type": "application/EDI-X12",
        "payload_size": len(PAYLOAD),
        "edi_standard": "X12",
        "edi_type": "810" if outbound else "850",
        "edi_control_number": f"{number:09d}",
        "signed": "sha-256",
        "encrypted": "aes-128-cbc",
        "mdn_mode": "sync",
        "mdn_signed": True,
        "due_at": None if state in _OVER else timezone.now(),
        "attempts": 1 if outbound and state is not State.QUEUED else 0,
        "finished_at": timezone.now() if state in _OVER else None,
        "settings": {"engine": "native"},
    }
    row = Message.objects.create(connection=link, state=state, **{**defaults, **fields})
    Message.objects.filter(pk=row.pk).update(created_at=timezone.now() - age)
    row.refresh_from_db()
    return row


def stored(kind: Kind = Kind.PAYLOAD, data: bytes = PAYLOAD) -> str:
    """Put some octets into the store; returns their key."""
    with get_store().writer(kind) as writer:
        writer.write(data)
        writer.commit()
        return writer.key


def attempt(row: Message, **fields: Any) -> Attempt:
    """Make an attempt that took a second, by default a good one."""
    start = fields.pop("started_at", row.created_at + MINUTE)
    defaults = {
        "number": row.attempt_rows.count() + 1,
        "url": row.connection.url,
        "started_at": start,
        "ended_at": start + dt.timedelta(seconds=1.2),
        "peer": "192.0.2.10:443",
        "http_status": 200,
        "tls_version": "TLSv1.3",
        "tls_suite": "TLS_AES_256_GCM_SHA384",
        "tls_fingerprint": "ab" * 32,
    }
    return Attempt.objects.create(message=row, **{**defaults, **fields})


def mdn(row: Message | None, state: MDNState = MDNState.VERIFIED, **fields: Any) -> MDN:
    """Make an MDN, by default a positive one."""
    inbound = state in {MDNState.VERIFIED, MDNState.REFUSED, MDNState.UNMATCHED}
    defaults = {
        "direction": Direction.INBOUND if inbound else Direction.OUTBOUND,
        "original_message_id": row.message_id if row else "<gone@vendor.example>",
        "mdn_message_id": f"<mdn-{next(_numbers)}@partner.example>",
        "as2_from": row.as2_to if row else "STRANGER",
        "as2_to": row.as2_from if row else "VENDOR",
        "disposition": "automatic-action/MDN-sent-automatically; processed",
        "positive": True,
        "signed": True,
        "signer": "cd" * 32 if inbound else "",
        "mic": "q1w2e3r4t5z6u7i8o9p0==, sha-256",
        "mic_matched": True if inbound else None,
        "due_at": timezone.now() if state is MDNState.QUEUED else None,
    }
    return MDN.objects.create(message=row, state=state, **{**defaults, **fields})


def delivery(row: Message, state: DeliveryState = DeliveryState.DONE, **fields: Any) -> Delivery:
    """Make a delivery into the inbox."""
    defaults = {
        "target": f"VENDOR/AMAZON/{row.filename}",
        "due_at": timezone.now() if state is DeliveryState.QUEUED else None,
        "finished_at": timezone.now() if state is DeliveryState.DONE else None,
    }
    return Delivery.objects.create(message=row, state=state, **{**defaults, **fields})


def event(row: Any, tag: Tag, text: str, **given: Any) -> None:
    """Write an audit event about a row."""
    record(tag, Subject.of(row), text, **given)


def user(*permissions: str) -> User:
    """Make somebody who may log in to the pages, has these permissions of ours, and no scope."""
    row = User.objects.create_user(f"user{next(_numbers)}", is_staff=True)
    names = ["see_everything", *(name.partition(".")[2] for name in permissions)]
    row.user_permissions.set(Permission.objects.filter(codename__in=names))
    return row
