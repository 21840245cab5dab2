"""Posting: a program gives us a document, and may say twice that it is the same one.

A program that got no answer does not know whether its document was taken, and asks again under the
same Idempotency-Key. The key of a user stands in the message's row, once: so it is one message,
also if both calls come at the same time.
"""

import hashlib
from dataclasses import dataclass

from django.db import IntegrityError, transaction

from messages import sending
from messages.literals import Literal
from messages.models import Message
from messages.sending import Origin, enqueue_written
from messages.store import Writer
from partners.models import Connection


class KeyReused(Exception):
    """The Idempotency-Key stands for another document already."""


@dataclass(frozen=True, slots=True)
class Posted:
    """The message of a document, and whether it was there before."""

    message: Message
    repeated: bool


def key_of(user_pk: int, given: str) -> str:
    """Return what stands in the row for a key: users know nothing of each other's."""
    return hashlib.sha256(f"api {user_pk} {given}".encode()).hexdigest() if given else ""


def post(
    connection: Connection, document: Writer, filename: str, content_type: str, origin: Origin
) -> Posted:
    """Take a document from quarantine, once a key (``origin.outbox_key``).

    Raises KeyReused, and OSError if it cannot be stored.
    """
    known = _known(origin.outbox_key)
    if known is None:
        try:
            message = enqueue_written(connection, document, filename, content_type, origin)
        except IntegrityError:
            known = _known(origin.outbox_key)
            if known is None:
                raise  # it was another constraint
        else:
            return Posted(message, repeated=False)
    return _repeated(known, connection.pk, document.sha256)


def resubmit(message: Message, origin: Origin) -> Posted:
    """Send the document of a message as a new one, once a key (``origin.outbox_key``).

    Raises KeyReused, ValueError if it is purged or not ours, and OSError if it cannot be copied.
    """
    known = _known(origin.outbox_key)
    if known is None:
        try:
            with transaction.atomic():
                renewed = sending.resubmit(message, origin.actor)
                renewed.outbox_key = origin.outbox_key
                renewed.save(update_fields=["outbox_key"])
        except IntegrityError:
            known = _known(origin.outbox_key)
            if known is None:
                raise  # it was another constraint
        else:
            return Posted(renewed, repeated=False)
    return _repeated(known, message.connection_id, message.payload_sha256)


def is_known(key: str) -> bool:
    """Whether a key stands for a document already."""
    return _known(key) is not None


def _repeated(known: Message, connection_pk: int, sha256: str) -> Posted:
    if known.connection_id != connection_pk or known.payload_sha256 != sha256:
        raise KeyReused
    return Posted(known, repeated=True)


def _known(key: str) -> Message | None:
    if not key:
        return None
    # The index is of rows with a key, which the planner has to be told (``literals``).
    rows = Message.objects.exclude(outbox_key=Literal("")).filter(outbox_key=key)
    return rows.select_related("connection").first()
