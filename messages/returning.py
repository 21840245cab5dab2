"""Returning: async MDNs are posted from their stored octets until they are taken (RFC 4130 §7)."""

import datetime as dt
import functools
import logging
from dataclasses import asdict, replace
from typing import Any

from django.db import transaction
from django.db.models import BigAutoField, DateTimeField, Subquery
from django.utils import timezone

from audit.inserting import insert
from audit.reading import Prepared, refresh
from audit.recording import Subject, record
from audit.tags import Tag
from messages import backoff, claims, failpoints, resting, transport
from messages.answering import headers_of
from messages.arrivals import may_be_called
from messages.attempting import post_options
from messages.dispatch import Wake
from messages.lines import Facts, Kept
from messages.literals import Literal
from messages.models import MDN, Attempt, Direction, MDNState, Message
from messages.store import get_store
from messages.transport import Answer, PostOptions, StaleLine, TransportError
from messages.turns import take_turn
from partners.models import Connection
from partners.remembered import rows

logger = logging.getLogger(__name__)

#: How long an async MDN is tried (threats RC15), and the first gap.
_GIVE_UP_AFTER = dt.timedelta(days=5)
_FIRST_GAP = dt.timedelta(minutes=5)


def post_due(mdn_pk: int) -> None:
    """Try to post an MDN, then for a moment whatever else is due on its connection."""
    with Kept() as kept:
        take_turn(Wake.POST_MDN, mdn_pk, functools.partial(post_mdn, kept=kept), _next_due)


def _next_due(mdn_pk: int) -> int | None:
    found = _next.first(pk=mdn_pk, now=timezone.now())
    return found[0] if found else None


#: The MDN that is due longest on the same connection.
_next = Prepared(
    lambda pk, now: (
        MDN.objects.due(now)
        .filter(
            state=Literal(MDNState.QUEUED.value),
            message__connection_id=Subquery(
                MDN.objects.filter(pk=pk).order_by().values("message__connection_id")
            ),
        )
        .values_list("pk")[:1]
    ),
    pk=BigAutoField(),
    now=DateTimeField(),
)


def post_mdn(mdn_pk: int, kept: Kept | None = None) -> None:
    """Try once to post an async MDN that is due. Safe to run twice.

    A crash after the POST posts the same bytes again, which is legal (threats RC14). ``kept`` is
    the connection of the POST before.
    """
    claimed = _claim(mdn_pk)
    if claimed is None:
        return
    mdn, connection = claimed
    if not may_be_called(mdn.url, connection):
        text = (
            f"The MDN was to go to {mdn.url}, which is not a host of this connection any more. "
            "Add the host to “hosts for async MDNs”; the partner will ask again by a resend."
        )
        _give_up(mdn, text)
        return
    attempt = Attempt(mdn=mdn, number=mdn.attempts, url=mdn.url, started_at=timezone.now())
    try:
        answer = _post(mdn, connection, kept)
    except TransportError as error:
        _note(attempt, error.facts, error_class=error.error_class, error_text=error.text)
        _try_later(mdn, attempt, error.text, None)
    except OSError as error:
        # Our own disk: the partner was not asked.
        _wait_for_store(mdn, error)
    else:
        _note(attempt, answer.facts, http_status=answer.status)
        _settle(mdn, attempt, answer)
    failpoints.hit("mdn.recorded")


def _claim(mdn_pk: int) -> tuple[MDN, Connection] | None:
    """Take an MDN for one attempt; None if it is not due, or its host rests."""
    now = timezone.now()
    found = _ready.first(pk=mdn_pk, now=now)
    if found is None:
        return None
    connection_pk, url = found
    mdn, connection = MDN(pk=mdn_pk, url=url), rows.known_connection(connection_pk)
    if not resting.claim_mdn(mdn, connection, now, claims.lease()):
        return None
    mdn.message = Message(pk=mdn.message_id, connection=connection)
    refresh(mdn.message)
    return mdn, connection


#: The connection and the URL of an MDN that is due.
_ready = Prepared(
    lambda pk, now: (
        MDN.objects.filter(
            pk=pk, direction=Direction.OUTBOUND, message__isnull=False, due_at__lte=now
        )
        .order_by()
        .values_list("message__connection_id", "url")[:1]
    ),
    pk=BigAutoField(),
    now=DateTimeField(),
)


def _wait_for_store(mdn: MDN, error: OSError) -> None:
    text = f"The MDN cannot be read from the store: {error}. See to its disk."
    logger.error("%s: MDN %s cannot be read: %s", mdn.original_message_id, mdn.pk, error)
    now = timezone.now()
    if now - mdn.asked_at > _GIVE_UP_AFTER:
        _give_up(mdn, text)
    else:
        mdn.settle(due_at=now + _FIRST_GAP, failure_text=text)


def _post(mdn: MDN, connection: Connection, kept: Kept | None) -> Answer:
    failpoints.hit("mdn.post")
    options = post_options(connection, timezone.now())
    try:
        return _post_over(mdn, replace(options, kept=None if options.http_1_0 else kept))
    except StaleLine:
        # The partner closed it as we used it, and may have the MDN; it is the same one (RC14).
        return _post_over(mdn, options)


def _post_over(mdn: MDN, options: PostOptions) -> Answer:
    store = get_store()
    length = store.size(mdn.body_key)
    return transport.post(mdn.url, headers_of(mdn), store.chunks(mdn.body_key), length, options)


def _settle(mdn: MDN, attempt: Attempt, answer: Answer) -> None:
    text = f"the partner answered {answer.status}"
    if answer.succeeded:  # (MDN-21)
        _finish(mdn, attempt)
    elif answer.may_pass:  # (MDN-22)
        asked = backoff.retry_after(answer.headers.get("Retry-After"), timezone.now())
        _try_later(mdn, attempt, text, asked)
    else:
        insert(attempt)
        _give_up(mdn, _advice(mdn, text))


def _finish(mdn: MDN, attempt: Attempt) -> None:
    text = f"The MDN was taken by {mdn.url}."
    with transaction.atomic():
        insert(attempt)
        _end(mdn, Tag.MDN_OUTBOUND_SENT, text, {"state": MDNState.SENT, "failure_text": ""})
    logger.info("%s: MDN posted to %s", mdn.original_message_id, mdn.url)


def _try_later(mdn: MDN, attempt: Attempt, text: str, asked: dt.timedelta | None) -> None:
    insert(attempt)
    now = timezone.now()
    if now - mdn.asked_at > _GIVE_UP_AFTER:
        _give_up(mdn, _advice(mdn, f"{text}, {mdn.tries} times in {_GIVE_UP_AFTER.days} days"))
        return
    gap = backoff.gap(_FIRST_GAP, mdn.tries, asked)
    mdn.settle(due_at=now + gap, failure_text=f"Not delivered yet: {text}. It is tried again.")
    logger.warning("%s: MDN not posted, again in %s: %s", mdn.original_message_id, gap, text)


def _give_up(mdn: MDN, text: str) -> None:
    _end(mdn, Tag.MDN_OUTBOUND_FAILED, text, {"state": MDNState.FAILED, "failure_text": text})
    logger.error("%s: MDN given up: %s", mdn.original_message_id, text)


def _end(mdn: MDN, tag: Tag, text: str, changes: dict[str, Any]) -> None:
    """Write that it will not be posted any more, unless the lease was lost over it."""
    with transaction.atomic():
        if mdn.settle(**changes, due_at=None, finished_at=timezone.now()):
            record(tag, Subject.of(mdn.message or mdn), text)


def _advice(mdn: MDN, text: str) -> str:
    return (
        f"The MDN could not be delivered to {mdn.url}: {text}. The message itself stays as it is. "
        "Ask the partner to check that URL; when they resend the message, the MDN goes out again."
    )


def _note(attempt: Attempt, facts: Facts, **columns: object) -> None:
    """Note how an attempt ended; what is known of the line has the names of columns."""
    for name, value in {"ended_at": timezone.now(), **asdict(facts), **columns}.items():
        setattr(attempt, name, value)
