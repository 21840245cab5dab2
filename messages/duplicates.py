"""Duplicates: a message that was accepted before is answered again and delivered never again.

RFC 4130 §5.5, REL-06 to REL-10, threats R17 and R18. Only an accepted message claims its
Message-ID; what failed is simply read anew.
"""

import datetime as dt
import logging
from dataclasses import replace

from django.db import IntegrityError, transaction
from django.db import connection as database
from django.db.models import F

from as2gateway.algorithms import DigestAlgorithm
from as2gateway.errors import DuplicateDocument
from as2gateway.events import Facts
from as2gateway.mic import MIC
from as2gateway.policy import MDNMode
from as2gateway.request import MDNRequest
from audit.recording import Subject, record
from audit.tags import Tag
from messages import answering, dispatch
from messages.arrivals import Arrival
from messages.judging import Judgement
from messages.models import MDN, Direction, MDNState, Message, State
from messages.replies import Reply, taken
from messages.store import Kind, get_store
from messages.verdicts import ReusedMessageID
from partners.models.validators import LONGEST_DAYS

logger = logging.getLogger(__name__)


#: Asked for each message and answered by next to none, so it is not built anew each time.
_FIND = """
    SELECT id FROM as2_messages_message
    WHERE as2_from = %s AND as2_to = %s AND message_id = %s AND direction = %s AND state = %s
    AND lapsed_at IS NULL
"""


def find_accepted(arrival: Arrival) -> Message | None:
    """Find the accepted message of the same names and Message-ID, compared octet for octet.

    One that the connection says is no longer to be known lets go of its Message-ID (REL-06).
    """
    names = (arrival.request.as2_from, arrival.request.as2_to, arrival.message_id)
    with database.cursor() as cursor:
        cursor.execute(_FIND, (*names, Direction.INBOUND.value, State.ACCEPTED.value))
        found = cursor.fetchone()
    accepted = Message.objects.get(pk=found[0]) if found else None
    return None if accepted and _lapses(accepted, arrival) else accepted


def _lapses(accepted: Message, arrival: Arrival) -> bool:
    """Whether it is so old that its Message-ID may come again; that is written down.

    Its very octets are held back all the same, whatever their Message-ID is (``find_replayed``).
    """
    days = arrival.connection.duplicate_days
    # More than a column takes today may be there from before: it is for ever.
    if days is None or days > LONGEST_DAYS:
        return False
    if arrival.now - accepted.created_at < dt.timedelta(days=days):
        return False
    Message.objects.filter(pk=accepted.pk).update(lapsed_at=arrival.now)
    logger.info("%s: used before, %d days ago or longer", accepted.message_id, days)
    return True


def find_stored(arrival: Arrival) -> Message | None:
    """Find what was last made of the same octets under the same names, whatever became of it."""
    return (
        Message.objects.filter(
            direction=Direction.INBOUND,
            as2_from=arrival.request.as2_from,
            as2_to=arrival.request.as2_to,
            message_id=arrival.message_id,
            wire_sha256=arrival.wire_sha256,
        )
        .order_by("-pk")
        .first()
    )


def answer_known(arrival: Arrival, address: str | None) -> Reply | None:
    """Answer for octets that were accepted, or wait to be read; None where neither is so.

    What was refused may be read anew (REL-08).
    """
    stored = find_stored(arrival)
    if stored is not None and stored.state == State.ACCEPTED and stored.lapsed_at is None:
        return repeat(stored, arrival, address)
    waits = stored is not None and stored.state == State.RECEIVED
    return taken(arrival.policy.quirks) if waits else None


_WAIT_FOR_COPIES = "SELECT pg_advisory_xact_lock(%s)"

#: With the condition of the index in it word for word: SQLite takes an index of some rows only for
#: a query that says that it is about these, and a parameter does not say so. It has to be told to
#: take it, too, and would read all that was ever accepted otherwise.
_FIND_REPLAYED = f"""
    SELECT message_id FROM as2_messages_message {{hint}}
    WHERE replay_key = %s AND direction = '{Direction.INBOUND.value}'
    AND state = '{State.ACCEPTED.value}' AND connection_id = %s AND id <> %s
    ORDER BY id LIMIT 1
"""  # noqa: S608  words of ours


def find_replayed_query() -> str:
    """Return the query for the database in use."""
    sqlite = database.vendor == "sqlite"
    return _FIND_REPLAYED.format(hint="INDEXED BY message_replay_key" if sqlite else "")


def find_replayed(message: Message) -> str | None:
    """Find the Message-ID under which an accepted message's octets were accepted before (R19).

    Call it inside the transaction that accepts the message.

    Header fields are not signed, so anybody who has recorded a message can send it again under a
    new Message-ID; some products do so by themselves.
    """
    if not message.replay_key:
        return None
    key = (message.replay_key, message.connection_id, message.pk)
    with database.cursor() as cursor:
        if database.vendor == "postgresql":
            # Of two at once neither would see the other: one waits here until the other's commit.
            # SQLite has one writer at a time anyway.
            cursor.execute(_WAIT_FOR_COPIES, (int(message.replay_key[:15], 16),))
        cursor.execute(find_replayed_query(), key)
        found = cursor.fetchone()
    return str(found[0]) if found else None


def is_repetition(accepted: Message, arrival: Arrival, judgement: Judgement) -> bool:
    """Whether it is the accepted message again: the same request, or the same document in it.

    Partners who encrypt anew for each try send other octets with the same document.
    """
    if accepted.wire_sha256 == arrival.wire_sha256:
        return True
    same_document = judgement.payload.sha256 == accepted.payload_sha256
    return judgement.error is None and same_document


def repeat(accepted: Message, arrival: Arrival, address: str | None) -> Reply:
    """Answer as before: the stored MDN, in the way that is asked for now (REL-10)."""
    mdn = MDN.objects.filter(message=accepted, direction=Direction.OUTBOUND).first()
    told = arrival.policy.quirks.duplicate_warning
    if arrival.asked is not None and (mdn is None or told):
        return _answer_anew(accepted, arrival, arrival.asked, address)
    with transaction.atomic():
        text = "Came again: answered as before, not delivered again."
        record(Tag.MESSAGE_INBOUND_DUPLICATE, Subject.of(accepted), text, address=address)
        if mdn is not None and arrival.mdn_mode is MDNMode.ASYNC:
            _post_again(mdn, arrival)
    logger.info("%s: a duplicate, answered as before", accepted.message_id)
    if mdn is None or arrival.mdn_mode is not MDNMode.SYNC:
        return taken(arrival.policy.quirks)
    return answering.stored_reply(mdn)


def _answer_anew(
    accepted: Message, arrival: Arrival, asked: MDNRequest, address: str | None
) -> Reply:
    """Make the MDN that nobody asked for when the message was accepted (REL-10).

    Or another one, which says that it came before, for a partner who looks for that.
    """
    warns = arrival.policy.quirks.duplicate_warning
    warning = DuplicateDocument("it was accepted before") if warns else None
    mics = [MIC(bytes.fromhex(mic), DigestAlgorithm(name)) for name, mic in accepted.mics.items()]
    draft = answering.draft(arrival, asked, Facts(mic=mics[0] if mics else None), warning)
    with get_store().writer(Kind.MDN) as body:
        body.write(draft.built.body)
        body.commit()
    with transaction.atomic():
        mdn = MDN.objects.create(message=accepted, body_key=body.key, **draft.fields(arrival))
        text = "Came again, asking for another MDN: answered, not delivered again."
        record(Tag.MESSAGE_INBOUND_DUPLICATE, Subject.of(accepted), text, address=address)
        if mdn.due_at is not None:
            dispatch.wake_mdn(mdn.pk, accepted.connection_id)
    return draft.reply if mdn.due_at is None else taken(arrival.policy.quirks)


def _post_again(mdn: MDN, arrival: Arrival) -> None:
    queued = {"state": MDNState.QUEUED, "due_at": arrival.now, "url": arrival.mdn_url}
    # Late as it may be, it is tried as long as one that was just made.
    anew = {"asked_again_at": arrival.now, "forgiven_attempts": F("attempts")}
    MDN.objects.filter(pk=mdn.pk).update(**queued, **anew, finished_at=None, failure_text="")
    dispatch.wake_mdn(mdn.pk, arrival.connection.pk)


def winner(arrival: Arrival) -> Message:
    """Find the message that another process accepted in this very moment.

    Raises IntegrityError if there is none.
    """
    accepted = find_accepted(arrival)
    if accepted is None:  # it was another constraint, hence a fault of ours
        raise IntegrityError(f"{arrival.message_id} can be neither written nor found")
    return accepted


def as_reused(judgement: Judgement) -> Judgement:
    """Whatever is wrong with it otherwise: its Message-ID belongs to another content."""
    fault = ReusedMessageID("another message with this Message-ID was accepted before")
    return replace(judgement, error=judgement.error or fault)
