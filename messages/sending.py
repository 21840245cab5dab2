"""Sending: take a document over, try to send it, send it again. See docs/reliability.md.

The order is what crashes are survived by: payload and row are committed before a source may be
deleted; wire bytes are committed before they go out; the attempt is written down before the POST;
and its outcome is written only while the message is still ours.
"""

import datetime as dt
import functools
import logging
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from django.db import transaction
from django.utils import timezone

from as2gateway import attachments, edi
from as2gateway.engines import DEFAULT_ENGINE
from as2gateway.policy import PayloadInfo
from audit.inserting import insert
from audit.recording import Subject, record
from audit.tags import Tag
from messages import acknowledging, attempting, backoff, claims, outcomes, wire
from messages.attempting import Tried
from messages.claims import LeaseLost
from messages.dispatch import Wake, wake_send
from messages.failpoints import hit
from messages.lines import Kept
from messages.message_ids import new_message_id
from messages.models import Direction, Message, State
from messages.outcomes import Outcome
from messages.store import Kind, Writer, commit_all, get_store
from messages.turns import take_turn
from partners import exchanging
from partners.encryption import KeyRingError
from partners.models import Connection
from partners.models.choices import NONE
from partners.policies import PolicyError, engine_name

logger = logging.getLogger(__name__)

_ENDS = {
    State.DELIVERED: Tag.MESSAGE_OUTBOUND_DELIVERED,
    State.WAITING: Tag.MESSAGE_OUTBOUND_SENT,
    State.FAILED: Tag.MESSAGE_OUTBOUND_FAILED,
}


@dataclass(frozen=True, slots=True)
class Origin:
    """Who brought a document, and how. An empty subject takes the connection's."""

    actor: str = "system"
    address: str | None = None
    subject: str = ""
    #: unique name of the outbox file that it was, or of the request
    outbox_key: str = ""


_SYSTEM = Origin()


def enqueue(
    connection: Connection,
    chunks: Iterable[bytes],
    filename: str = "",
    content_type: str = "",
    origin: Origin = _SYSTEM,
) -> Message:
    """Take a document over: once this returns it is ours, and is sent whatever happens.

    Raises OSError if it cannot be stored, IntegrityError if its outbox file was taken before, and
    other faults of the database; its octets are gone again then, unless the commit had begun.
    """
    with get_store().writer(Kind.PAYLOAD) as payload:
        for chunk in chunks:
            payload.write(chunk)
        return enqueue_written(connection, payload, filename, content_type, origin)


def enqueue_written(
    connection: Connection,
    payload: Writer,
    filename: str = "",
    content_type: str = "",
    origin: Origin = _SYSTEM,
) -> Message:
    """Do the same with a document that stands in the store's quarantine already."""
    return enqueue_all(connection, [Draft(payload, filename, content_type, origin)])[0]


@dataclass(frozen=True, slots=True)
class Draft:
    """A document in the store's quarantine that is to be a message of its own."""

    payload: Writer
    filename: str = ""
    content_type: str = ""
    origin: Origin = _SYSTEM


def enqueue_all(connection: Connection, drafts: Sequence[Draft]) -> list[Message]:
    """Do the same with several documents: all become messages, in this order, or none does."""
    facts = [edi.sniff(_start_of_document(each.payload, each.content_type)) for each in drafts]
    commit_all(each.payload for each in drafts)
    written = False
    try:
        with transaction.atomic():
            messages = [
                _queue(connection, each, found) for each, found in zip(drafts, facts, strict=True)
            ]
            written = True
    except BaseException:
        # Once the commit has begun it is not certain that no row names the files; an orphan is
        # better than a loss.
        if not written:
            for each in drafts:
                get_store().delete(each.payload.key)
        raise
    hit("tx.accepted")
    return messages


def _queue(connection: Connection, draft: Draft, facts: edi.EDIFacts) -> Message:
    payload, origin = draft.payload, draft.origin
    message = Message(
        **_from_settings(connection, origin),
        message_id=new_message_id(connection.organization),
        content_type=draft.content_type or connection.content_type,
        filename=PurePath(draft.filename).name[-255:],
        payload_key=payload.key,
        payload_size=payload.size,
        payload_sha256=payload.sha256,
        edi_ack_number=acknowledging.ack_number(facts),
        **acknowledging.columns_of(facts),
    )
    insert(message)
    text = f"Queued {message.filename or 'a document'} of {payload.size} bytes."
    record(
        Tag.MESSAGE_OUTBOUND_QUEUED,
        Subject.of(message),
        text,
        actor=origin.actor,
        address=origin.address,
    )
    wake_send(message.pk, connection.pk)
    return message


@dataclass(frozen=True, slots=True)
class Document:
    """One of several documents in a message: what is known of it, and its octets."""

    info: PayloadInfo
    chunks: Iterable[bytes]


def enqueue_several(
    connection: Connection, documents: Sequence[Document], origin: Origin = _SYSTEM
) -> Message:
    """Take documents over that go in one message; the first is the one that refers to the others.

    The payload is the multipart/related that they make (RFC 6362), stored as it will be signed.
    Raises OSError if it cannot be stored, ValueError for a connection that cannot send it so.
    """
    _check_several(connection)
    parts = [(each.info, each.chunks) for each in documents]
    info, chunks = attachments.join(parts, os.urandom)
    return enqueue(connection, chunks, "", info.content_type, origin)


def _check_several(connection: Connection) -> None:
    if engine_name(connection) != DEFAULT_ENGINE:
        raise ValueError(f"the engine {engine_name(connection)} sends one document a message")
    if NONE == connection.sign == connection.encrypt == connection.compress:
        # Receivers do not agree on its MIC (RFC 6362 §2.3).
        raise ValueError("several documents have to be signed, encrypted or compressed")


def send(message_pk: int, kept: Kept | None = None) -> None:
    """Try once to send a message that is due. Safe to run twice.

    Over ``kept``, if that is possible; should it turn out to be closed, once more by its own.
    """
    if _send_once(message_pk, kept):
        _send_once(message_pk, kept)


def _send_once(message_pk: int, kept: Kept | None) -> bool:
    """Whether it is to go again at once."""
    message, again = claims.claim(message_pk, timezone.now()), False
    if message is None:
        return False
    try:
        again = _try(message, kept)
    except LeaseLost as lost:
        # An MDN that came before our POST had returned, or another worker: it knows better (SD6).
        logger.info("%s: %s", message.message_id, lost)
    hit("tx.recorded")
    return again


def send_due(message_pk: int) -> None:
    """Try to send a message, then for a moment whatever else is due on its connection."""
    with Kept() as kept:
        take_turn(Wake.SEND, message_pk, functools.partial(send, kept=kept), claims.next_due)


def resend(message: Message, actor: str) -> bool:
    """Send the same bytes under the same Message-ID again, because an operator wants it.

    All attempts are allowed anew, and an MDN that came before decides nothing any more. False if
    the message is being sent at this moment; ValueError if it is none of ours.
    """
    if message.direction != Direction.OUTBOUND:
        raise ValueError("only a message that we sent can be sent again")
    if message.purged_at is not None:
        raise ValueError("its octets have been purged: send the document as a new message")
    now = timezone.now()
    if message.state == State.SENDING and message.due_at is not None and message.due_at > now:
        return False
    with transaction.atomic():
        renewed = message.settle(
            state=State.QUEUED,
            due_at=now,
            forgiven_attempts=message.attempts,
            decided_by_mdn=False,
            mdn_deadline=None,
            finished_at=None,
            failure_code="",
            failure_text="",
        )
        if renewed:
            text = "Sent again with the same bytes and Message-ID."
            record(Tag.MESSAGE_OUTBOUND_RESEND, Subject.of(message), text, actor=actor)
            wake_send(message.pk, message.connection_id)
    return renewed


def resubmit(message: Message, actor: str) -> Message:
    """Send the same document as a new message: built anew, by the settings and keys of now.

    ValueError if it is none of ours or its octets are gone, OSError if they cannot be copied.
    """
    if message.direction != Direction.OUTBOUND:
        raise ValueError("only a message that we sent can be sent again")
    if not message.payload_key:
        raise ValueError("its octets have been purged: send the document as a new message")
    with transaction.atomic():
        renewed = enqueue(
            message.connection,
            get_store().chunks(message.payload_key),
            message.filename,
            message.content_type,
            Origin(actor=actor, subject=message.subject),
        )
        renewed.notes = [f"the document of {message.message_id}, sent anew"]
        renewed.save(update_fields=["notes"])
        for row, text in (
            (message, f"Its document was sent anew as {renewed.message_id}."),
            (renewed, f"It is the document of {message.message_id}, sent anew."),
        ):
            record(Tag.MESSAGE_OUTBOUND_RESUBMIT, Subject.of(row), text, actor=actor)
    return renewed


def settle(message: Message, outcome: Outcome, tried: Tried | None = None) -> None:
    """Write what an attempt came to, if the message is still ours; what failed may go again."""
    now = timezone.now()
    if not outcome.counts:
        message.settle(forgiven_attempts=message.forgiven_attempts + 1)
    if outcome.state == State.QUEUED and message.tries >= message.connection.max_attempts:
        outcome = outcomes.exhausted(outcome, message.tries)
    with transaction.atomic():
        if tried is not None:
            tried.write_down()
        if message.settle(**_changes(message, outcome, now)) and outcome.state in _ENDS:
            text = outcome.text or f"{outcome.state.label} after {message.tries} attempts."
            record(_ENDS[outcome.state], Subject.of(message), text)
            if outcome.state == State.DELIVERED:
                exchanging.note_delivered(message.content_type, message.message_id, now)
    logger.info("%s: %s %s", message.message_id, message.state, outcome.text)


def _start_of_document(payload: Writer, content_type: str) -> bytes:
    """How the document begins that a message is known by: of several, the first."""
    head = payload.head(edi.HEAD)
    if not content_type.startswith(attachments.RELATED):
        return head
    # Our own multipart: a delimiter, fields, an empty line, and the document as it is.
    return head.partition(b"\r\n\r\n")[2]


def _from_settings(connection: Connection, origin: Origin) -> dict[str, Any]:
    """What a new row takes from its connection, as it stands now."""
    organization = connection.organization
    return {
        "direction": Direction.OUTBOUND,
        "state": State.QUEUED,
        "due_at": timezone.now(),
        "connection": connection,
        "organization_name": organization.name,
        "partner_name": connection.partner.name,
        "as2_from": organization.as2_id,
        "as2_to": connection.as2_id,
        "subject": origin.subject or connection.subject,
        "outbox_key": origin.outbox_key,
        "mdn_mode": connection.mdn,
        "mdn_signed": connection.mdn_signed,
    }


def _try(message: Message, kept: Kept | None) -> bool:
    """Build if need be, POST, and write down what came of it; whether it is to go again at once."""
    if message.tries > message.connection.max_attempts:
        message.settle(attempts=message.attempts - 1)
        outcome = outcomes.given_up(message)
        with transaction.atomic():
            _note_overdue(message)
            settle(message, outcome)
        return False
    _note_overdue(message)
    try:
        tried = attempting.attempt(message, wire.build(message, timezone.now()), kept)
    except (PolicyError, ValueError) as error:
        settle(message, outcomes.unbuildable(error))
    except KeyRingError as error:
        settle(message, outcomes.of_key_ring(error))
    except OSError as error:
        lost = _lost_file(message) if isinstance(error, FileNotFoundError) else ""
        settle(message, outcomes.missing(lost) if lost else outcomes.of_own_fault(error))
    else:
        if tried.outcome is not None:
            settle(message, tried.outcome, tried)
            return tried.outcome.at_once
    return False


def _lost_file(message: Message) -> str:
    """The key of a file that the store has lost; empty if it is only not to be seen."""
    keys = filter(None, (message.wire_key, message.payload_key))
    return next((key for key in keys if get_store().has_lost(key)), "")


def _note_overdue(message: Message) -> None:
    """Tell that the MDN did not come in time: once for each time that one was waited for."""
    if message.mdn_deadline is None:
        return
    text = f"No MDN came until {message.mdn_deadline:%Y-%m-%d %H:%M} UTC."
    with transaction.atomic():
        if message.settle(mdn_deadline=None):
            record(Tag.MDN_INBOUND_OVERDUE, Subject.of(message), text)


def _changes(message: Message, outcome: Outcome, now: dt.datetime) -> dict[str, Any]:
    """Columns that say what an outcome says."""
    connection = message.connection
    due_at = deadline = None
    if outcome.state == State.WAITING:
        due_at = deadline = now + dt.timedelta(minutes=connection.mdn_wait_minutes)
    elif outcome.at_once:
        due_at = now
    elif outcome.state == State.QUEUED:
        first = dt.timedelta(minutes=connection.first_gap_minutes)
        due_at = now + backoff.gap(first, message.tries, outcome.asked)
    return {
        "state": outcome.state,
        "due_at": due_at,
        "mdn_deadline": deadline,
        "failure_code": outcome.code,
        "failure_text": outcome.text,
        "finished_at": None if due_at else now,
    }
