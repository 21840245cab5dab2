import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Any

import pytest
import time_machine
from django import db
from django.utils import timezone

from as2gateway.policy import MDNMode
from audit.models import AuditEvent
from messages import processing
from messages.delivering import release
from messages.models import MDN, Delivery, Message
from messages.returning import post_mdn
from messages.store import get_store
from partners.models import Connection
from tests import factories
from tests.messages import sender
from tests.messages.arrange import PAYLOAD, stored_files
from tests.messages.sender import Sent, asking_async, message
from tests.messages.servers import answer, serve

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("home")]


def test_a_repetition_gets_the_same_mdn_and_is_not_delivered_again(connection: Connection) -> None:
    sent = message()
    first, second = sent.send(), sent.send()
    assert (second.headers, second.body) == (first.headers, first.body)
    assert (Message.objects.count(), Delivery.objects.count()) == (1, 1)
    assert AuditEvent.objects.filter(tag="message:inbound:duplicate").count() == 1
    assert stored_files() == [".mdn", ".payload", ".raw"]


def test_a_document_encrypted_anew_is_a_repetition(connection: Connection) -> None:
    first, second = message().send(), message().send()
    assert (second.headers, second.body) == (first.headers, first.body)
    assert Delivery.objects.count() == 1
    assert stored_files() == [".mdn", ".payload", ".raw"]


def test_another_document_under_the_same_id_is_refused(connection: Connection) -> None:
    message().send()
    reply = message(b"another document").send()
    assert sender.disposition(reply) == "processed/error: unexpected-processing-error"
    accepted, refused = Message.objects.order_by("pk")
    assert (accepted.state, refused.state) == ("accepted", "rejected")
    assert refused.failure_code == "message-id-reused"
    assert "The first message stands" in refused.failure_text
    assert b"".join(get_store().chunks(accepted.payload_key)) == PAYLOAD
    assert Delivery.objects.count() == 1


def test_a_repetition_without_mdn_gets_an_empty_answer(connection: Connection) -> None:
    sent = message(mdn=MDNMode.NONE)
    replies = [sent.send(), sent.send()]
    assert [reply.body for reply in replies] == [b"", b""]
    assert Message.objects.count() == 1


def test_a_repetition_that_asks_for_an_mdn_at_last_gets_one(connection: Connection) -> None:
    sent = message()
    sent.with_fields(Disposition_Notification_To=None).send()
    reply = sent.send()
    sender.verify(reply, sent)
    assert sent.send().body == reply.body
    assert (MDN.objects.get().state, Delivery.objects.count()) == ("answered", 1)


def test_a_repetition_that_asks_for_an_async_mdn_at_last_gets_one(connection: Connection) -> None:
    sent = asking_async()
    sent.with_fields(Disposition_Notification_To=None).send()
    assert sent.send().body == b""
    mdn = MDN.objects.get()
    assert (mdn.state, mdn.positive, mdn.url) == ("queued", True, "http://127.0.0.1:9/mdn")
    assert Message.objects.count() == Delivery.objects.count() == 1


def test_the_same_id_of_another_partner_is_another_message(connection: Connection) -> None:
    other = factories.connection(
        connection.organization, factories.partner("Other"), as2_id="OTHER"
    )
    factories.partner_certificate(other, factories.identity("AMAZON").certificate)
    message().send()
    assert sender.disposition(message(as2_from="OTHER").send()) == "processed"
    assert Message.objects.filter(state="accepted").count() == 2


def test_a_repetition_that_asks_for_an_async_mdn_gets_the_stored_one_there(
    connection: Connection,
) -> None:
    sent = message()
    body = sent.send().body
    url = "http://127.0.0.1:9/mdn"
    reply = sent.with_fields(Receipt_Delivery_Option=url).send()
    assert (reply.status, reply.body) == (HTTPStatus.OK, b"")
    mdn = MDN.objects.get()
    assert (mdn.state, mdn.url) == ("queued", url)
    assert b"".join(get_store().chunks(mdn.body_key)) == body


def test_two_async_copies_are_one_message(connection: Connection) -> None:
    sent = asking_async()
    sent.send()
    sent.send()
    for row in Message.objects.order_by("pk"):
        processing.process(row.pk)
    assert Message.objects.get().state == "accepted"
    assert (MDN.objects.count(), Delivery.objects.count()) == (1, 1)
    assert stored_files() == [".mdn", ".payload", ".raw"]


def test_an_async_copy_encrypted_anew_is_dropped(connection: Connection) -> None:
    asking_async().send()
    processing.process(Message.objects.get().pk)
    asking_async().send()
    processing.process(Message.objects.get(state="received").pk)
    assert Message.objects.get().state == "accepted"
    assert stored_files() == [".mdn", ".payload", ".raw"]


def test_an_async_message_may_not_take_the_id_of_another(connection: Connection) -> None:
    asking_async().send()
    processing.process(Message.objects.get().pk)
    sent = message(b"another document", mdn=MDNMode.ASYNC, mdn_url="http://127.0.0.1:9/mdn")
    sent.send()
    row = Message.objects.get(state="received")
    processing.process(row.pk)
    row.refresh_from_db()
    assert (row.state, row.failure_code) == ("rejected", "message-id-reused")
    assert MDN.objects.filter(message=row, state="queued").count() == 1


def test_a_sync_copy_of_an_async_message_is_answered_at_once(connection: Connection) -> None:
    sent = asking_async()
    sent.send()
    processing.process(Message.objects.get().pk)
    reply = sent.with_fields(Receipt_Delivery_Option=None).send()
    sender.verify(reply, sent)
    assert MDN.objects.get().state == "queued"


@pytest.fixture
def committed(transactional_db: None) -> Connection:
    return factories.connection()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("anew", [False, True])
def test_copies_at_once_are_one_message(committed: Connection, anew: bool) -> None:
    sent = message()
    copies = [message() if anew else sent for _ in range(6)]

    def send(copy: Sent) -> bytes:
        try:
            return copy.send().body
        finally:
            db.connections.close_all()

    with ThreadPoolExecutor(len(copies)) as pool:
        bodies = set(pool.map(send, copies))
    assert len(bodies) == 1
    assert (Message.objects.count(), Delivery.objects.count()) == (1, 1)
    assert stored_files() == [".mdn", ".payload", ".raw"]


@pytest.mark.parametrize("encrypt", [True, False])
def test_the_same_octets_under_a_new_id_are_answered_and_held(
    connection: Connection, encrypt: bool
) -> None:
    Connection.objects.update(require_encryption=encrypt)
    sent = message() if encrypt else message(encrypt=None, encrypt_to=None)
    sent.send()
    again = sent.with_fields(Message_ID="<2@amazon.example>")
    sender.verify(again.send(), again)
    first, second = Delivery.objects.order_by("pk")
    assert (first.state, second.state, second.due_at) == ("queued", "held", None)
    assert "accepted before, as <1@amazon.example>" in second.failure_text
    assert "release the delivery" in second.failure_text
    assert release(second, "olga")


@pytest.mark.django_db(transaction=True)
def test_the_same_octets_under_many_ids_at_once_are_handed_over_once(
    committed: Connection,
) -> None:
    sent = message()
    copies = [sent.with_fields(Message_ID=f"<{number}@amazon.example>") for number in range(6)]

    def send(copy: Sent) -> None:
        try:
            copy.send()
        finally:
            db.connections.close_all()

    with ThreadPoolExecutor(len(copies)) as pool:
        list(pool.map(send, copies))
    states = sorted(Delivery.objects.values_list("state", flat=True))
    assert states == [*5 * ["held"], "queued"]


def test_the_same_document_in_a_message_of_its_own_is_delivered(connection: Connection) -> None:
    message().send()
    message(message_id="<2@amazon.example>").send()
    assert list(Delivery.objects.values_list("state", flat=True)) == ["queued", "queued"]


def test_what_is_neither_signed_nor_encrypted_is_delivered_each_time(
    connection: Connection,
) -> None:
    Connection.objects.update(require_encryption=False, require_signature=False)
    clear: dict[str, Any] = {"sign": None, "encrypt": None}
    sent = message(**clear)
    sent.send()
    sent.with_fields(Message_ID="<2@amazon.example>").send()
    assert list(Delivery.objects.values_list("state", flat=True)) == ["queued", "queued"]


def test_an_mdn_that_is_asked_for_late_is_tried_as_long_as_a_new_one(
    connection: Connection,
) -> None:
    sent = asking_async()
    sent.send()
    processing.process(Message.objects.get().pk)
    MDN.objects.update(attempts=40)
    with (
        time_machine.travel(timezone.now() + dt.timedelta(days=6)),
        serve(answer(status="503 No")) as peer,
    ):
        sent.send()
        MDN.objects.update(url=peer.url.replace("localhost", "127.0.0.1"))
        post_mdn(MDN.objects.get().pk)
        mdn = MDN.objects.get()
        assert (mdn.state, mdn.attempts, mdn.tries) == ("queued", 41, 1)
        assert mdn.due_at is not None
        assert mdn.due_at < timezone.now() + dt.timedelta(minutes=6)
