"""Sending through crashes and races: killed at each step, the next process finishes the work."""

import os
import signal
import socket
from collections.abc import Callable, Iterator

import pytest
import time_machine
from django.db import connections
from pytest_django import Settings

from messages import failpoints, outbox
from messages.mdns import take_mdn
from messages.models import ErrorClass, Message, State
from messages.sending import enqueue, send
from messages.store import get_store
from tests import factories
from tests.messages.partner import Partner
from tests.messages.servers import Peer, answer, serve

pytestmark = pytest.mark.django_db(transaction=True)

#: Where a worker may die, and whether the partner has got the message by then.
PLACES = {"tx.built": False, "tx.posted": True, "tx.answered": True, "tx.recorded": True}


@pytest.fixture
def peer(settings: Settings) -> Iterator[Peer]:
    settings.DEBUG = True  # failpoints are refused without
    with serve(Partner().answers) as peer:
        yield peer


def in_a_process_that_dies(place: str, work: Callable[[], object]) -> None:
    """Do the work in a child that is killed at the failpoint."""
    connections.close_all()
    child = os.fork()
    if child == 0:
        failpoints.arm(f"{place}=kill")
        work()
        os._exit(0)  # was not killed
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status)
    assert os.WTERMSIG(status) == signal.SIGKILL


def finish(message: Message) -> Message:
    """Do what a worker does when the lease of the dead one is over."""
    message.refresh_from_db()
    if message.due_at is not None:
        with time_machine.travel(message.due_at, tick=True):
            send(message.pk)
    message.refresh_from_db()
    return message


@pytest.mark.parametrize("place", PLACES)
def test_wherever_a_worker_dies_the_message_is_delivered(peer: Peer, place: str) -> None:
    message = enqueue(factories.connection(url=peer.url), [b"order"])
    in_a_process_that_dies(place, lambda: send(message.pk))
    assert len(peer.requests) == int(PLACES[place])
    assert finish(message).state == State.DELIVERED
    assert len({*peer.requests}) == 1  # one Message-ID and one string of octets (I5)


def test_an_mdn_that_comes_before_the_answer_to_our_post_wins(peer: Peer) -> None:
    def report_first(connection: socket.socket, request: bytes) -> None:
        mdn = Partner().mdn_for(request)
        take_mdn(mdn.headers, mdn.body, None)
        connections.close_all()  # this thread's own
        connection.sendall(answer(b"", "202 Accepted"))

    with serve(report_first) as hasty:
        message = enqueue(factories.connection(url=hasty.url, mdn="async"), [b"order"])
        send(message.pk)
    message.refresh_from_db()
    assert (message.state, message.attempts) == (State.DELIVERED, 1)
    assert message.attempt_rows.get().http_status == 202


@pytest.mark.parametrize("place", ["tx.posted", "tx.answered"])
def test_an_attempt_whose_worker_died_counts_as_lost(peer: Peer, place: str) -> None:
    message = enqueue(factories.connection(url=peer.url), [b"order"])
    in_a_process_that_dies(place, lambda: send(message.pk))
    rows = finish(message).attempt_rows.all()
    assert [row.error_class for row in rows] == [ErrorClass.LOST, ""]


def test_a_document_survives_the_process_that_took_it_over(peer: Peer) -> None:
    ours = factories.connection(url=peer.url)
    in_a_process_that_dies("tx.accepted", lambda: enqueue(ours, [b"order"]))
    message = finish(Message.objects.get())
    assert message.state == State.DELIVERED
    assert get_store().read(message.payload_key, 10) == b"order"


@pytest.mark.parametrize("place", ["tx.taken", "tx.accepted"])
def test_outbox_files_that_are_taken_together_become_one_message_each_through_a_crash(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, place: str, peer: Peer
) -> None:
    monkeypatch.setattr(outbox, "QUIET", 0.0)
    folder = outbox.folder_of(factories.connection(url=peer.url))
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(5):
        (folder / f"{number}.edi").write_bytes(b"order")
    in_a_process_that_dies(place, outbox.scan)
    assert Message.objects.count() == (5 if place == "tx.accepted" else 0)
    assert len([*folder.iterdir()]) == 5
    outbox.scan()
    assert sorted(row.filename for row in Message.objects.all()) == [f"{n}.edi" for n in range(5)]
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("place", ["tx.taken", "tx.accepted"])
def test_an_outbox_file_becomes_one_message_through_a_crash(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, place: str, peer: Peer
) -> None:
    monkeypatch.setattr(outbox, "QUIET", 0.0)
    folder = outbox.folder_of(factories.connection(url=peer.url))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "order.edi").write_bytes(b"order")
    in_a_process_that_dies(place, outbox.scan)
    outbox.scan()
    assert Message.objects.get().filename == "order.edi"
    assert list(folder.iterdir()) == []
