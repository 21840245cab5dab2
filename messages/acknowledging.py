"""Acknowledging: what EDI facts become columns, and which document a functional one answers.

A 997, 999 or CONTRL says whether the partner's EDI software understood a document. It is another
thing than an MDN, and may come hours later, as a message of its own.
"""

import datetime as dt
from typing import Final

from as2gateway import edi
from audit.recording import Subject, record
from audit.tags import Tag
from audit.texts import storable
from messages.literals import Literal
from messages.models import Direction, Message

#: How far back an acknowledgement is looked for: control numbers start again some day.
REACH: Final = dt.timedelta(days=90)
#: Characters of a type, or a number, that are kept.
_LENGTH: Final = 20


def columns_of(facts: edi.EDIFacts) -> dict[str, str]:
    """Return the columns of a message's row that its document fills."""
    return {
        "edi_standard": facts.standard.value,
        "edi_type": storable(facts.type, _LENGTH),
        "edi_control_number": storable(facts.control_number, _LENGTH),
        "edi_references": "\n".join(f"{each.kind} {each.value}" for each in facts.references),
    }


def ack_number(facts: edi.EDIFacts) -> str:
    """Return the number by which an acknowledgement names this document; empty if none may.

    X12 acknowledges groups, EDIFACT interchanges. Acknowledgements are not acknowledged, so that
    two systems do not answer each other for ever.
    """
    if facts.type in edi.ACKNOWLEDGEMENTS:
        return ""
    number = facts.group_number if facts.standard is edi.Standard.X12 else facts.control_number
    return _bare(number) if number else ""


def take(message: Message, facts: edi.EDIFacts, now: dt.datetime) -> None:
    """Note on our documents what a received acknowledgement says of them.

    Of several with that number the latest is meant, and the first answer counts. Call it in the
    transaction that accepts the message.
    """
    for answer in facts.acknowledged:
        row = _answered(message, facts.standard, answer.control_number, now)
        if row is not None:
            Message.objects.filter(pk=row.pk).update(
                acknowledgement=answer.acceptance, acknowledged_at=now
            )
            text = f"The partner's {facts.type} says: {answer.acceptance}."
            data = {"by": message.message_id, "control_number": answer.control_number}
            record(Tag.MESSAGE_OUTBOUND_ACKNOWLEDGED, Subject.of(row), text, data=data)


def _answered(
    message: Message, standard: edi.Standard, number: str, now: dt.datetime
) -> Message | None:
    rows = Message.objects.filter(
        connection=message.connection_id,
        direction=Direction.OUTBOUND,
        edi_ack_number=_bare(number),
        edi_standard=standard.value,
        acknowledged_at__isnull=True,
        created_at__gte=now - REACH,
    )
    return rows.exclude(edi_ack_number=Literal("")).order_by("-created_at", "-pk").first()


def _bare(number: str) -> str:
    """A number without the zeros before it, which not everybody repeats."""
    return storable(number.lstrip("0") or "0", _LENGTH)
