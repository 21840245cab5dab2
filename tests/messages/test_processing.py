import datetime as dt
import re
from http import HTTPStatus

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from as2gateway.policy import MDNMode
from audit.models import AuditEvent
from messages import failpoints, processing, turns
from messages.models import MDN, Delivery, Message, State
from messages.store import CHUNK, get_store
from partners.models import Connection
from tests.messages import sender
from tests.messages.arrange import PAYLOAD, stored_files
from tests.messages.calls import Calls, empty_queue
from tests.messages.sender import asking_async, message

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("home")]


def test_an_async_mdn_is_made_after_the_answer(connection: Connection) -> None:
    sent = asking_async()
    reply = sent.send()
    assert (reply.status, reply.body) == (HTTPStatus.OK, b"")
    row = Message.objects.get()
    assert (row.state, row.mdn_mode) == ("received", "async")
    assert stored_files() == [".raw"]
    processing.process(row.pk)
    row.refresh_from_db()
    mdn = MDN.objects.get()
    assert (row.state, row.due_at) == ("accepted", None)
    assert (mdn.state, mdn.positive, mdn.url) == ("queued", True, "http://127.0.0.1:9/mdn")
    assert Delivery.objects.count() == 1


def test_a_stored_message_keeps_the_names_that_it_was_found_by(connection: Connection) -> None:
    asking_async().with_fields(AS2_From="AMAZON Inc").send()
    processing.process(Message.objects.get().pk)
    row, mdn = Message.objects.get(), MDN.objects.get()
    assert (row.state, row.as2_from, mdn.as2_to) == ("accepted", "AMAZON", "AMAZON")


def test_a_stored_message_is_processed_once(connection: Connection) -> None:
    asking_async().send()
    row = Message.objects.get()
    processing.process(row.pk)
    processing.process(row.pk)
    processing.process(4711)
    assert (MDN.objects.count(), Delivery.objects.count()) == (1, 1)


def test_the_lease_is_renewed_while_a_stored_message_is_read(
    connection: Connection, settings: Settings
) -> None:
    message(bytes(5 * CHUNK), mdn=MDNMode.ASYNC, mdn_url="http://127.0.0.1:9/mdn").send()
    settings.AS2_SEND_LEASE = 0  # any time is a quarter of it
    with CaptureQueriesContext(database) as queries:
        processing.process(Message.objects.get().pk)
    renewals = [q for q in queries if re.search('SET "due_at" = [^,]* WHERE', q["sql"])]
    assert len(renewals) >= 3
    assert Message.objects.get().state == "accepted"


def test_an_async_refusal_is_posted_too(connection: Connection) -> None:
    asking_async(sign=None, sign_with=None).send()
    processing.process(Message.objects.get().pk)
    row, mdn = Message.objects.get(), MDN.objects.get()
    assert (row.state, row.failure_code) == ("rejected", "insufficient-message-security")
    assert (mdn.state, mdn.positive) == ("queued", False)
    assert not Delivery.objects.exists()


@pytest.mark.parametrize(
    "url",
    [
        "http://evil.example/",
        "http://user@127.0.0.1/",
        "http://[",
        "x",
        "http://127.0.0.1/" + 2000 * "x",
    ],
)
def test_an_mdn_url_of_another_host_is_not_called(connection: Connection, url: str) -> None:
    sent = message().with_fields(Receipt_Delivery_Option=url)
    sender.verify(sent.send(), sent)
    row = Message.objects.get()
    assert row.mdn_mode == "sync"
    assert "hosts for async MDNs" in row.notes[0]


def test_a_listed_host_is_called(connection: Connection) -> None:
    Connection.objects.update(mdn_hosts="a.example, MDN.example")
    message().with_fields(Receipt_Delivery_Option="https://mdn.EXAMPLE:8443/x?y").send()
    assert Message.objects.get().mdn_mode == "async"


def test_a_disk_that_fails_while_processing_costs_only_time(connection: Connection) -> None:
    asking_async().send()
    row = Message.objects.get()
    failpoints.arm("fs.fsync=enospc")
    processing.process(row.pk)
    failpoints.arm("")
    row.refresh_from_db()
    assert (row.state, row.attempts) == ("received", 0)
    assert "see to the disk of the store" in row.failure_text
    Message.objects.update(due_at=timezone.now())
    processing.process(row.pk)
    row.refresh_from_db()
    assert (row.state, row.failure_text) == ("accepted", "")


def test_a_message_that_ends_the_worker_each_time_is_set_aside(connection: Connection) -> None:
    asking_async().send()
    Message.objects.update(attempts=3)
    processing.process(Message.objects.get().pk)
    row = Message.objects.get()
    assert (row.state, row.failure_code) == ("rejected", "poisonous-message")
    assert not MDN.objects.get().positive


def test_a_worker_past_its_lease_writes_nothing(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking_async().send()
    row = Message.objects.get()

    def meanwhile(name: str) -> None:
        if name == "rx.renamed":  # another worker has claimed it
            Message.objects.update(due_at=timezone.now() + dt.timedelta(hours=1), attempts=2)

    monkeypatch.setattr(failpoints, "hit", meanwhile)
    processing.process(row.pk)
    row.refresh_from_db()
    assert row.state == "received"
    assert not MDN.objects.exists()
    assert stored_files() == [".raw"]


@pytest.mark.parametrize("payload", [PAYLOAD, b"another document"])
def test_two_copies_processed_at_once_are_one_message(
    connection: Connection, monkeypatch: pytest.MonkeyPatch, payload: bytes
) -> None:
    asking_async().send()
    asking_async(payload=payload).send()
    first, second = Message.objects.order_by("pk")

    def meanwhile(name: str) -> None:
        if name == "rx.verify":  # the other worker is faster, after this one has looked
            monkeypatch.undo()
            processing.process(second.pk)

    monkeypatch.setattr(failpoints, "hit", meanwhile)
    processing.process(first.pk)
    accepted = Message.objects.get(state="accepted")
    assert accepted.pk == second.pk
    assert Message.objects.filter(failure_code="message-id-reused").count() == (payload != PAYLOAD)
    assert Delivery.objects.count() == 1


def test_a_copy_that_another_worker_has_is_not_dropped(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking_async().send()
    processing.process(Message.objects.get().pk)
    asking_async().send()
    copy = Message.objects.get(state="received")

    def meanwhile(name: str) -> None:
        if name == "rx.verify":
            Message.objects.filter(pk=copy.pk).update(attempts=2)

    monkeypatch.setattr(failpoints, "hit", meanwhile)
    processing.process(copy.pk)
    assert Message.objects.filter(state="received").count() == 1


def test_a_message_whose_request_is_gone_is_set_aside_without_an_mdn(
    connection: Connection,
) -> None:
    sent = asking_async()
    sent.send()
    get_store().delete(Message.objects.get().raw_key)
    processing.process(Message.objects.get().pk)
    row = Message.objects.get()
    assert (row.state, row.failure_code, row.due_at) == ("rejected", "request-missing", None)
    assert row.raw_key in row.failure_text
    assert AuditEvent.objects.filter(tag="message:inbound:rejected").count() == 1
    assert not MDN.objects.exists()
    # What its partner sends again is taken.
    sent.send()
    processing.process(Message.objects.latest("pk").pk)
    assert Message.objects.latest("pk").state == "accepted"


def test_a_store_that_is_not_mounted_has_lost_nothing(connection: Connection) -> None:
    asking_async().send()
    row = Message.objects.get()
    store = get_store().root
    store.rename(store.with_name("away"))
    processing.process(row.pk)
    store.with_name("away").rename(store)
    row.refresh_from_db()
    assert row.state == "received"
    assert "could not be read yet" in row.failure_text


def wait(number: int) -> Message:
    """Let a request with a document of its own wait to be read."""
    asking_async(payload=b"document %d" % number, message_id=f"<{number}@amazon.example>").send()
    return Message.objects.latest("pk")


def test_a_worker_goes_on_with_what_else_waits(
    connection: Connection, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, *_ = (wait(number) for number in range(4))
    processing.process_due(first.pk)
    assert {*Message.objects.values_list("state", flat=True)} == {State.ACCEPTED}
    first, second, _ = (wait(number) for number in range(4, 7))
    monkeypatch.setattr(turns, "TURN", 0.0)
    empty_queue()
    processing.process_due(first.pk)
    assert calls() == [("messages.tasks.process", second.pk)]
    assert Message.objects.filter(state=State.RECEIVED).count() == 2
