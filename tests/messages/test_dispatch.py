"""Dispatch: calls go out after the commit, and a broker that is away does no harm."""

import logging
import threading
from collections.abc import Callable
from functools import partial
from unittest.mock import Mock

import pytest
from celery import Celery
from django.db import transaction

from messages import dispatch
from messages.dispatch import Bell, Wake
from tests.gateway_process import wait_for
from tests.messages.calls import Calls, queue_folder


def wake_send(pk: int) -> None:
    """Wake a worker for a message of some connection."""
    dispatch.wake_send(pk, connection_pk=7)


def wake_mdn(pk: int) -> None:
    """Wake a worker for an MDN of some connection."""
    dispatch.wake_mdn(pk, connection_pk=7)


@pytest.mark.parametrize(
    ("wake", "task"),
    [
        (wake_send, "messages.tasks.send"),
        (wake_mdn, "messages.tasks.post_mdn"),
        (dispatch.wake_delivery, "messages.tasks.deliver"),
        (dispatch.wake_processing, "messages.tasks.process"),
    ],
)
@pytest.mark.django_db(transaction=True)
def test_a_worker_is_called_once_the_row_is_committed(
    wake: Callable[[int], None], task: str, calls: Calls
) -> None:
    with transaction.atomic():
        wake(42)
        assert calls() == []
    assert calls() == [(task, 42)]


@pytest.mark.django_db(transaction=True)
def test_nobody_is_called_for_what_was_rolled_back(calls: Calls) -> None:
    with transaction.atomic():
        wake_send(42)
        transaction.set_rollback(True)
    assert calls() == []


@pytest.mark.django_db(transaction=True)
def test_a_broker_that_is_away_does_not_reach_who_has_committed(
    calls: Calls, caplog: pytest.LogCaptureFixture
) -> None:
    folder = queue_folder()
    away = folder.rename(folder.with_name("away"))
    try:
        with caplog.at_level(logging.WARNING, "messages.dispatch"):
            wake_send(42)
    finally:
        away.rename(folder)
    assert "the sweep will do it" in caplog.text
    assert calls() == []


@pytest.mark.django_db(transaction=True)
def test_no_fault_of_the_brokers_client_reaches_who_has_committed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_args: object, **_options: object) -> None:
        raise RuntimeError("a fault in the client")

    monkeypatch.setattr(Celery, "send_task", fail)
    with transaction.atomic():
        wake_send(42)
    assert "a fault in the client" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_one_call_is_made_for_all_deliveries_of_a_moment(
    calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "deliveries", Bell(clock=lambda: 1000.0))
    for pk in (1, 2, 3):
        dispatch.wake_delivery(pk)
    assert calls() == [("messages.tasks.deliver", 1)]
    wait_for(lambda: len(calls()) > 1, 20, "the call for those that came after the first")
    assert calls() == [("messages.tasks.deliver", 1), ("messages.tasks.deliver", 2)]


@pytest.mark.django_db(transaction=True)
def test_a_delivery_after_a_late_call_is_called_for_again(
    calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "deliveries", Bell(clock=lambda: 1000.0))
    for pk in (1, 2, 3):
        dispatch.wake_delivery(pk)
        wait_for(partial(_was_called, calls, pk), 20, f"the call for {pk}")
    assert [pk for _, pk in calls()] == [1, 2, 3]


def test_where_no_thread_is_to_be_had_a_call_is_made_at_once(
    calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    bell = Bell(clock=lambda: 1000.0)
    bell.ring(Wake.DELIVER, 1)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", Mock(side_effect=RuntimeError("no new thread")))
        bell.ring(Wake.DELIVER, 2)
    assert [pk for _, pk in calls()] == [1, 2]
    bell.ring(Wake.DELIVER, 3)
    wait_for(partial(_was_called, calls, 3), 20, "the call for those that came after that")


def _was_called(calls: Calls, pk: int) -> bool:
    return pk in [called for _, called in calls()]


@pytest.mark.django_db(transaction=True)
def test_one_call_is_made_for_all_messages_of_a_connection_in_a_moment(calls: Calls) -> None:
    for pk in (1, 2, 3):
        dispatch.wake_send(pk, connection_pk=1)
    dispatch.wake_send(4, connection_pk=2)
    assert calls() == [("messages.tasks.send", 1), ("messages.tasks.send", 4)]
    wait_for(lambda: len(calls()) > 2, 20, "the call for those that came after the first")
    assert [pk for _, pk in calls()] == [1, 4, 2]
