import datetime as dt
import re
import shutil
from contextlib import ExitStack
from pathlib import Path

import pytest
import time_machine
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from audit.models import AuditEvent
from messages import claims, delivering, failpoints
from messages.delivering import deliver_due, release
from messages.models import Delivery, DeliveryState
from messages.store import CHUNK, get_store
from partners.models import Connection
from tests import factories
from tests.messages import arrange
from tests.messages.arrange import PAYLOAD

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("home")]


@pytest.fixture
def inbox(home: Path) -> Path:
    return home / "inbox"


@pytest.fixture
def delivery() -> Delivery:
    return arrange.delivery(arrange.accepted_message(factories.connection()))


def files(inbox: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(inbox)): path.read_bytes()
        for path in inbox.rglob("*")
        if path.is_file()
    }


def try_again(delivery: Delivery) -> Delivery:
    """Let the lease or the gap run out, and deliver."""
    due = Delivery.objects.filter(pk=delivery.pk, due_at__isnull=False)
    due.update(due_at=timezone.now())
    deliver_due()
    delivery.refresh_from_db()
    return delivery


def interrupt_at(point: str, delivery: Delivery) -> None:
    """Let an attempt fail at that step."""
    failpoints.arm(f"{point}=eio")
    deliver_due()
    failpoints.arm("")


def test_a_payload_reaches_the_folder_of_its_connection(delivery: Delivery, inbox: Path) -> None:
    try_again(delivery)
    [(name, content)] = files(inbox).items()
    assert content == PAYLOAD
    assert name.startswith("VENDOR/AMAZON/orders-")
    assert name.endswith(".edi")
    assert (delivery.state, delivery.due_at, delivery.failure_text) == ("done", None, "")
    assert AuditEvent.objects.get().tag == "delivery:folder:done"


def test_what_is_done_is_not_done_again(delivery: Delivery, inbox: Path) -> None:
    try_again(delivery)
    shutil.rmtree(inbox / "VENDOR")
    try_again(delivery)
    assert files(inbox) == {}


def test_what_another_worker_has_is_left_alone(delivery: Delivery, inbox: Path) -> None:
    assert delivery.claim(timezone.now(), dt.timedelta(minutes=15))
    deliver_due()
    assert files(inbox) == {}


def test_the_lease_is_renewed_while_a_payload_is_copied(settings: Settings, inbox: Path) -> None:
    settings.AS2_SEND_LEASE = 0  # any time is a quarter of it
    large = arrange.accepted_message(factories.connection(), bytes(3 * CHUNK))
    with CaptureQueriesContext(database) as queries:
        arrange.delivery(large)
        deliver_due()
    renewals = [q for q in queries if re.search('SET "due_at" = [^,]* WHERE', q["sql"])]
    assert len(renewals) >= 3


@pytest.mark.parametrize("point", ["dl.temp", "dl.linked"])
def test_a_fault_at_any_step_delivers_once(delivery: Delivery, inbox: Path, point: str) -> None:
    interrupt_at(point, delivery)
    try_again(delivery)
    assert list(files(inbox)) == [delivery.target]
    assert delivery.state == DeliveryState.DONE


def test_a_file_taken_before_it_was_recorded_is_not_put_there_again(
    delivery: Delivery, inbox: Path
) -> None:
    interrupt_at("dl.linked", delivery)
    (inbox / delivery.target).unlink()
    try_again(delivery)
    assert files(inbox) == {}
    assert delivery.state == DeliveryState.DONE


@pytest.mark.parametrize("point", ["dl.temp", "dl.linked"])
def test_a_worker_past_its_lease_records_nothing(
    delivery: Delivery, inbox: Path, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    def meanwhile(name: str) -> None:
        if name == point:  # the lease ran out, and another worker does all of it
            monkeypatch.undo()
            try_again(delivery)

    monkeypatch.setattr(failpoints, "hit", meanwhile)
    deliver_due()
    assert list(files(inbox)) == [delivery.target]
    assert AuditEvent.objects.count() == 1


@pytest.mark.parametrize("kind", ["missing inbox", "full disk", "file in the way"])
def test_a_target_that_cannot_be_written_is_tried_again(
    delivery: Delivery, inbox: Path, kind: str
) -> None:
    if kind == "missing inbox":
        inbox.rmdir()
    elif kind == "full disk":
        failpoints.arm("dl.temp=enospc")
    else:
        (inbox / "VENDOR").write_text("not a folder")
    try_again(delivery)
    assert delivery.state == DeliveryState.QUEUED
    assert delivery.due_at is not None
    assert delivery.due_at > timezone.now() + dt.timedelta(seconds=25)
    assert f"See to the folder {inbox}" in delivery.failure_text
    assert AuditEvent.objects.get().tag == "delivery:folder:failed"


def test_a_delivery_recovers_when_the_disk_does(delivery: Delivery, inbox: Path) -> None:
    inbox.rmdir()
    try_again(delivery)
    inbox.mkdir()
    try_again(delivery)
    assert list(files(inbox)) == [delivery.target]
    assert (delivery.state, delivery.failure_text) == ("done", "")


def test_an_inbox_that_was_unmounted_does_not_count_as_emptied(
    delivery: Delivery, inbox: Path
) -> None:
    interrupt_at("dl.temp", delivery)
    Delivery.objects.filter(pk=delivery.pk).update(prepared=True)
    shutil.rmtree(inbox / "VENDOR")
    try_again(delivery)
    assert delivery.state == DeliveryState.QUEUED
    assert "is missing" in delivery.failure_text


def test_a_damaged_payload_is_held(delivery: Delivery, inbox: Path) -> None:
    path = get_store().root / delivery.message.payload_key
    path.write_bytes(PAYLOAD.replace(b"A", b"B"))
    try_again(delivery)
    assert files(inbox) == {}
    assert delivery.state == DeliveryState.HELD
    assert "SHA-256 has changed" in delivery.failure_text
    path.write_bytes(PAYLOAD)
    assert release(delivery, "olga")
    assert not release(delivery, "olga")
    try_again(delivery)
    assert list(files(inbox)) == [delivery.target]


def test_a_missing_payload_is_held(delivery: Delivery, inbox: Path) -> None:
    get_store().delete(delivery.message.payload_key)
    try_again(delivery)
    assert delivery.state == DeliveryState.HELD
    assert "stored payload is missing" in delivery.failure_text


def test_a_delivery_waits_for_a_store_that_is_not_mounted(
    delivery: Delivery, inbox: Path, home: Path
) -> None:
    (home / "store").rename(home / "away")
    assert not deliver_due()
    delivery.refresh_from_db()
    assert delivery.state == DeliveryState.QUEUED
    assert "is it mounted?" in delivery.failure_text
    (home / "away").rename(home / "store")
    try_again(delivery)
    assert files(inbox) == {delivery.target: PAYLOAD}


def test_a_foreign_file_is_never_overwritten(delivery: Delivery, inbox: Path) -> None:
    target = inbox / delivery.target
    target.parent.mkdir(parents=True)
    target.write_bytes(b"somebody else's")
    try_again(delivery)
    assert target.read_bytes() == b"somebody else's"
    assert delivery.state == DeliveryState.HELD
    target.unlink()
    assert release(delivery, "olga")
    try_again(delivery)
    assert files(inbox) == {delivery.target: PAYLOAD}


def accept(number: int, payload: bytes = PAYLOAD) -> Delivery:
    """Another delivery of the one connection."""
    connection = Connection.objects.first() or factories.connection()
    message = arrange.accepted_message(
        connection, payload, message_id=f"<{number}@amazon.example>", filename=f"{number}.edi"
    )
    return arrange.delivery(message)


def states() -> list[str]:
    return list(Delivery.objects.order_by("pk").values_list("state", flat=True))


def test_what_is_due_is_handed_over_together(inbox: Path) -> None:
    rows = [accept(number, b"%d" % number) for number in range(5)]
    assert (deliver_due(), deliver_due()) == (False, False)
    assert files(inbox) == {row.target: b"%d" % number for number, row in enumerate(rows)}
    assert AuditEvent.objects.filter(tag="delivery:folder:done").count() == 5
    assert set(Delivery.objects.values_list("state", "attempts")) == {("done", 1)}


def test_one_that_fails_holds_up_no_other(inbox: Path) -> None:
    rows = [accept(number) for number in range(3)]
    get_store().delete(rows[1].message.payload_key)
    deliver_due()
    assert states() == ["done", "held", "done"]
    assert sorted(files(inbox)) == sorted([rows[0].target, rows[2].target])


def test_large_payloads_are_handed_over_one_by_one(
    inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivering, "_TOGETHER", 10)
    for number in range(3):
        accept(number, bytes(6))
    accept(3, bytes(50))
    for done, more in ((1, True), (2, True), (3, True), (4, False), (4, False)):
        assert (deliver_due(), len(files(inbox))) == (more, done)


@pytest.mark.parametrize("point", ["dl.temp", "dl.linked"])
def test_a_fault_in_a_batch_delivers_each_once(inbox: Path, point: str) -> None:
    rows = [accept(number) for number in range(3)]
    failpoints.arm(f"{point}=eio")
    deliver_due()
    failpoints.arm("")
    assert states() == ["queued"] * 3
    for row in rows:
        (inbox / row.target).unlink(missing_ok=True)  # the business side may have been quick
    Delivery.objects.update(due_at=timezone.now())
    deliver_due()
    assert states() == ["done"] * 3
    assert len(files(inbox)) == (3 if point == "dl.temp" else 0)


def test_a_worker_that_froze_before_its_copy_leaves_none(
    delivery: Delivery, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = delivering._copy

    def freeze(row: Delivery, path: Path) -> None:
        monkeypatch.undo()
        later.enter_context(time_machine.travel(timezone.now() + 2 * claims.lease(), tick=True))
        deliver_due()  # another worker
        copy(row, path)

    monkeypatch.setattr(delivering, "_copy", freeze)
    with ExitStack() as later:
        deliver_due()
    assert list(files(inbox)) == [delivery.target]
    assert AuditEvent.objects.count() == 1


def test_of_a_batch_only_what_was_lost_is_left_alone(
    inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [accept(number) for number in range(3)]

    def meanwhile(name: str) -> None:
        if name == "dl.temp":  # another worker takes one whose lease has run out
            monkeypatch.undo()
            try_again(rows[1])

    monkeypatch.setattr(failpoints, "hit", meanwhile)
    deliver_due()
    assert states() == ["done"] * 3
    assert AuditEvent.objects.count() == 3
    assert len(files(inbox)) == 3


def test_what_another_worker_has_is_in_no_batch(inbox: Path) -> None:
    assert accept(1).claim(timezone.now(), dt.timedelta(minutes=15))
    deliver_due()
    assert files(inbox) == {}


def test_a_full_batch_says_that_more_may_be_due(
    inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivering, "_BATCH", 2)
    for number in range(3):
        accept(number)
    assert [deliver_due() for _ in range(2)] == [True, False]
    assert len(files(inbox)) == 3
