"""Tasks: what workers are told, and that a real one does it."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from celery import Celery, Task
from celery.contrib.testing.worker import start_worker
from django.conf import settings
from pytest_django import Settings

from config.celery import app
from messages import outbox, tasks
from messages.dispatch import Wake
from messages.models import Message, State
from messages.sending import enqueue
from tests import factories
from tests.messages.calls import Calls
from tests.messages.partner import Partner
from tests.messages.servers import serve

OURS = {name: task for name, task in app.tasks.items() if name.startswith("messages.tasks.")}


@pytest.mark.parametrize("name", OURS)
def test_a_task_that_dies_with_its_worker_is_given_back(name: str) -> None:
    task = OURS[name]
    assert (task.acks_late, task.ignore_result) == (True, True)


#: Tasks that hold a lease, or copy documents: they last as long as the largest one.
LEASING = {
    f"messages.tasks.{name}" for name in ("send", "post_mdn", "deliver", "process", "scan_outboxes")
}


@pytest.mark.parametrize("name", sorted(LEASING))
def test_a_task_may_take_longer_than_a_lease_which_it_renews(name: str) -> None:
    assert OURS[name].time_limit == tasks.LONG > 4 * settings.AS2_SEND_LEASE


@pytest.mark.parametrize("name", sorted({*OURS} - LEASING))
def test_a_task_without_a_lease_ends_soon(name: str) -> None:
    assert OURS[name].time_limit == tasks.SHORT


def test_what_is_called_by_name_exists() -> None:
    beat = [name for name in settings.CELERY_BEAT_SCHEDULE if name.startswith("messages.")]
    assert {*beat, *Wake} == {*OURS}


@pytest.mark.parametrize("task", [tasks.send, tasks.post_mdn, tasks.deliver, tasks.process])
@pytest.mark.django_db
def test_a_call_for_a_row_that_is_gone_does_nothing(task: Callable[[int], None]) -> None:
    task(4711)


@pytest.fixture
def worker(calls: Calls) -> Iterator[None]:
    """A real worker in a thread, on the embedded broker."""
    # celery-types knows workers only of apps that have no task class of their own.
    plain = cast("Celery[Task[..., Any]]", app)
    with start_worker(plain, pool="solo", perform_ping_check=False, shutdown_timeout=30):
        yield


def wait_for(state: State) -> Message:
    deadline = time.monotonic() + 20
    while True:
        message = Message.objects.get()
        if message.state == state or time.monotonic() > deadline:
            return message
        time.sleep(0.05)


@pytest.mark.usefixtures("worker")
@pytest.mark.django_db(transaction=True)
def test_the_sweep_makes_good_what_nobody_was_called_for() -> None:
    with serve(Partner().answers) as peer:
        message = enqueue(factories.connection(url=peer.url, state="paused"), [b"order"])
        message.connection.state = "active"
        message.connection.save()
        app.send_task("messages.tasks.sweep")
        assert wait_for(State.DELIVERED).attempts == 1


@pytest.mark.usefixtures("worker")
@pytest.mark.django_db(transaction=True)
def test_a_worker_takes_files_from_outboxes_and_sends_them(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.AS2_OUTBOX = tmp_path
    monkeypatch.setattr(outbox, "QUIET", 0.0)
    with serve(Partner().answers) as peer:
        folder = outbox.folder_of(factories.connection(url=peer.url))
        folder.mkdir(parents=True)
        (folder / "order.edi").write_bytes(b"order")
        app.send_task("messages.tasks.scan_outboxes")
        deadline = time.monotonic() + 20
        while not Message.objects.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert wait_for(State.DELIVERED).filename == "order.edi"
