"""Processing: requests whose sender awaits an async MDN are read by a worker, not while it waits.

They are stored and answered first (``receiving``); what is written of them here is the same.
"""

import contextlib
import datetime as dt
import logging
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from django import db
from django.db import IntegrityError, transaction
from django.db.models import BigAutoField, DateTimeField
from django.utils import timezone

from as2gateway.events import Facts
from as2gateway.headers import Headers
from as2gateway.request import read_request
from audit.durability import unhurried
from audit.reading import Prepared
from audit.recording import Subject, record
from audit.tags import Tag
from messages import claims, duplicates
from messages.arrivals import Arrival
from messages.claims import LeaseLost
from messages.concluding import conclude
from messages.dispatch import Wake
from messages.judging import Judgement, judge
from messages.literals import Literal
from messages.models import Message, State
from messages.store import Kind, get_store
from messages.turns import take_turn
from messages.verdicts import PoisonousMessage
from partners.encryption import KeyRingError
from partners.remembered import rows

logger = logging.getLogger(__name__)

#: How often reading a message may end the worker that does it (threats RC4).
_DEADLY_READINGS = 3
#: How long a worker waits after a fault of the disk or the database.
_PAUSE = dt.timedelta(minutes=1)


def process_due(message_pk: int) -> None:
    """Read a stored request, then for a moment whatever others wait to be read."""
    take_turn(Wake.PROCESS, message_pk, process, _next_received)


def _next_received(_pk: int) -> int | None:
    found = _received.first(now=timezone.now())
    return found[0] if found else None


#: The request that has waited longest to be read.
_received = Prepared(
    lambda now: (
        Message.objects.due(now).filter(state=Literal(State.RECEIVED.value)).values_list("pk")[:1]
    ),
    now=DateTimeField(),
)


#: The connection of a request that waits to be read.
_waiting = Prepared(
    lambda pk, now: (
        Message.objects.filter(pk=pk, state=Literal(State.RECEIVED.value), due_at__lte=now)
        .order_by()
        .values_list("connection_id")[:1]
    ),
    pk=BigAutoField(),
    now=DateTimeField(),
)


def process(message_pk: int) -> None:
    """Read a stored request whose sender awaits an async MDN. Safe to run twice."""
    with rows.held():
        message = _claim(message_pk)
        if message is not None:
            _try(message)


def _claim(message_pk: int) -> Message | None:
    """Take a request for one reading; None if it does not wait, or another worker has it."""
    now = timezone.now()
    found = _waiting.first(pk=message_pk, now=now)
    if found is None:
        return None
    message = Message(pk=message_pk, connection=rows.known_connection(found[0]))
    # Should the power take the claim, the message is read again.
    with unhurried():
        return message if message.claim(now, claims.lease()) else None


def _try(message: Message) -> None:
    try:
        _process(message)
    except LeaseLost:
        logger.warning("%s: another worker has read it", message.message_id)
    except (OSError, db.Error, KeyRingError) as error:
        if isinstance(error, FileNotFoundError) and get_store().has_lost(message.raw_key):
            _set_aside(message)
            return
        logger.exception("%s: not read yet", message.message_id)
        # It ended in order, so it does not count as a deadly reading.
        message.settle(
            due_at=timezone.now() + _PAUSE,
            attempts=message.attempts - 1,
            failure_text=f"The message could not be read yet: {error}. It is tried again; see to "
            "the disk of the store, the database and the key ring.",
        )


def _set_aside(message: Message) -> None:
    """Give up a message whose request is gone. No MDN is sent: its partner misses one, and resends.

    Left open it would stand in the way of just that: a copy of what waits is not taken (REL-08).
    """
    text = (
        f"The stored request is missing: {message.raw_key} is not in the store any more. No MDN "
        f"was sent; ask {message.partner_name} to send the message again, if they do not by "
        "themselves, and find out who removes files from the store."
    )
    changes = {"state": State.REJECTED, "failure_code": "request-missing", "failure_text": text}
    with transaction.atomic():
        if message.settle(**changes, due_at=None, finished_at=timezone.now()):
            record(Tag.MESSAGE_INBOUND_REJECTED, Subject.of(message), text)
            logger.error("%s: %s", message.message_id, text)


def _process(message: Message) -> None:
    headers = Headers(message.header_fields)
    # The names are those that it was found by, whatever its fields say (HDR-06).
    request = read_request(headers)
    request = replace(request, as2_from=message.as2_from, as2_to=message.as2_to)
    arrival = Arrival.of(headers, request, message.connection, message.wire_sha256, timezone.now())
    # It was promised when the message came; whether it may still be called is asked when posting.
    arrival = replace(arrival, mdn_url=request.mdn.url if request.mdn else "")
    accepted = duplicates.find_accepted(arrival)
    if accepted is not None and accepted.wire_sha256 == message.wire_sha256:
        _drop(message, accepted, arrival)
        return
    save = partial(_settle, message)
    with _judge_stored(message, arrival) as judgement:
        if accepted is None:
            try:
                conclude(arrival, judgement, save)
            except IntegrityError:
                accepted = duplicates.winner(arrival)
            else:
                return
        if duplicates.is_repetition(accepted, arrival, judgement):
            _drop(message, accepted, arrival)
        else:
            conclude(arrival, duplicates.as_reused(judgement), save)


@contextlib.contextmanager
def _judge_stored(message: Message, arrival: Arrival) -> Iterator[Judgement]:
    if message.attempts > _DEADLY_READINGS:
        fault = PoisonousMessage(f"reading the message ended the worker {_DEADLY_READINGS} times")
        with get_store().writer(Kind.PAYLOAD) as nothing:
            yield Judgement(Facts(), fault, nothing)
        return
    with judge(arrival, partial(_stored, message)) as judgement:
        yield judgement


def _stored(message: Message) -> Iterator[bytes]:
    """Read the request, and keep the message to ourselves for as long as that takes."""
    return claims.keep(message, get_store().chunks(message.raw_key))


def _drop(message: Message, accepted: Message, arrival: Arrival) -> None:
    """Let go of a row that is a repetition of another, and post that one's MDN again."""
    mine = Message.objects.filter(pk=message.pk, attempts=message.attempts, due_at=message.due_at)
    with transaction.atomic():
        if mine.delete()[0] == 0:
            raise LeaseLost(message.message_id)
        duplicates.repeat(accepted, arrival, message.address)
    get_store().delete(message.raw_key)


def _settle(message: Message, columns: dict[str, Any]) -> Message:
    if not message.settle(**columns):
        raise LeaseLost(message.message_id)
    return message
