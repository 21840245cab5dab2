"""Posting async MDNs: until they are taken, by the same octets; many of a partner in a row."""

import datetime as dt
import socket

import pytest
import time_machine
from django.utils import timezone

from audit.models import AuditEvent
from messages import failpoints, returning
from messages.models import MDN, Attempt, ErrorClass, Message
from messages.returning import post_mdn
from messages.store import get_store
from partners.models import Connection
from tests import factories
from tests.messages.due_mdns import asked_for
from tests.messages.servers import Lasting, Script, answer, serve

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("home")]


@pytest.fixture
def queued(connection: Connection) -> MDN:
    """An async MDN that is due."""
    return asked_for(1, "http://localhost:9/mdn?a=1")


def post_to(mdn: MDN, *scripts: Script, times: int = 1) -> list[bytes]:
    """Post an MDN to a server that answers so; the requests that it got."""
    with serve(*scripts) as peer:
        MDN.objects.filter(pk=mdn.pk).update(url=peer.url)
        for _ in range(times):
            MDN.objects.filter(pk=mdn.pk, due_at__isnull=False).update(due_at=timezone.now())
            post_mdn(mdn.pk)
    mdn.refresh_from_db()
    return peer.requests


@pytest.mark.parametrize("status", ["200 OK", "202 Accepted", "204 No Content"])
def test_any_2xx_settles_an_async_mdn(queued: MDN, status: str) -> None:
    [request] = post_to(queued, answer(status=status))
    assert (queued.state, queued.due_at, queued.failure_text) == ("sent", None, "")
    assert AuditEvent.objects.filter(tag="mdn:outbound:sent").count() == 1
    attempt = Attempt.objects.get()
    assert (attempt.mdn, attempt.number, attempt.http_status) == (queued, 1, int(status[:3]))
    head, _, body = request.partition(b"\r\n\r\n")
    assert body == b"".join(get_store().chunks(queued.body_key))
    assert b"AS2-From: VENDOR\r\n" in head
    assert f"Content-Length: {len(body)}".encode() in head
    assert b"Disposition-Notification-To" not in head


def test_what_is_sent_is_not_sent_again(queued: MDN) -> None:
    assert len(post_to(queued, answer(), times=2)) == 1
    post_mdn(4711)


@pytest.mark.parametrize(
    "script",
    [
        answer(status="500 Oops"),
        answer(status="503 Later"),
        answer(status="408 Slow"),
        answer(status="429 Many"),
        lambda connection, _request: connection.close(),
    ],
)
def test_temporary_faults_are_tried_again_with_the_same_octets(queued: MDN, script: Script) -> None:
    first, second = post_to(queued, script, answer(), times=2)
    assert first == second
    assert queued.state == "sent"
    assert Attempt.objects.count() == 2


def test_a_temporary_fault_leaves_a_gap(queued: MDN) -> None:
    post_to(queued, answer(b"", "503 Later", "Retry-After: 1200"))
    assert queued.state == "queued"
    assert queued.due_at is not None
    assert queued.due_at > timezone.now() + dt.timedelta(minutes=19)
    assert "503" in queued.failure_text


@pytest.mark.parametrize("status", ["400 Bad", "404 Not Found", "301 Moved", "401 Who"])
def test_other_answers_end_it(queued: MDN, status: str) -> None:
    post_to(queued, answer(status=status))
    assert (queued.state, queued.due_at) == ("failed", None)
    assert f"answered {status[:3]}" in queued.failure_text
    assert "when they resend the message" in queued.failure_text
    assert AuditEvent.objects.filter(tag="mdn:outbound:failed").count() == 1


def test_after_five_days_it_is_given_up(queued: MDN) -> None:
    with time_machine.travel(timezone.now() + dt.timedelta(days=5, minutes=1)):
        post_to(queued, answer(status="503 Later"))
    assert queued.state == "failed"
    assert "in 5 days" in queued.failure_text
    assert Attempt.objects.get().error_text == ""


def test_a_server_that_is_not_there_is_tried_again(queued: MDN) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    MDN.objects.update(url=f"http://localhost:{port}/")
    post_mdn(queued.pk)
    queued.refresh_from_db()
    assert queued.state == "queued"
    assert Attempt.objects.get().error_class == "connect"


def test_a_host_that_was_taken_off_the_list_is_not_called(queued: MDN) -> None:
    Connection.objects.update(mdn_hosts="")
    assert post_to(queued, answer()) == []
    assert queued.state == "failed"
    assert "not a host of this connection any more" in queued.failure_text


def test_a_store_that_cannot_be_read_costs_only_time(queued: MDN) -> None:
    get_store().delete(queued.body_key)
    assert post_to(queued, answer()) == []
    assert queued.state == "queued"
    assert "See to its disk" in queued.failure_text


def test_an_mdn_that_stays_missing_is_given_up(queued: MDN) -> None:
    get_store().delete(queued.body_key)
    with time_machine.travel(timezone.now() + dt.timedelta(days=5, minutes=1)):
        post_to(queued, answer())
    assert (queued.state, queued.due_at) == ("failed", None)
    assert "cannot be read from the store" in queued.failure_text


def test_an_mdn_that_another_worker_has_is_left_alone(queued: MDN) -> None:
    assert queued.claim(timezone.now(), dt.timedelta(minutes=15))
    post_mdn(queued.pk)
    assert not Attempt.objects.exists()


@pytest.mark.parametrize("status", ["200 OK", "404 Not Found"])
def test_a_worker_past_its_lease_changes_nothing(
    queued: MDN, monkeypatch: pytest.MonkeyPatch, status: str
) -> None:
    def meanwhile(name: str) -> None:
        if name == "mdn.post":  # another worker has claimed it
            MDN.objects.filter(pk=queued.pk).update(attempts=9)

    monkeypatch.setattr(failpoints, "hit", meanwhile)
    post_to(queued, answer(status=status))
    assert queued.state == "queued"
    assert not AuditEvent.objects.filter(tag__startswith="mdn:outbound").exists()


def taking(*unanswered: int) -> Lasting:
    """A partner's server that takes whatever MDN comes, but for some requests."""
    return Lasting(lambda _request: answer(), frozenset(unanswered))


def post_three(server: Lasting) -> list[MDN]:
    """Post three MDNs in one turn."""
    with serve(server) as peer:
        rows = [asked_for(number, peer.url) for number in range(3)]
        returning.post_due(rows[0].pk)
    return list(MDN.objects.order_by("pk"))


@pytest.mark.usefixtures("connection")
def test_the_mdns_of_a_turn_share_a_connection_and_each_is_its_own() -> None:
    server = taking()
    rows = post_three(server)
    assert [row.state for row in rows] == 3 * ["sent"]
    assert server.connections == [3]
    bodies = [request.partition(b"\r\n\r\n")[2] for request in server.requests]
    assert bodies == [b"".join(get_store().chunks(row.body_key)) for row in rows]
    assert len({each.peer for each in Attempt.objects.all()}) == 1


@pytest.mark.usefixtures("connection")
def test_an_mdn_whose_connection_was_closed_is_posted_again_at_once() -> None:
    server = taking(2)
    rows = post_three(server)
    assert [(row.state, row.attempts) for row in rows] == 3 * [("sent", 1)]
    assert server.connections == [2, 1, 1]
    assert server.requests[1] == server.requests[2]


@pytest.mark.usefixtures("connection")
def test_a_partner_who_cuts_a_connection_of_its_own_gets_the_mdn_later() -> None:
    server = taking(2, 3)
    rows = post_three(server)
    assert [(row.state, row.attempts) for row in rows] == [("sent", 1), ("queued", 1), ("sent", 1)]
    assert Attempt.objects.get(mdn=rows[1]).error_class == ErrorClass.CUT


def test_a_partner_of_http_1_0_gets_a_connection_for_each(connection: Connection) -> None:
    connection.quirks = {"http_1_0": True}
    connection.save()
    server = taking()
    assert [row.state for row in post_three(server)] == 3 * ["sent"]
    assert server.connections == [1, 1, 1]


def test_a_turn_is_of_one_connection(connection: Connection) -> None:
    other = factories.connection(connection.organization, connection.partner, as2_id="AMAZON-2")
    server = taking()
    with serve(server) as peer:
        first, second = asked_for(1, peer.url), asked_for(2, peer.url)
        Message.objects.filter(mdns=second).update(connection=other)
        returning.post_due(first.pk)
    assert [row.state for row in MDN.objects.order_by("pk")] == ["sent", "queued"]
