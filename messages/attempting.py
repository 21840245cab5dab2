"""Attempting: one POST of a message that is built, with the row that tells of it."""

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from as2gateway.mdn import is_layer, is_mdn
from as2gateway.policy import MDNMode
from audit.inserting import insert
from audit.updating import update
from messages import mdns, outcomes, resuming, transport
from messages.claims import LeaseLost, keep
from messages.failpoints import hit
from messages.lines import Kept
from messages.models import Attempt, ErrorClass, Message
from messages.outcomes import Outcome
from messages.resuming import NextPart, StillBusy
from messages.store import get_store
from messages.transport import Answer, PostOptions, StaleLine, TransportError
from partners.encryption import KeyRingError
from partners.models import Connection
from partners.tls.contexts import TLSSettingsError, connection_context

#: Octets at the start of an answer that tell whether it is an MDN.
_HEAD = 64 * 1024


@dataclass(frozen=True, slots=True)
class Tried:
    """An attempt that has ended, and is not yet written down."""

    #: None if an MDN in the answer has settled the message
    outcome: Outcome | None
    row: Attempt
    columns: dict[str, Any]

    def write_down(self) -> None:
        """End the row, unless another worker has, who took us for dead."""
        open_row = {"pk": self.row.pk, "ended_at": None}
        update(Attempt, open_row, {"ended_at": timezone.now(), **self.columns})


def attempt(message: Message, built: dict[str, object], kept: Kept | None = None) -> Tried:
    """POST the stored bytes once; ``built`` is what the row must say of them first.

    ``kept`` is the connection of the POST before. Raises LeaseLost; OSError, KeyRingError, and
    ValueError if the stored bytes have not the length that they should.
    """
    row = _begin(message, built)
    try:
        answer = _post(message, kept)
    except StillBusy as busy:
        columns: dict[str, Any] = {"error_class": busy.error_class, "error_text": busy.text}
        return Tried(outcomes.of_busy(busy), row, {**asdict(busy.facts), **columns})
    except TransportError as error:
        columns = {"error_class": error.error_class, "error_text": error.text}
        of = outcomes.of_stale if isinstance(error, StaleLine) else outcomes.of_fault
        return Tried(of(error), row, {**asdict(error.facts), **columns})
    except (LeaseLost, OSError, KeyRingError, ValueError) as fault:
        # Our own disk, key ring, or stored bytes: the partner had no part in it.
        Tried(None, row, {"error_class": ErrorClass.LOST, "error_text": str(fault)}).write_down()
        raise
    hit("tx.answered")
    columns = {"http_status": answer.status, **asdict(answer.facts)}
    outcome = _judge(answer, message, Tried(None, row, columns).write_down)
    if outcome is not None and outcome.error_class is not None:
        columns |= {"error_class": outcome.error_class, "error_text": outcome.text}
    return Tried(outcome, row, columns)


def _post(message: Message, kept: Kept | None) -> Answer:
    options = _message_options(message.connection)
    if _may_share(message):
        options = replace(options, kept=kept)
    part = resuming.next_part(message, options)
    answer = _post_part(message, part, options)
    if part.offset and resuming.was_wrong_part(answer):
        answer = _post_part(message, resuming.whole(message), options)
    return answer


def _may_share(message: Message) -> bool:
    """Whether a message may go over the connection of the one before it.

    Not if a second copy would harm, as by a partner who does not know it by its Message-ID, nor if
    nothing but the status shows that an answer is that of this message.
    """
    needs = message.connection.needs
    return not (needs.http_1_0 or needs.new_message_id) and message.mdn_mode != MDNMode.NONE


def _post_part(message: Message, part: NextPart, options: PostOptions) -> Answer:
    body = _posted(part.of(keep(message, get_store().chunks(message.wire_key))))
    # No "Connection: close": some products send their async MDN only while the connection of the
    # request is open.
    return transport.post(message.connection.url, part.headers, body, part.length, options)


def post_options(connection: Connection, now: dt.datetime) -> PostOptions:
    """How long a POST to this partner may take, and which servers are trusted.

    Raises TransportError for TLS settings that cannot be used.
    """
    try:
        tls = connection_context(connection, now)
    except TLSSettingsError as error:
        raise TransportError(ErrorClass.TLS, str(error)) from error
    return PostOptions(
        connect_timeout=connection.connect_timeout,
        idle_timeout=connection.response_timeout,
        # Whatever comes later than this finds the message still ours.
        total=settings.AS2_SEND_LEASE * 2 / 3,
        tls=tls,
        chunked=connection.needs.chunked,
        http_1_0=connection.needs.http_1_0,
    )


def _message_options(connection: Connection) -> PostOptions:
    """How a message is posted to the connection's own URL: with its password, if it has one.

    Nothing else is: neither an MDN nor what a redirect points to (SND-10). Raises KeyRingError.
    """
    options, credentials = post_options(connection, timezone.now()), connection.credentials
    return replace(options, authorization=credentials.authorization) if credentials else options


def _posted(chunks: Iterator[bytes]) -> Iterator[bytes]:
    yield from chunks
    hit("tx.posted")


def _judge(answer: Answer, message: Message, end: Callable[[], None]) -> Outcome | None:
    """Say what an answer means; ``end`` writes down that the attempt has ended, if an MDN did."""
    # Where an MDN is due, what comes in a layer is one (MDR-18).
    in_layers = message.mdn_mode == MDNMode.SYNC and is_layer(answer.headers)
    if in_layers or is_mdn(answer.headers, answer.body[:_HEAD]):
        return _judge_mdn(answer, message, end)
    return outcomes.of_answer(answer, MDNMode(message.mdn_mode), timezone.now())


def _judge_mdn(answer: Answer, message: Message, end: Callable[[], None]) -> Outcome | None:
    address = answer.facts.peer.rpartition(":")[0].strip("[]") or None
    if not answer.succeeded:
        # What the MDN says is for the operator; the transport has failed all the same (SND-08).
        mdn = mdns.keep_as_information(answer.headers, answer.body, address, message)
        outcome = outcomes.of_answer(answer, MDNMode(message.mdn_mode), timezone.now())
        return outcomes.with_mdn(outcome, mdn)
    post = mdns.Post(message, end)
    mdn = mdns.take_mdn(answer.headers, answer.body, address, post)
    if post.decided:
        return None
    message.refresh_from_db(fields=["decided_by_mdn"])
    if message.decided_by_mdn:  # by another MDN, which was faster than this answer
        end()
        return None
    return outcomes.of_useless_mdn(mdn)


def _begin(message: Message, built: dict[str, Any]) -> Attempt:
    """Write down what goes out and that it goes out, before it does."""
    now, replaced = timezone.now(), message.wire_key if built else ""
    with transaction.atomic():
        if built and not message.settle(**built):
            get_store().delete(built["wire_key"])
            raise LeaseLost(f"{message} was taken over while it was built")
        if message.attempts > 1:
            # One that has no end by now lost its worker; what it came to nobody knows (SD4).
            message.attempt_rows.filter(ended_at__isnull=True).update(
                ended_at=now,
                error_class=ErrorClass.LOST,
                error_text="the process that sent it ended before the answer was recorded",
            )
        attempt = Attempt(
            message=message,
            number=message.attempts,
            url=message.connection.url,
            started_at=now,
            sent_as=message.message_id if message.connection.needs.new_message_id else "",
        )
        insert(attempt)
    if replaced:
        get_store().delete(replaced)
    return attempt
