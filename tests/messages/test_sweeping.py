"""Sweeping: whatever is due is found again, whoever forgot to call for it."""

import datetime as dt
import os
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.utils import timezone

from messages import backoff, sweeping
from messages.models import MDN, Delivery, Message, Transfer
from messages.sending import enqueue
from messages.store import Kind, get_store
from messages.sweeping import sweep
from partners.models import Connection
from tests import factories
from tests.messages.calls import Calls, queue_folder

pytestmark = pytest.mark.django_db


def queued(connection: Connection, count: int = 1) -> list[Message]:
    return [enqueue(connection, [b"order"]) for _ in range(count)]


def received(connection: Connection, **fields: Any) -> Message:
    return Message.objects.create(
        direction="inbound", connection=connection, message_id="<1@x>", **fields
    )


def test_a_message_that_is_due_is_called_for(calls: Calls) -> None:
    (message,) = queued(factories.bare_connection())
    assert sweep() == 1
    assert calls() == [("messages.tasks.send", message.pk)]


def test_every_kind_of_work_is_called_for(calls: Calls) -> None:
    now = timezone.now()
    message = received(factories.bare_connection(), state="received", due_at=now)
    mdn = MDN.objects.create(direction="outbound", state="queued", message=message, due_at=now)
    delivery = Delivery.objects.create(message=message, target="x", due_at=now)
    sweep()
    assert sorted(calls()) == [
        ("messages.tasks.deliver", delivery.pk),
        ("messages.tasks.post_mdn", mdn.pk),
        ("messages.tasks.process", message.pk),
    ]


def test_what_is_not_due_or_over_is_left_alone(calls: Calls) -> None:
    ours = factories.bare_connection()
    received(ours, state="accepted")
    (later,) = queued(ours)
    later.claim(timezone.now(), dt.timedelta(minutes=1), state="sending")
    assert sweep() == 0
    assert calls() == []


def test_messages_of_a_paused_connection_stay_parked(calls: Calls) -> None:
    queued(factories.bare_connection(state="paused"))
    assert sweep() == 0


def test_a_message_whose_worker_died_is_called_for_when_its_lease_is_over(calls: Calls) -> None:
    (message,) = queued(factories.bare_connection())
    message.claim(timezone.now(), dt.timedelta(), state="sending")
    assert sweep() == 1


def test_connections_take_turns_so_that_a_backlog_leaves_room(
    calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "BATCH", 2)
    owner = factories.organization()
    backlog = queued(factories.bare_connection(owner, factories.partner("A"), as2_id="A"), 5)
    (other,) = queued(factories.bare_connection(owner, factories.partner("B"), as2_id="B"))
    sweep()
    assert {pk for _, pk in calls()} == {backlog[0].pk, other.pk}


def test_of_a_backlog_as_many_are_called_for_as_may_be_sent_at_a_time(calls: Calls) -> None:
    backlog = queued(factories.bare_connection(parallel=2), 5)
    assert sweep() == 2
    assert {pk for _, pk in calls()} == {each.pk for each in backlog[:2]}


def test_a_sweep_ends_when_the_broker_is_away(calls: Calls) -> None:
    queued(factories.bare_connection(), 3)
    folder = queue_folder()
    away = folder.rename(folder.with_name("away"))
    try:
        assert sweep() == 0
    finally:
        away.rename(folder)


def test_abandoned_files_are_removed_once_an_hour(
    calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "_cleaning", sweeping._Cleaning())
    store = get_store()
    writer = store.writer(Kind.RAW)
    writer.write(bytes(100_000))
    writer.close()
    (path,) = (store.root / "quarantine").glob("*.raw")
    old = time.time() - 7200
    os.utime(path, (old, old))
    sweep()
    assert not path.exists()


def test_quarantine_is_not_looked_through_at_every_sweep(
    calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "_cleaning", sweeping._Cleaning())
    sweep()
    path = get_store().root / "quarantine" / "left.raw"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    os.utime(path, (0, 0))
    sweep()
    assert path.exists()
    path.unlink()


def test_files_that_rows_name_are_kept_and_others_are_not(
    calls: Calls, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    monkeypatch.setattr(sweeping, "_cleaning", sweeping._Cleaning())
    keys = [f"2026/01/02/{uuid.uuid4().hex}.{kind}" for kind in ("raw", "payload", "wire", "mdn")]
    orphan = f"2026/01/02/{uuid.uuid4().hex}.raw"
    raw, payload, wire, mdn = keys
    names = {"raw_key": raw, "payload_key": payload, "wire_key": wire}
    received(factories.bare_connection(), state="accepted", **names)
    MDN.objects.create(direction="inbound", state="unmatched", body_key=mdn)
    store = get_store()
    (store.root / "2026/01/02").mkdir(parents=True)
    for key in (*keys, orphan):
        (store.root / key).touch()
        os.utime(store.root / key, (0, 0))
    sweep()
    left = [key for key in (*keys, orphan) if (store.root / key).exists()]
    assert left == keys


def test_a_step_of_the_cleaning_that_fails_holds_up_no_other(
    calls: Calls, monkeypatch: pytest.MonkeyPatch, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sweeping, "_cleaning", sweeping._Cleaning())
    left = home / "inbox" / "VENDOR" / "AMAZON" / ".tmp-1-1"
    left.mkdir(parents=True)  # a folder cannot be unlinked
    os.utime(left, (0, 0))
    quarantined = get_store().quarantine / "left.raw"
    quarantined.parent.mkdir(parents=True)
    quarantined.touch()
    os.utime(quarantined, (0, 0))
    sweep()
    assert (left.exists(), quarantined.exists()) == (True, False)
    assert "was not done" in caplog.text


def test_every_column_that_names_a_stored_file_is_asked() -> None:
    length = Message._meta.get_field("raw_key").max_length
    found = {
        (model, field.name)
        for model in apps.get_models()
        for field in model._meta.get_fields()
        if field.name.endswith("_key") and getattr(field, "max_length", None) == length
    }
    assert {*sweeping.KEYS} == found


def test_what_was_put_off_by_a_clock_that_ran_ahead_is_brought_near() -> None:
    ours = factories.bare_connection(mdn_wait_minutes=60)
    now, wrong = timezone.now(), timezone.now() + dt.timedelta(days=400)
    message = received(ours, state="received", due_at=wrong)
    (waiting,) = queued(ours)
    Message.objects.filter(pk=waiting.pk).update(state="waiting", due_at=wrong)
    MDN.objects.create(direction="outbound", state="queued", message=message, due_at=wrong)
    Delivery.objects.create(message=message, target="x", due_at=wrong)
    Transfer.objects.create(connection=ours, transfer_id='"x"', kept_at=now, due_at=wrong)
    assert sweeping.pull_in(now) == 5
    hour = dt.timedelta(hours=1)
    assert [*Message.objects.order_by("pk").values_list("due_at", flat=True)] == [now, now + hour]
    assert (MDN.objects.get().due_at, Delivery.objects.get().due_at) == (now, now)
    assert Transfer.objects.get().due_at == now


def test_what_is_put_off_as_long_as_may_be_is_left_alone() -> None:
    now = timezone.now()
    ours = factories.bare_connection(mdn_wait_minutes=10_000)
    (later, waiting) = queued(ours, 2)
    Message.objects.filter(pk=later.pk).update(due_at=now + backoff.CAP * 1.1)
    waits = {"state": "waiting", "due_at": now + dt.timedelta(minutes=10_000)}
    Message.objects.filter(pk=waiting.pk).update(**waits)
    assert sweeping.pull_in(now) == 0


def test_what_two_crashes_left_in_an_inbox_is_removed(home: Path) -> None:
    folder = home / "inbox" / "VENDOR" / "AMAZON"
    folder.mkdir(parents=True)
    old, fresh, document = (folder / n for n in (".tmp-1-1", ".tmp-2-1", "order.edi"))
    for path in (old, fresh, document):
        path.touch()
    for path in (old, document):
        os.utime(path, (0, 0))
    assert sweeping.sweep_inbox(dt.timedelta(hours=1)) == 1
    assert set(folder.iterdir()) == {fresh, document}


def test_a_copy_that_a_frozen_worker_left_is_removed_once_its_delivery_is_done(home: Path) -> None:
    folder = home / "inbox" / "VENDOR" / "AMAZON"
    folder.mkdir(parents=True)
    message = received(factories.bare_connection(), state="accepted")
    due = {"queued": timezone.now()}
    rows = [
        Delivery.objects.create(
            message=message, target=f"{number}.edi", state=state, due_at=due.get(state)
        )
        for number, state in enumerate(("done", "queued", "held", "done"))
    ]
    done, queued, held, fresh = copies = [folder / f".ready-{row.pk}" for row in rows]
    foreign = folder / ".ready-made"
    for path in (*copies, foreign):
        path.touch()
    for path in (done, queued, held, foreign):
        os.utime(path, (0, 0))
    assert sweeping.sweep_inbox(dt.timedelta(hours=1)) == 1
    assert {*folder.iterdir()} == {queued, held, fresh, foreign}
