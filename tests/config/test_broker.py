"""Wake-up calls through files: whole, once each, and apart for each gateway."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import kombu
import pytest
from celery import Celery

from config import broker
from config.home import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.create()
    return home


@pytest.fixture
def queues(home: Home) -> Iterator[tuple[Any, Any]]:
    """The same queue, as two processes see it."""
    with ExitStack() as stack:
        yield _queue(stack, home), _queue(stack, home)


def _queue(stack: ExitStack, home: Home) -> Any:
    found = broker.configure("", 900, home)
    connection = stack.enter_context(kombu.Connection(found.url, transport_options=found.options))
    return stack.enter_context(connection.SimpleQueue("celery"))


def _take_all(queue: Any) -> list[int]:
    taken: list[int] = []
    while True:
        try:
            call = queue.get(block=False)
        except queue.Empty:
            return taken
        call.ack()
        taken.append(call.payload)


def test_calls_arrive_in_order(queues: tuple[Any, Any]) -> None:
    ours, theirs = queues
    for number in range(5):
        ours.put(number)
    assert _take_all(theirs) == [0, 1, 2, 3, 4]


def test_a_call_is_taken_by_one_worker_though_both_saw_it(queues: tuple[Any, Any]) -> None:
    ours, theirs = queues
    for number in range(4):
        ours.put(number)
    first = ours.get(block=False)
    first.ack()
    rest = _take_all(theirs)
    assert ([first.payload, *rest], _take_all(ours)) == ([0, 1, 2, 3], [])


def test_a_call_that_is_being_written_is_not_seen(home: Home, queues: tuple[Any, Any]) -> None:
    (home.broker / "queue" / "0_x.celery.msg.draft").write_text('{"half')
    assert _take_all(queues[0]) == []


def test_a_taken_call_leaves_no_file(home: Home, queues: tuple[Any, Any]) -> None:
    queues[0].put(1)
    _take_all(queues[1])
    assert list(home.broker.rglob("*.msg*")) == []


def test_gateways_do_not_meet(tmp_path: Path, queues: tuple[Any, Any]) -> None:
    other = Home(tmp_path / "other")
    other.create()
    queues[0].put(1)
    with ExitStack() as stack:
        assert _take_all(_queue(stack, other)) == []


def test_redis_gives_a_dead_workers_task_back_after_the_lease(home: Home, redis_url: str) -> None:
    found = broker.configure(redis_url, 900, home)
    assert found.options["visibility_timeout"] == 960
    connection = kombu.Connection(found.url, transport_options=found.options)
    with connection, connection.SimpleQueue("celery") as queue:
        queue.put("wake")
        assert queue.get(timeout=5).payload == "wake"


def test_a_redis_that_is_frozen_holds_nobody_up(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker, "ANSWER_TIMEOUT", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        found = broker.configure(f"redis://127.0.0.1:{silent.getsockname()[1]}", 900, home)
        # Not the current one: what other tests of this process call would go to it from then on.
        app = Celery(broker=found.url, broker_transport_options=found.options, set_as_current=False)
        with pytest.raises(kombu.exceptions.OperationalError), app:
            app.send_task("a", ignore_result=True, retry=False)
