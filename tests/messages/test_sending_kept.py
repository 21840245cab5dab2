"""Sending several messages over one connection: what the rows say, and what never shares one."""

from typing import Any

import pytest

from messages import sending
from messages.models import ErrorClass, Message, State
from messages.sending import enqueue
from tests import factories
from tests.messages.partner import Partner, reporting
from tests.messages.servers import Lasting, answer, serve

pytestmark = pytest.mark.django_db


def silent() -> Lasting:
    """One that has nothing to say but that it took a message."""
    return Lasting(lambda _request: answer(b"", "202 Accepted"))


def send_three(server: Lasting, **fields: Any) -> list[Message]:
    """Queue three documents and send them in one turn."""
    with serve(server) as peer:
        ours = factories.connection(url=peer.url, response_timeout=2, **fields)
        rows = [enqueue(ours, [b"order %d" % number]) for number in range(3)]
        sending.send_due(rows[0].pk)
    return list(Message.objects.order_by("pk"))


def test_the_messages_of_a_turn_share_a_connection_and_each_row_tells_of_it() -> None:
    partner = Partner()
    server = Lasting(partner)
    rows = send_three(server)
    assert [row.state for row in rows] == 3 * [State.DELIVERED]
    assert server.connections == [3]
    tried = [row.attempt_rows.get() for row in rows]
    assert [(each.http_status, each.error_class) for each in tried] == 3 * [(200, "")]
    assert len({each.peer for each in tried}) == 1
    assert partner.payloads == [b"order 0", b"order 1", b"order 2"]


def test_a_message_whose_connection_was_closed_goes_again_at_once() -> None:
    server = Lasting(Partner(), unanswered=frozenset({2}))
    rows = send_three(server)
    assert [(row.state, row.attempts, row.tries) for row in rows] == [
        (State.DELIVERED, 1, 1),
        (State.DELIVERED, 2, 1),
        (State.DELIVERED, 1, 1),
    ]
    assert server.connections == [2, 1, 1]
    assert server.requests[1] == server.requests[2]  # the same octets, and Message-ID
    first, second = rows[1].attempt_rows.order_by("number")
    assert (first.error_class, second.error_class) == (ErrorClass.CUT, "")
    assert "kept open" in first.error_text
    assert first.ended_at is not None


def test_a_partner_who_took_it_and_says_so_has_it() -> None:
    """It closed the connection instead of an answer, and takes the copy for a duplicate."""
    server = Lasting(Partner(), unanswered=frozenset({2}))

    def knows_the_third(request: bytes) -> bytes:
        again = len(server.requests) == 3
        said = reporting("failed/Failure: duplicate-document", with_mic=False)
        return Partner(change=said)(request) if again else Partner()(request)

    server.respond = knows_the_third
    rows = send_three(server)
    assert [row.state for row in rows] == 3 * [State.DELIVERED]


def test_a_partner_who_cuts_a_connection_of_its_own_is_tried_again_later() -> None:
    server = Lasting(Partner(), unanswered=frozenset({2, 3}))
    rows = send_three(server)
    assert [(row.state, row.attempts, row.tries) for row in rows] == [
        (State.DELIVERED, 1, 1),
        (State.QUEUED, 2, 1),
        (State.DELIVERED, 1, 1),
    ]


def test_async_mdns_leave_a_connection_open_too() -> None:
    server = silent()
    rows = send_three(server, mdn="async")
    assert [row.state for row in rows] == 3 * [State.WAITING]
    assert server.connections == [3]


@pytest.mark.parametrize("needs", [{"http_1_0": True}, {"new_message_id": True}])
def test_a_partner_with_these_needs_gets_a_connection_each(needs: dict[str, bool]) -> None:
    server = Lasting(Partner())
    rows = send_three(server, quirks=needs)
    assert [row.state for row in rows] == 3 * [State.DELIVERED]
    assert server.connections == [1, 1, 1]


def test_where_only_the_status_tells_each_message_has_its_own_connection() -> None:
    server = silent()
    rows = send_three(server, mdn="none")
    assert [row.state for row in rows] == 3 * [State.DELIVERED]
    assert server.connections == [1, 1, 1]
