"""Functional acknowledgements: which document they answer, and what is told of it."""

import datetime as dt
from pathlib import Path

import pytest
from django.utils import timezone

from audit.models import AuditEvent
from messages.admin import attention
from messages.models import Message, State
from messages.sending import enqueue
from partners.models import Connection
from tests.messages import sender

ISA = (
    "ISA*00*          *00*          *ZZ*VENDOR         *ZZ*AMAZON         "
    "*261124*1200*U*00401*000000042*0*P*>~"
)
INVOICE = (
    f"{ISA}GS*IN*VENDOR*AMAZON*20261124*1200*0042*X*004010~ST*810*0001~BIG*20261124*INV9**PO77~"
    "SE*2*0001~GE*1*42~IEA*1*000000042~"
)
HOUR = dt.timedelta(hours=1)

pytestmark = pytest.mark.django_db


def acknowledgement(number: str, code: str = "A") -> bytes:
    """Write a 997 as partners do, by hand."""
    return (
        f"{ISA}GS*FA*AMAZON*VENDOR*20261124*1300*9*X*004010~ST*997*0001~AK1*IN*{number}~"
        f"AK9*{code}*1*1*1~SE*4*0001~GE*1*9~IEA*1*000000042~"
    ).encode()


def contrl(reference: str, action: str) -> bytes:
    """Write a CONTRL as partners do, by hand."""
    return (
        f"UNB+UNOA:2+AMAZON+VENDOR+261124:1200+9'UNH+1+CONTRL:D:3:UN'"
        f"UCI+{reference}+VENDOR+AMAZON+{action}'UNT+3+1'UNZ+1+9'"
    ).encode()


@pytest.fixture
def sent(home: Path, connection: Connection) -> Message:
    """An invoice of ours that is on its way."""
    return enqueue(connection, [INVOICE.encode()])


def test_a_document_keeps_the_numbers_that_people_ask_by(sent: Message) -> None:
    assert (sent.edi_type, sent.edi_ack_number) == ("810", "42")
    assert sent.edi_references == "invoice INV9\norder PO77"


@pytest.mark.parametrize(
    ("code", "verdict"), [("A", "accepted"), ("E", "accepted with errors"), ("R", "rejected")]
)
def test_a_997_answers_the_document_with_its_group_number(
    sent: Message, code: str, verdict: str
) -> None:
    sender.message(acknowledgement("42", code)).send()
    sent.refresh_from_db()
    assert (sent.acknowledgement, sent.acknowledged_at is not None) == (verdict, True)
    event = AuditEvent.objects.get(tag="message:outbound:acknowledged")
    assert event.text == f"The partner's 997 says: {verdict}."
    assert event.data == {"by": "<1@amazon.example>", "control_number": "42"}


def test_a_contrl_answers_the_interchange_with_its_reference(
    home: Path, connection: Connection
) -> None:
    order = b"UNB+UNOA:2+VENDOR+AMAZON+261124:1200+REF77'UNH+1+ORDERS:D:96A:UN'BGM+220+PO1+9'"
    sent = enqueue(connection, [order])
    sender.message(contrl("REF77", "4")).send()
    sent.refresh_from_db()
    assert sent.acknowledgement == "rejected"


def test_another_number_answers_nothing(sent: Message) -> None:
    sender.message(acknowledgement("43")).send()
    sent.refresh_from_db()
    assert sent.acknowledgement == ""


def test_of_two_documents_with_one_number_the_latest_is_meant(sent: Message) -> None:
    later = enqueue(sent.connection, [INVOICE.encode()])
    sender.message(acknowledgement("42")).send()
    sent.refresh_from_db()
    later.refresh_from_db()
    assert (sent.acknowledgement, later.acknowledgement) == ("", "accepted")


def test_the_first_answer_counts(sent: Message) -> None:
    sender.message(acknowledgement("42", "R")).send()
    sender.message(acknowledgement("42", "A"), "<2@amazon.example>").send()
    sent.refresh_from_db()
    assert sent.acknowledgement == "rejected"


def test_an_acknowledgement_of_ours_waits_for_none(home: Path, connection: Connection) -> None:
    assert enqueue(connection, [acknowledgement("5")]).edi_ack_number == ""


@pytest.mark.parametrize(
    ("allowed", "age", "late"), [(None, 50, False), (24, 20, False), (24, 30, True)]
)
def test_what_is_not_acknowledged_in_time_is_late(
    sent: Message, allowed: int | None, age: int, late: bool
) -> None:
    now = timezone.now()
    Connection.objects.update(acknowledge_hours=allowed)
    delivered = {"state": State.DELIVERED, "due_at": None, "finished_at": now - age * HOUR}
    Message.objects.filter(pk=sent.pk).update(**delivered)
    assert list(attention.unacknowledged(now)) == [sent] * late
    sender.message(acknowledgement("42")).send()
    assert not attention.unacknowledged(now).exists()


def test_what_was_refused_needs_somebody_and_what_was_taken_does_not(sent: Message) -> None:
    now = timezone.now()
    for verdict, needed in (("accepted", 0), ("accepted with errors", 0), ("rejected", 1)):
        Message.objects.filter(pk=sent.pk).update(acknowledgement=verdict, acknowledged_at=now)
        assert attention.not_understood(now).count() == needed
