"""Settlement: what an MDN does to the message it is for.

Positive and proven: delivered, also if we had given the message up (threats SD7). Negative: failed,
and never sent again by itself (SD11). Positive with another MIC: failed, since the partner has
processed something else than we sent (MIC-13). The first to prove anything decides (R26).
"""

import logging
from typing import Any, Final

from django.utils import timezone

from as2gateway.disposition import Disposition
from audit.reading import refresh
from audit.recording import Subject, record
from audit.tags import Tag
from audit.texts import storable
from audit.updating import update
from messages.claims import wake_next
from messages.models import MDN, MDNState, Message, State
from partners import exchanging
from partners.rollover import used

logger = logging.getLogger(__name__)

_DUPLICATE = "duplicate-document"

#: What an operator can do about a disposition modifier (RFC 4130 §7.5).
_HINTS = {
    "authentication-failed": "Ask whether the partner has our current signing certificate.",
    "decryption-failed": "Check that we encrypt to the partner's current certificate.",
    "integrity-check-failed": "Ask whether the partner has our current signing certificate.",
    "decompression-failed": "Ask whether the partner supports compression, or set it to none.",
    "insufficient-message-security": "Compare sign and encrypt with what the partner asks for.",
    "unknown-trading-partner": "Compare both AS2 ids, letter by letter, with the partner's.",
    "unknown-trading-relationship": "Compare both AS2 ids, letter by letter, with the partner's.",
    "sender-equals-receiver": "Compare both AS2 ids with the partner's.",
    "unsupported mic-algorithms": "Choose another digest to sign with.",
    "unsupported format": "Ask which kind of MDN the partner supports.",
}
#: What an MDN makes of a message that it proves to have arrived.
_PROVEN: Final = {"state": State.DELIVERED, "failure_code": "", "failure_text": ""}
_ASK = "Ask the partner what went wrong there."
#: Characters of the partner's own words that are shown.
_SHOWN = 300


def is_notice_of_repetition(disposition: Disposition, message: Message) -> bool:
    """Whether it says that the partner had the message already, and we have repeated it indeed."""
    return message.attempts > 1 and _DUPLICATE in disposition.text.lower()


def is_acceptance(disposition: Disposition, message: Message) -> bool:
    """Whether it says that the partner has the message.

    A notice of our own repetition does, also as an error: the first copy was taken (SD5, R26).
    """
    return disposition.positive or is_notice_of_repetition(disposition, message)


def by_mdn(row: MDN, disposition: Disposition) -> bool:
    """Settle the message of an MDN that has been judged. Call it inside a transaction.

    Whether an MDN has decided what became of the message: this one, or one before.
    """
    if row.state == MDNState.UNMATCHED or row.message is None:
        return False
    if _deliver_at_once(row, row.message, disposition):
        _tell(row, row.message, Tag.MESSAGE_OUTBOUND_DELIVERED, "")
        return True
    message = Message(pk=row.message.pk)
    refresh(message, lock=True)
    message.connection = row.message.connection
    accepted = row.state == MDNState.VERIFIED and is_acceptance(disposition, message)
    if message.decided_by_mdn or (message.state == State.DELIVERED and not accepted):
        _note_later(message, row, agrees=accepted == (message.state == State.DELIVERED))
        return message.decided_by_mdn
    was_waiting = message.state == State.WAITING
    changes = _delivered(row, message) if accepted else _failed(row, disposition)
    message.settle(**changes, **_decided())
    tag = Tag.MESSAGE_OUTBOUND_DELIVERED if accepted else Tag.MESSAGE_OUTBOUND_FAILED
    _tell(row, message, tag, message.failure_text)
    # While an attempt is going on, who makes it will ring.
    if was_waiting and message.connection.ordered:
        wake_next(message.connection_id)
    return True


def _deliver_at_once(row: MDN, message: Message, disposition: Disposition) -> bool:
    """Settle the usual case without reading the message again; False if nothing was changed.

    That is a proof for an attempt that is going on. What was read of the message when it was
    claimed is as it was for as long as the claim holds, which the statement asks for.
    """
    if message.state != State.SENDING or row.state != MDNState.VERIFIED or row.failure_text:
        return False
    if not is_acceptance(disposition, message):
        return False
    mine = {"pk": message.pk, "attempts": message.attempts, "due_at": message.due_at}
    # The object stays as it is: should this not be committed, the message is still being sent.
    return update(Message, mine, {**_PROVEN, **_decided()}) == 1


def _decided() -> dict[str, Any]:
    return {
        "due_at": None,
        "mdn_deadline": None,
        "decided_by_mdn": True,
        "finished_at": timezone.now(),
    }


def _tell(row: MDN, message: Message, tag: Tag, failure: str) -> None:
    """Write down what an MDN has made of a message, and what else it proves."""
    if tag == Tag.MESSAGE_OUTBOUND_DELIVERED:
        exchanging.note_delivered(message.content_type, message.message_id, timezone.now())
    record(
        tag, Subject.of(message), failure or f"The MDN says {row.disposition}.", address=row.address
    )
    logger.info("%s: %s by MDN: %s", message.message_id, tag.rpartition(":")[2], row.disposition)
    if row.state == MDNState.VERIFIED:
        used(_proven_certificates(row, message), message.connection, timezone.now())


def _proven_certificates(row: MDN, message: Message) -> list[str]:
    """Fingerprints of certificates that this MDN shows to be in use on both sides."""
    proven = [row.signer]
    if row.positive:
        proven += [message.settings.get(use, "") for use in ("sign_with", "encrypt_to")]
    return [fingerprint for fingerprint in proven if fingerprint]


def _delivered(row: MDN, message: Message) -> dict[str, Any]:
    notes = list(message.notes)
    if row.failure_text:  # it proves something all the same: a MIC was forgiven
        notes.append(row.failure_text)
    if message.state == State.FAILED:
        notes.append(f"The MDN came after the message had been given up: {message.failure_text}")
    return {**_PROVEN, "notes": notes}


def _failed(row: MDN, disposition: Disposition) -> dict[str, Any]:
    if row.state == MDNState.REFUSED:
        code = "integrity-check-failed"
        text = (
            f"The partner took another content than we sent: {row.failure_text}. It is not sent "
            "again by itself: ask the partner what arrived, then resend or send it anew."
        )
        return {"state": State.FAILED, "failure_code": code, "failure_text": text}
    word = disposition.text.strip().lower()
    code = storable(word, 60) or "refused"
    said = " ".join(row.text.split())[:_SHOWN]
    text = f"The partner refused the message: {row.disposition}. {_HINTS.get(word, _ASK)}"
    if said:
        text = f"{text} Their words: “{said}”"
    return {"state": State.FAILED, "failure_code": code, "failure_text": text}


def _note_later(message: Message, row: MDN, *, agrees: bool) -> None:
    """A later MDN is kept; one that says the contrary is pointed out (threats SD8)."""
    if agrees:
        return
    note = f"A later MDN says the contrary: {row.disposition} {row.failure_text}".rstrip()
    Message.objects.filter(pk=message.pk).update(notes=[*message.notes, note])
    record(Tag.MDN_INBOUND_REFUSED, Subject.of(message), note, address=row.address)
    logger.warning("%s: %s", message.message_id, note)
