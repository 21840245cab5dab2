"""Receiving: the use case behind the AS2 URL. See docs/architecture.md.

Read the request, find out whose it is, judge it, make all of it durable, answer. Where two or more
answers are possible, it is the one that loses nothing: 503 rather than a verdict for a fault of
ours, an old MDN rather than a second delivery.
"""

import logging
from dataclasses import dataclass, replace
from functools import partial
from http import HTTPStatus
from typing import Any

from django import db
from django.conf import settings
from django.db import IntegrityError, OperationalError, transaction
from django.db import connection as database
from django.utils import timezone

from as2gateway.errors import DecryptionFailed, MalformedRequest
from as2gateway.headers import Headers
from as2gateway.mdn import REPORTS, is_mdn
from as2gateway.policy import MDNMode
from as2gateway.request import AS2Request, read_request
from as2gateway.restart import Part
from audit.addresses import client_address
from audit.inserting import insert
from audit.recording import Subject, record
from audit.tags import Tag
from messages import (
    answering,
    dispatch,
    duplicates,
    failpoints,
    intake,
    mdns,
    replies,
    restarting,
    senders,
)
from messages.arrivals import Arrival, find_receiver
from messages.arriving_tls import ArrivingTLS, arriving_tls
from messages.claims import LeaseLost
from messages.concluding import Conclusion, conclude
from messages.intake import BodyLimits, Environ, Refused
from messages.judging import Judgement, judge
from messages.models import Message, State
from messages.rates import get_limiter
from messages.replies import Reply, taken
from messages.store import Kind, Writer, commit_all, get_store
from partners.encryption import KeyRingError
from partners.models import Connection
from partners.noticing.endpoints import note_old_tls
from partners.policies import engine_for, limits
from partners.remembered import rows

logger = logging.getLogger(__name__)

#: Octets of a body by which an MDN is told from a message.
_HEAD = 64 * 1024
#: Bytes that are read of a message which nobody is to have (threats R1): answering before a
#: client has sent everything makes some of them lose the answer.
_DRAINED = 64 * 1024


def receive(environ: Environ) -> Reply:
    """Answer a POST to the AS2 URL. What it answers with 2xx or an MDN is durable."""
    try:
        return _receive(environ)
    except Refused as refusal:
        # Of those who come too often one line is written, not one for each request.
        if refusal.status is not HTTPStatus.TOO_MANY_REQUESTS:
            logger.warning("refused with %d: %s", refusal.status, refusal.reason)
        return replies.words(refusal.status, refusal.reason, *refusal.fields)
    except (OSError, db.Error, KeyRingError, MemoryError, LeaseLost):
        # Ours and temporary, whatever the partner sent (threats R4).
        logger.exception("a message could not be taken")
        return replies.unavailable()


def _receive(environ: Environ) -> Reply:
    headers = intake.read_headers(environ)
    failpoints.hit("rx.headers")
    intake.check_headers(headers)
    intake.check_host(environ)
    address = client_address(environ)
    request, connection = find_receiver(_read_request(headers, address))
    _check_rate(request, connection, address)
    part = restarting.read_part(headers, environ, connection)
    if connection is None:
        return _turn_away(environ, request, address)
    caller = _Caller(headers, request, connection, address, _tls_of(environ, connection))
    body_limits = _body_limits(connection)
    _check_room(environ, body_limits, part.total or 0 if part else 0)
    if part is not None:
        return _receive_part(environ, caller, part, body_limits)
    with get_store().writer(Kind.RAW) as raw:
        for chunk in intake.read_body(environ, body_limits):
            raw.write(chunk)
        return _take_whole(caller, raw)


def _receive_part(environ: Environ, caller: "_Caller", part: Part, most: BodyLimits) -> Reply:
    """Take a message that may have been cut before, or be cut now (AS2 Restart)."""
    digest = restarting.find_whole(caller.connection, part)
    known = duplicates.answer_known(caller.arrival(digest), caller.address) if digest else None
    if known is not None:
        # Only the answer had got lost (RST-05); the body is the last octet once more.
        for _ in intake.read_body(environ, replace(most, size=1)):
            pass
        return known
    with restarting.spooled(environ, most, caller.connection, part) as raw:
        reply = _take_whole(caller, raw)
        stored = duplicates.find_stored(caller.arrival(raw.sha256))
        restarting.conclude(caller.connection, part, stored)
        return reply


@dataclass(frozen=True, slots=True)
class _Caller:
    """A partner we know, who is sending something."""

    headers: Headers
    request: AS2Request
    connection: Connection
    address: str | None
    tls: ArrivingTLS

    def arrival(self, sha256: str) -> Arrival:
        """What has arrived, now that the digest of its body is known."""
        now = timezone.now()
        arrival = Arrival.of(self.headers, self.request, self.connection, sha256, now)
        return replace(arrival, tls=self.tls)


def _take_whole(caller: _Caller, raw: Writer) -> Reply:
    failpoints.hit("rx.spooled")
    if is_mdn(caller.headers, raw.head(_HEAD)) and not _is_document(caller, raw):
        return _take_mdn(caller.headers, caller.connection, raw, caller.address)
    with rows.held():
        return _take(caller.arrival(raw.sha256), raw, caller.address)


def _body_limits(connection: Connection) -> BodyLimits:
    """What a body may cost: the connection may allow less, and so may its engine."""
    allowed = BodyLimits.from_settings()
    allowed = replace(allowed, size=min(allowed.size, connection.max_size or allowed.size))
    if engine_for(connection).streams:
        return allowed
    return replace(allowed, size=min(allowed.size, limits().whole_message))


def _tls_of(environ: Environ, connection: Connection) -> ArrivingTLS:
    """Say how the request was protected; of an old version the operator is told besides."""
    tls = arriving_tls(environ)
    if tls.is_old:
        note_old_tls(connection, tls.version, timezone.now())
    return tls


def _check_rate(request: AS2Request, connection: Connection | None, address: str | None) -> None:
    limiter = get_limiter()
    if connection is None:
        limiter.check_stranger(address, (request.as2_from, request.as2_to))
    else:
        limiter.check_partner(connection, address)


def _read_request(headers: Headers, address: str | None) -> AS2Request:
    try:
        return read_request(headers)
    except MalformedRequest as error:
        get_limiter().check_stranger(address, None)
        raise Refused(HTTPStatus.BAD_REQUEST, f"This is no AS2 message: {error}.") from error


def _turn_away(environ: Environ, request: AS2Request, address: str | None) -> Reply:
    """Answer names that no connection has; nothing of theirs is kept (HDR-09, threats R3)."""
    try:
        for _ in intake.read_body(environ, replace(BodyLimits.from_settings(), size=_DRAINED)):
            pass
    except Refused as refusal:
        if refusal.status is not HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            raise
    senders.note_unknown(request.as2_from, request.as2_to, address)
    if request.mdn is not None and not request.mdn.url:
        return answering.answer_unknown(request)
    raise Refused(HTTPStatus.FORBIDDEN, "The AS2 names of this message are not known here.")


def _check_room(environ: Environ, body_limits: BodyLimits, total: int) -> None:
    """Take nothing that may not fit: the request and its payload (threats IN6).

    ``total`` is that of a message which comes in parts: these are put together in another file.
    """
    length = intake.declared_length(environ, body_limits) or 0
    if get_store().free_bytes() < settings.AS2_MIN_FREE_SPACE + 2 * max(length, total):
        raise OSError("less than AS2_MIN_FREE_SPACE would be left on the disk of the store")


def _take_mdn(headers: Headers, connection: Connection, raw: Writer, address: str | None) -> Reply:
    if raw.size > limits().mdn:
        raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "This is too large to be an MDN.")
    mdns.take_mdn(headers, b"".join(raw.chunks()), address, connection=connection)
    return taken(connection.needs)


def _is_document(caller: _Caller, raw: Writer) -> bool:
    """Whether a report is the document of a message: it asks for an MDN, and is about none of ours.

    An MDN never asks for one (RFC 3798 §2.1), but some may all the same.
    """
    if caller.request.mdn is None:
        return False
    if raw.size > limits().mdn:
        return True
    return not mdns.is_about_ours(caller.headers, b"".join(raw.chunks()))


def _is_mdn_inside(arrival: Arrival, judgement: Judgement, raw: Writer) -> bool:
    """Whether a message is an MDN in layers, whatever is demanded of messages (MDR-18).

    An MDN never asks for one (RFC 3798 §2.1); a report that does is a document.
    """
    if arrival.request.mdn is not None or raw.size > limits().mdn:
        return False
    content_type = judgement.facts.content_type
    # An engine may refuse what it cannot verify before it has seen what is inside.
    unseen = not content_type and not isinstance(judgement.error, DecryptionFailed)
    if not (unseen or content_type in REPORTS):
        return False
    return mdns.is_inside(arrival.headers, b"".join(raw.chunks()), arrival.connection)


def _take(arrival: Arrival, raw: Writer, address: str | None) -> Reply:
    accepted = duplicates.find_accepted(arrival)
    if accepted is not None and accepted.wire_sha256 == raw.sha256:
        return duplicates.repeat(accepted, arrival, address)
    if arrival.mdn_mode is MDNMode.ASYNC:
        return _take_for_later(arrival, raw, address)
    with judge(arrival, raw.chunks) as judgement:
        if _is_mdn_inside(arrival, judgement, raw):
            return _take_mdn(arrival.headers, arrival.connection, raw, address)
        return _take_judged(arrival, judgement, raw, address, accepted)


def _take_judged(
    arrival: Arrival,
    judgement: Judgement,
    raw: Writer,
    address: str | None,
    accepted: Message | None,
) -> Reply:
    save = partial(_create, arrival.fields(raw, address))
    if accepted is None:
        try:
            return _answer(arrival, conclude(arrival, judgement, save, [raw]))
        except IntegrityError:
            # Two at once, and the other one was faster (threats RC11).
            accepted = duplicates.winner(arrival)
        except OperationalError:
            return _after_lost_commit(arrival, raw)
    if duplicates.is_repetition(accepted, arrival, judgement):
        get_store().delete(raw.key)
        return duplicates.repeat(accepted, arrival, address)
    return _answer(arrival, conclude(arrival, duplicates.as_reused(judgement), save, [raw]))


def _take_for_later(arrival: Arrival, raw: Writer, address: str | None) -> Reply:
    """Keep the request and say so; a worker reads it and posts the MDN (HTTP-16)."""
    commit_all([raw])
    failpoints.hit("rx.renamed")
    columns = {"state": State.RECEIVED, "due_at": arrival.now, "notes": arrival.notes}
    try:
        with transaction.atomic():
            message = _create(arrival.fields(raw, address), columns)
            text = f"Received from {message.partner_name}, to be answered by an async MDN."
            record(Tag.MESSAGE_INBOUND_RECEIVED, Subject.of(message), text, address=address)
            dispatch.wake_processing(message.pk)
            failpoints.hit("rx.tx_open")
    except OperationalError:
        return _after_lost_commit(arrival, raw)
    failpoints.hit("rx.committed")
    return taken(arrival.policy.quirks)


def _create(known: dict[str, Any], columns: dict[str, Any]) -> Message:
    return insert(Message(**{**known, **columns}))


def _after_lost_commit(arrival: Arrival, raw: Writer) -> Reply:
    """Ask the database by a new connection what became of the transaction (threats RC7)."""
    logger.error("%s: the database failed, and may have committed", arrival.message_id)
    database.close()
    written = Message.objects.filter(
        as2_from=arrival.request.as2_from,
        as2_to=arrival.request.as2_to,
        message_id=arrival.message_id,
        raw_key=raw.key,
    ).first()
    if written is None:
        return replies.unavailable()
    mdn = written.mdns.first()
    stored = mdn is not None and mdn.due_at is None
    return answering.stored_reply(mdn) if mdn and stored else taken(arrival.policy.quirks)


def _answer(arrival: Arrival, conclusion: Conclusion) -> Reply:
    message = conclusion.message
    if message.failure_text:
        logger.warning("%s: rejected: %s", message.message_id, message.failure_text)
    else:
        logger.info("%s: accepted from %s", message.message_id, message.partner_name)
    return conclusion.draft.reply if conclusion.draft else taken(arrival.policy.quirks)
