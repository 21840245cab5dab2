"""Schemas: what calls of messages and deliveries are answered with."""

import datetime as dt
from typing import Any, Final

from ninja import Field, Schema

from messages.admin.timeline import Entry
from messages.models import (
    MDN,
    Attempt,
    Delivery,
    DeliveryState,
    Direction,
    ErrorClass,
    MDNState,
    Message,
    State,
)
from partners.api.schemas import NamedOut
from partners.models import Route
from partners.urls import without_password


def _copied(row: object, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}


class MessageOut(Schema):
    """An AS2 message, ours or theirs."""

    id: int
    url: str = Field(description="Where the whole of it is told.")
    direction: Direction
    state: State
    connection: int
    partner: NamedOut
    as2_from: str
    as2_to: str
    message_id: str
    subject: str
    filename: str
    content_type: str
    payload_size: int | None
    payload_sha256: str
    edi_standard: str
    edi_type: str
    edi_control_number: str
    failure_code: str
    failure_text: str
    created_at: dt.datetime
    finished_at: dt.datetime | None

    @classmethod
    def of(cls, row: Message) -> "MessageOut":
        """Write a row down."""
        return cls(**facts_of(row))


_MESSAGE: Final = (
    "direction",
    "state",
    "as2_from",
    "as2_to",
    "message_id",
    "subject",
    "filename",
    "content_type",
    "payload_size",
    "payload_sha256",
    "edi_standard",
    "edi_type",
    "edi_control_number",
    "failure_code",
    "failure_text",
    "created_at",
    "finished_at",
)


def facts_of(row: Message) -> dict[str, Any]:
    """Return what every answer says of a message; its connection comes with it."""
    return {
        "id": row.pk,
        "url": f"/api/v1/messages/{row.pk}",
        "connection": row.connection_id,
        "partner": NamedOut(id=row.connection.partner_id, name=row.partner_name),
        **_copied(row, _MESSAGE),
    }


class MDNOut(Schema):
    """An MDN of a message."""

    id: int
    direction: Direction
    state: MDNState
    message_id: str
    disposition: str
    positive: bool
    signed: bool
    signer: str = Field(description="Fingerprint of the certificate; empty if not verified.")
    mic: str
    mic_matched: bool | None
    text: str
    failure_text: str
    created_at: dt.datetime

    @classmethod
    def of(cls, row: MDN) -> "MDNOut":
        """Write a row down."""
        return cls(id=row.pk, message_id=row.mdn_message_id, **_copied(row, _MDN))


_MDN: Final = (
    "direction",
    "state",
    "disposition",
    "positive",
    "signed",
    "signer",
    "mic",
    "mic_matched",
    "text",
    "failure_text",
    "created_at",
)


class AttemptOut(Schema):
    """One POST of a message or of its MDN, and what came of it."""

    number: int
    of_mdn: bool
    url: str
    started_at: dt.datetime
    ended_at: dt.datetime | None
    peer: str
    http_status: int | None
    tls_version: str
    tls_suite: str
    error_class: ErrorClass | None
    error_text: str

    @classmethod
    def of(cls, row: Attempt) -> "AttemptOut":
        """Write a row down."""
        return cls(
            of_mdn=row.mdn_id is not None,
            url=without_password(row.url),
            error_class=ErrorClass(row.error_class) if row.error_class else None,
            **_copied(row, _ATTEMPT),
        )


_ATTEMPT: Final = (
    "number",
    "started_at",
    "ended_at",
    "peer",
    "http_status",
    "tls_version",
    "tls_suite",
    "error_text",
)


class EntryOut(Schema):
    """One line of what happened."""

    at: dt.datetime
    title: str
    text: str

    @classmethod
    def of(cls, entry: Entry) -> "EntryOut":
        """Write an entry of the page's timeline down."""
        return cls(at=entry.at, title=entry.title, text=entry.text)


class WholeMessageOut(MessageOut):
    """A message with its MDNs, attempts and everything that happened to it."""

    signed: str
    encrypted: str
    compressed: bool
    mics: dict[str, str]
    notes: list[str]
    mdns: list[MDNOut]
    attempts: list[AttemptOut]
    deliveries: list[int] = Field(description="Their numbers.")
    timeline: list[EntryOut]


class DeliveryOut(Schema):
    """The hand-over of a document to the business side."""

    id: int = Field(
        description="The same at every fetch: by it a program knows what it has already."
    )
    route: Route
    state: DeliveryState
    message: int
    connection: int
    partner: NamedOut
    as2_from: str
    as2_to: str
    message_id: str
    filename: str = Field(description="Safe for any file system, and given to no other document.")
    original_filename: str = Field(description="As the partner wrote it.")
    content_type: str
    size: int | None = Field(description="Bytes; null of one attachment of several.")
    sha256: str = Field(description="Of the document; empty of one attachment of several.")
    failure_text: str
    created_at: dt.datetime
    finished_at: dt.datetime | None

    @classmethod
    def of(cls, row: Delivery) -> "DeliveryOut":
        """Write a row down."""
        message, part = row.message, _part(row)
        return cls(
            id=row.pk,
            message=message.pk,
            connection=message.connection_id,
            partner=NamedOut(id=message.connection.partner_id, name=message.partner_name),
            filename=row.target.rpartition("/")[2],
            original_filename=part.filename if part else message.filename,
            content_type=part.content_type if part else message.content_type,
            size=None if part else message.payload_size,
            sha256="" if part else message.payload_sha256,
            **_copied(message, ("as2_from", "as2_to", "message_id")),
            **_copied(row, ("route", "state", "failure_text", "created_at", "finished_at")),
        )


def _part(row: Delivery) -> Any:
    return row.message.kept_attachments[row.attachment - 1] if row.attachment else None
