"""Concluding: make what became of a message durable, in this order: files, one transaction.

Payload, MDN and request are on disk under their final names before the transaction begins, and the
MDN's octets are made by then. After the commit everything is true that the MDN says.
"""

import logging
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import Any

from django.db import transaction

from as2gateway import edi
from as2gateway.attachments import Attachment
from as2gateway.errors import DecryptionFailed
from as2gateway.events import Facts, LayerKind
from audit.inserting import insert
from audit.recording import Subject, record
from audit.tags import Tag
from audit.texts import storable
from messages import (
    acknowledging,
    answering,
    delivering,
    dispatch,
    duplicates,
    exchanges,
    failpoints,
    verdicts,
    weaknesses,
    wrapped_keys,
)
from messages.answering import Draft
from messages.arrivals import Arrival
from messages.judging import Judgement
from messages.models import MDN, Delivery, DeliveryState, Message, State
from messages.safe_names import storable_name
from messages.store import Kind, Writer, commit_all, get_store
from partners.policies import snapshot
from partners.rollover import used

logger = logging.getLogger(__name__)

#: Writes the message's row inside the transaction, with these columns; gives back the row.
Save = Callable[[dict[str, Any]], Message]


@dataclass(frozen=True, slots=True)
class Conclusion:
    """The message's row, and the MDN if one was asked for."""

    message: Message
    draft: Draft | None


def conclude(
    arrival: Arrival, judgement: Judgement, save: Save, raw: Iterable[Writer] = ()
) -> Conclusion:
    """Write everything down. ``raw`` is the request, if that is not durable yet.

    When ``save`` raises, such as IntegrityError because another process has accepted the message
    meanwhile, nothing has happened, but for the request, which is durable. When the commit itself
    fails nobody knows what holds: then all files stay (threats RC7).
    """
    with ExitStack() as stack:
        draft, body = _draft(arrival, judgement, stack)
        made = [judgement.payload] if judgement.error is None else []
        made += [body] if body else []
        document = edi.sniff(_head(judgement)) if judgement.error is None else edi.EDIFacts()
        columns = _columns(arrival, judgement, document)
        failpoints.hit("rx.payload_written")
        commit_all([*raw, *made])
        failpoints.hit("rx.renamed")
        written = False
        try:
            with transaction.atomic():
                message = save(columns)
                _write_rows(arrival, judgement, message, draft, body)
                _confirm_certificates(arrival, judgement)
                acknowledging.take(message, document, arrival.now)
                failpoints.hit("rx.tx_open")
                written = True
        except BaseException:
            if not written:
                _forget(made)
            raise
    failpoints.hit("rx.committed")
    return Conclusion(message, draft)


def _forget(files: Iterable[Writer]) -> None:
    for file in files:
        get_store().delete(file.key)


def _draft(
    arrival: Arrival, judgement: Judgement, stack: ExitStack
) -> tuple[Draft | None, Writer | None]:
    asked = arrival.asked
    if asked is None:
        return None, None
    draft = answering.draft(arrival, asked, judgement.facts, judgement.error or judgement.warning)
    body = stack.enter_context(get_store().writer(Kind.MDN))
    body.write(draft.built.body)
    return draft, body


def _write_rows(
    arrival: Arrival,
    judgement: Judgement,
    message: Message,
    draft: Draft | None,
    body: Writer | None,
) -> None:
    if message.state == State.ACCEPTED:
        _hand_over(arrival, message, judgement)
    if draft is not None and body is not None:
        mdn = insert(MDN(message=message, body_key=body.key, **draft.fields(arrival)))
        if mdn.due_at is not None:
            dispatch.wake_mdn(mdn.pk, message.connection_id)
    if message.state == State.ACCEPTED:
        tag, text = Tag.MESSAGE_INBOUND_ACCEPTED, f"Accepted from {message.partner_name}."
    else:
        tag, text = Tag.MESSAGE_INBOUND_REJECTED, message.failure_text
        if message.failure_code == DecryptionFailed.modifier:
            wrapped_keys.watch_failures(message, arrival.now)
    record(tag, Subject.of(message), text, address=message.address)


def _confirm_certificates(arrival: Arrival, judgement: Judgement) -> None:
    """Let planned changes know which certificates an accepted message has shown to work."""
    if judgement.error is None:
        shown = [layer.certificate for layer in judgement.facts.layers if layer.certificate]
        used(shown, arrival.connection, arrival.now)


def _hand_over(arrival: Arrival, message: Message, judgement: Judgement) -> None:
    """Queue the document for the business side; what is about certificates is for operators."""
    if judgement.exchange is None:
        _queue_deliveries(arrival, message)
    else:
        exchanges.take(arrival, message, judgement.exchange)


def _queue_deliveries(arrival: Arrival, message: Message) -> None:
    rows = delivering.deliveries_of(message, arrival.connection)
    replayed = duplicates.find_replayed(message)
    if replayed is not None and not arrival.policy.quirks.deliver_copies:
        _hold_deliveries(rows, message, replayed)
        return
    for row in rows:
        _begin(row, arrival)


def _begin(row: Delivery, arrival: Arrival) -> None:
    """Write a delivery down, and call a worker if there is something to do for it."""
    for name, value in delivering.start_of(row.route, arrival.now).items():
        setattr(row, name, value)
    insert(row)
    if row.due_at is not None:
        dispatch.wake_delivery(row.pk)


def _hold_deliveries(rows: list[Delivery], message: Message, replayed: str) -> None:
    """Keep documents from the business side that it has already, or will have (threats R19)."""
    text = (
        f"The very octets of this message were accepted before, as {replayed}, so its document is "
        f"not handed over twice. If {message.partner_name} means a document of its own, release "
        "the delivery, and ask them to sign and encrypt each message anew."
    )
    for row in rows:
        row.state, row.failure_text = DeliveryState.HELD, text
    Delivery.objects.bulk_create(rows)
    record(Tag.DELIVERY_FOLDER_FAILED, Subject.of(message), text)
    logger.warning("%s: delivery held: %s", message.message_id, text)


def _columns(arrival: Arrival, judgement: Judgement, document: edi.EDIFacts) -> dict[str, Any]:
    """Columns of the message's row that are known once it has been read."""
    facts, error, payload = judgement.facts, judgement.error, judgement.payload
    columns = _columns_of_facts(facts) | {
        "due_at": None,
        "finished_at": arrival.now,
        "notes": [*arrival.notes, *facts.notes, *weaknesses.of_layers(facts.layers)],
        "settings": snapshot(arrival.connection, arrival.policy),
    }
    if facts.content_type:
        columns["content_type"] = storable(facts.content_type, 255)
    if error is not None:
        words = verdicts.explain(error, arrival.connection, arrival.policy)
        verdict = {"state": State.REJECTED, "failure_code": words.code, "failure_text": words.text}
        return columns | verdict
    return (
        columns
        | acknowledging.columns_of(document)
        | {
            "state": State.ACCEPTED,
            "failure_code": "",
            "failure_text": "",
            "payload_key": payload.key,
            "payload_size": payload.size,
            "payload_sha256": payload.sha256,
            "attachments": [_storable_attachment(one) for one in facts.attachments],
            "replay_key": _replay_key(arrival, facts),
        }
    )


def _head(judgement: Judgement) -> bytes:
    """How the document begins: that of several which refers to the others (RFC 2387 §3.2)."""
    payload = judgement.payload
    root = next((one for one in judgement.facts.attachments if one.root), None)
    if root is None:
        return payload.head(edi.HEAD)
    start = bytearray()
    for piece in root.read(payload.chunks()):
        start += piece
        if len(start) >= edi.HEAD:
            break
    return bytes(start[: edi.HEAD])


def _columns_of_facts(facts: Facts) -> dict[str, Any]:
    signed = [layer for layer in facts.layers if layer.kind is LayerKind.SIGNED]
    enveloped = [layer for layer in facts.layers if layer.kind is LayerKind.ENVELOPED]
    return {
        "filename": storable_name(facts.filename),
        "signed": signed[0].digest or "" if signed else "",
        "encrypted": enveloped[0].cipher or "" if enveloped else "",
        "compressed": facts.compressed,
        "mics": {facts.mic.algorithm.value: facts.mic.digest.hex()} if facts.mic else {},
    }


def _replay_key(arrival: Arrival, facts: Facts) -> str:
    # A content key is drawn at random for each message; a signature tells when it was made.
    wrapped = [layer.wrapped_key for layer in facts.layers if layer.wrapped_key]
    if wrapped:
        return wrapped[0]
    return arrival.wire_sha256 if facts.signed else ""


def _storable_attachment(attachment: Attachment) -> dict[str, Any]:
    given = asdict(attachment)
    texts = {name: storable(each, 255) for name, each in given.items() if isinstance(each, str)}
    return given | texts | {"filename": storable_name(attachment.filename)}
