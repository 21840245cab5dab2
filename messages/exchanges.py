"""Certificate exchange messages on their way: read out of what came, sent when rows ask for it.

For connections with ``certificate_exchange`` on; on others such a message is a document like any.
What is asked and decided is in ``partners.exchanging``.
"""

import logging
import os
from collections.abc import Callable
from typing import TypeVar

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from as2gateway import cem
from as2gateway.cem import Exchange
from as2gateway.errors import LimitExceeded
from as2gateway.events import Facts, LayerKind
from messages.arrivals import Arrival
from messages.models import Message
from messages.sending import Origin, enqueue
from messages.store import Writer
from partners import exchanging
from partners.models import CertificateAnnouncement, CertificateRequest, Connection
from partners.policies import limits
from partners.rollover.dates import PlanError

logger = logging.getLogger(__name__)

_Row = TypeVar("_Row", CertificateRequest, CertificateAnnouncement)

#: Messages of each kind that one sweep puts into the queue.
_BATCH = 20
_SUBJECT = "Certificate exchange"
_NOTE = (
    "This is a certificate exchange message and no document: nothing was put into the inbox. What "
    "it asks for is under Certificate requests, what it answers on the rollover's page."
)


def read(arrival: Arrival, facts: Facts, payload: Writer) -> Exchange | None:
    """Read and check an exchange message; None for a document.

    Raises AS2Error for one that is unusable, or not from the connection's partner for certain.
    """
    if not arrival.connection.certificate_exchange or cem.find_root(facts.attachments) is None:
        return None
    most = limits().exchange
    if payload.size > most:
        raise LimitExceeded(f"a certificate exchange message of more than {most} bytes")
    exchange = cem.unpack(b"".join(payload.chunks()), facts.attachments, most)
    signers = {
        layer.certificate
        for layer in facts.layers
        if layer.kind is LayerKind.SIGNED and layer.certificate
    }
    exchanging.check(arrival.connection, exchange, signers, arrival.now)
    return exchange


def take(arrival: Arrival, message: Message, exchange: Exchange) -> None:
    """Keep what it says, in the transaction that accepts the message. Nothing is delivered."""
    exchanging.take(arrival.connection, exchange, message.message_id, arrival.now)
    Message.objects.filter(pk=message.pk).update(notes=[*message.notes, _NOTE])


def send_due() -> int:
    """Queue the exchange messages that operators have asked for; how many.

    Each is queued and noted in one transaction, so that it goes out once. One that cannot be
    queued is logged, and tried again when this is called next.
    """
    sent = sum(_apart(_answer, row) for row in exchanging.decided()[:_BATCH])
    return sent + sum(_apart(_announce, row) for row in exchanging.unsent()[:_BATCH])


def _apart(send: Callable[[_Row], bool], row: _Row) -> bool:
    """Queue one, so that what hinders it holds up no other."""
    try:
        return send(row)
    except Exception:
        logger.exception("certificate exchange message %s was not queued", row)
        return False


def _answer(row: CertificateRequest) -> bool:
    with transaction.atomic():
        message = _enqueue(row.connection, exchanging.response_to(row), "system")
        if not exchanging.note_answered(row, message.message_id, timezone.now()):
            transaction.set_rollback(True)
            return False
    return True


def _announce(row: CertificateAnnouncement) -> bool:
    connection = row.confirmation.connection
    try:
        exchanging.check_sends(connection)
        request = exchanging.request_of(row)
    except PlanError as error:
        exchanging.note_unsendable(row, str(error))
        return False
    with transaction.atomic():
        message = _enqueue(connection, request, row.created_by)
        if not exchanging.note_sent(row, message.message_id):
            transaction.set_rollback(True)
            return False
    return True


def _enqueue(connection: Connection, exchange: Exchange, actor: str) -> Message:
    url = f"{settings.AS2_BASE_URL}/as2"
    info, payload = cem.pack(exchange, url, timezone.now(), os.urandom)
    return enqueue(
        connection,
        [payload],
        content_type=info.content_type,
        origin=Origin(actor=actor, subject=_SUBJECT),
    )
