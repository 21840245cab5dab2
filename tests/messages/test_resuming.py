"""AS2 Restart, sending side: to servers that follow a script, octet for octet."""

import datetime as dt
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
import time_machine
from pytest_django import Settings

from messages.models import Attempt, Message, State
from messages.sending import enqueue, send
from messages.store import get_store
from partners.models import Connection
from tests import factories
from tests.messages.partner import Partner
from tests.messages.servers import Peer, Script, answer, serve

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("home")]

DOCUMENT = os.urandom(20_000)


@pytest.fixture(autouse=True)
def small_messages_count_as_large(settings: Settings) -> None:
    settings.AS2_RESTART_MIN_SIZE = 1000


def hang_up(connection: socket.socket, _request: bytes) -> None:
    """Take a request and close without an answer."""
    connection.close()


def holding(octets: int | str, status: str = "200 OK") -> bytes:
    """The answer to a HEAD."""
    return f"HTTP/1.1 {status}\r\nContent-Length: {octets}\r\n\r\n".encode()


@dataclass
class Holder:
    """A partner who keeps what came before the cut, and answers once the rest is there."""

    partner: Partner = field(default_factory=Partner)
    first: bytes = b""

    def cut(self, connection: socket.socket, request: bytes) -> None:
        """Take a request and close without an answer."""
        self.first = request.partition(b"\r\n\r\n")[2]
        connection.close()

    def rest(self, offset: int) -> Script:
        """Put a part behind the first octets of what came, and answer for the whole."""

        def script(connection: socket.socket, request: bytes) -> None:
            head, end, part = request.partition(b"\r\n\r\n")
            connection.sendall(self.partner(head + end + self.first[:offset] + part))

        return script


def wire() -> bytes:
    """The whole body as it was built."""
    return b"".join(get_store().chunks(Message.objects.get().wire_key))


@contextmanager
def sent(*scripts: Script, restart: bool = True) -> Iterator[tuple[Message, Peer]]:
    """Send a document, again and again while it is due, each time by the next scripts."""
    with serve(*scripts) as peer:
        connection = factories.connection(url=peer.url, response_timeout=5, restart=restart)
        message = enqueue(connection, [DOCUMENT], "order.edi")
        send(message.pk)
        message.refresh_from_db()
        yield message, peer


def again(message: Message) -> None:
    """Send it once more, when it is due."""
    message.refresh_from_db()
    assert message.due_at is not None
    with time_machine.travel(message.due_at + dt.timedelta(seconds=1), tick=True):
        send(message.pk)
    message.refresh_from_db()


def lines(request: bytes) -> list[str]:
    return request.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")


def value_of(request: bytes, name: str) -> str:
    start = f"{name.lower()}:"
    return next(
        (li.partition(":")[2].strip() for li in lines(request) if li.lower().startswith(start)), ""
    )


def test_a_large_message_names_its_transfer_and_tells_its_size() -> None:
    partner = Partner()
    with sent(partner.answers) as (message, peer):
        size = message.wire_size
        assert value_of(peer.requests[0], "Content-Range") == f"bytes 0-{(size or 0) - 1}/{size}"
        assert value_of(peer.requests[0], "ETag").strip('"')
    assert (message.state, partner.payloads) == (State.DELIVERED, [DOCUMENT])


def test_without_the_switch_nothing_of_it_is_said() -> None:
    with sent(hang_up, Partner().answers, restart=False) as (message, peer):
        again(message)
    assert message.state == State.DELIVERED
    assert [lines(each)[0] for each in peer.requests] == ["POST /as2 HTTP/1.1"] * 2
    assert {
        value_of(each, name) for each in peer.requests for name in ("ETag", "Content-Range")
    } == {""}


def test_small_messages_go_as_ever(settings: Settings) -> None:
    settings.AS2_RESTART_MIN_SIZE = 100_000
    with sent(Partner().answers) as (message, peer):
        assert value_of(peer.requests[0], "ETag") == ""
    assert message.state == State.DELIVERED


def test_after_a_cut_the_partner_is_asked_and_the_rest_is_sent() -> None:
    far = Holder()
    with sent(far.cut, holding(7000), far.rest(7000)) as (message, peer):
        again(message)
    first, question, rest = peer.requests
    size = message.wire_size or 0
    assert lines(question)[0] == "HEAD /as2 HTTP/1.1"
    asked = {name: value_of(question, name) for name in ("AS2-From", "AS2-To", "AS2-Version")}
    assert asked == {"AS2-From": "VENDOR", "AS2-To": "AMAZON", "AS2-Version": "1.2"}
    assert {value_of(each, "ETag") for each in peer.requests} == {value_of(first, "ETag")}
    assert value_of(rest, "Content-Range") == f"bytes 7000-{size - 1}/{size}"
    assert value_of(rest, "Content-Length") == str(size - 7000)
    assert peer.bodies[2] == wire()[7000:]
    assert (message.state, far.partner.payloads) == (State.DELIVERED, [DOCUMENT])
    assert message.notes == [f"Attempt 2 went on at byte 7000 of {size}."]


def test_both_posts_have_the_same_message_id_and_date() -> None:
    far = Holder()
    with sent(far.cut, holding(7000), far.rest(7000)) as (message, peer):
        again(message)
    for name in ("Message-ID", "Date", "Content-Type"):
        assert value_of(peer.requests[0], name) == value_of(peer.requests[2], name) != ""


@pytest.mark.parametrize(
    "told",
    [holding(0), holding(7000, "404 Not Found"), holding("many"), holding(10**9), hang_up],
)
def test_whoever_holds_nothing_or_does_not_understand_gets_all_of_it(told: Script) -> None:
    partner = Partner()
    with sent(hang_up, told, partner.answers) as (message, peer):
        again(message)
    assert peer.bodies[2] == wire()
    assert (message.state, partner.payloads) == (State.DELIVERED, [DOCUMENT])


def test_who_holds_all_of_it_gets_the_last_octet_again() -> None:
    far = Holder()
    with serve(far.cut) as peer:
        connection = factories.connection(url=peer.url, restart=True)
        message = enqueue(connection, [DOCUMENT], "order.edi")
        send(message.pk)
    message.refresh_from_db()
    size = message.wire_size or 0
    with serve(holding(size), far.rest(size - 1)) as peer:
        Connection.objects.update(url=peer.url)
        again(message)
    assert peer.bodies[1] == wire()[-1:]
    assert value_of(peer.requests[1], "Content-Range") == f"bytes {size - 1}-{size - 1}/{size}"
    assert message.state == State.DELIVERED


def test_a_part_that_continues_nothing_is_followed_by_all_of_it_at_once() -> None:
    partner = Partner()
    wrong = answer(b"", "416 Range Not Satisfiable", "Content-Range: bytes */6000")
    with sent(hang_up, holding(7000), wrong, partner.answers) as (message, peer):
        again(message)
    assert peer.bodies[3] == wire()
    assert (message.state, Attempt.objects.count()) == (State.DELIVERED, 2)


def test_a_busy_partner_is_asked_again_later_and_nothing_is_sent_at_0() -> None:
    far = Holder()
    busy = holding(0, "500 Internal Server Error")
    scripts = (far.cut, busy, holding(7000), far.rest(7000))
    with sent(*scripts) as (message, peer):
        again(message)
        assert (message.state, message.failure_code) == (State.QUEUED, "restart-busy")
        assert "answered 500" in message.failure_text
        assert len(peer.requests) == 2
        again(message)
    assert (message.state, far.partner.payloads) == (State.DELIVERED, [DOCUMENT])


def test_a_partner_that_is_always_busy_gets_all_of_it_in_the_end() -> None:
    partner = Partner()
    busy = holding(0, "500 Internal Server Error")
    with sent(hang_up, busy, busy, partner.answers) as (message, peer):
        again(message)
        again(message)
    assert peer.bodies[3] == wire()
    assert message.state == State.DELIVERED


def test_a_partner_who_is_away_when_asked_is_away() -> None:
    with sent(hang_up) as (message, _):
        pass
    again(message)
    assert (message.state, message.failure_code) == (State.QUEUED, "connect")
