"""AS2 Restart (G16): what was cut goes on where it stopped, in both directions."""

import datetime as dt
import socket
from dataclasses import dataclass

import pytest
from django.utils import timezone
from pytest_django import Settings

from messages import processing
from messages.mdns import take_mdn
from messages.models import MDN, Delivery, Message, State, Transfer
from messages.sending import enqueue, send
from partners.models import Connection
from tests import factories
from tests.gateway.matrix.rows import Row, run
from tests.gateway.matrix.runs import outbound
from tests.gateway.matrix.wire import open_mdn
from tests.messages.matrix.far_end import PAYLOAD, VENDOR, connect, posted, request, request_of
from tests.messages.partner import Partner
from tests.messages.sender import Sent
from tests.messages.servers import Script, answer, serve
from tests.messages.test_restarting import ETAG, ask, cut, go_on, held, talk
from tests.messages.test_resuming import again, holding, value_of, wire
from tests.messages.wsgi import post

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("home")]

RESTART = [
    "HEAD unknown id",
    "HEAD partial",
    "POST resume",
    "416",
    "all bytes, no reply",
    "locked: 500",
    "peer without Restart",
]
#: octets that came before the cut
HELD = 700


@pytest.fixture(autouse=True)
def small_messages_count_as_large(settings: Settings) -> None:
    settings.AS2_RESTART_MIN_SIZE = 500


# Receiving -----------------------------------------------------------------------------------


def begun(row: Row) -> Sent:
    """A message whose first octets have come."""
    connect(row)
    Connection.objects.update(restart=True)
    sent = request(row, ETag=ETAG)
    assert cut(sent, HELD).status == 400
    return sent


def check_whole(sent: Sent, offset: int) -> None:
    """With the rest it is a message as any other: delivered once, answered by an async MDN."""
    reply = go_on(sent, offset)
    assert (reply.status, reply.body) == (200, b"")
    processing.process(Message.objects.get().pk)
    mdn = open_mdn(posted(), VENDOR.certificate)
    assert (mdn.disposition, mdn.signed) == ("processed", True)
    assert (Message.objects.get().state, Delivery.objects.count()) == (State.ACCEPTED, 1)


@run("G16", only={"HEAD unknown id"})
def test_nothing_is_held_of_another_transfer(row: Row) -> None:
    sent = begun(row)
    assert held(etag='"another"') == 0
    check_whole(sent, HELD)


@run("G16", only={"HEAD partial", "POST resume"})
def test_a_message_goes_on_where_it_was_cut(row: Row) -> None:
    sent = begun(row)
    assert held() == HELD
    assert go_on(sent, HELD, HELD + 100).status == 400
    assert held() == HELD + 100
    check_whole(sent, HELD + 100)


@run("G16", only={"416"})
def test_a_part_that_leaves_a_gap_is_refused(row: Row) -> None:
    sent = begun(row)
    reply = go_on(sent, HELD + 1)
    assert (reply.status, reply.headers.get("Content-Range")) == (416, f"bytes */{HELD}")
    check_whole(sent, HELD)


@run("G16", only={"all bytes, no reply"})
def test_the_last_octet_asks_for_the_answer_again(row: Row) -> None:
    sent = begun(row)
    talk(post(sent.body, sent.fields))
    assert held() == len(sent.body)
    check_whole(sent, len(sent.body) - 1)
    assert MDN.objects.count() == 1


@run("G16", only={"locked: 500"})
def test_who_asks_while_octets_come_is_told_to_ask_again(row: Row) -> None:
    sent = begun(row)
    Transfer.objects.update(due_at=timezone.now() + dt.timedelta(minutes=1))
    assert ask().status == 500
    Transfer.objects.update(due_at=timezone.now())
    check_whole(sent, HELD)


@run("G16", only={"peer without Restart"})
def test_where_it_is_switched_off_nothing_is_kept(row: Row) -> None:
    sent = begun(row)
    Connection.objects.update(restart=False)
    assert held() == 0
    check_whole(sent, 0)


# Sending -------------------------------------------------------------------------------------


@dataclass
class FarEnd:
    """A partner whose first connection is cut once all octets have come."""

    length: int = 0

    def cut(self, connection: socket.socket, request: bytes) -> None:
        """Take a request and close without an answer."""
        self.length = len(request_of(request).body)
        connection.close()

    def has_all(self, connection: socket.socket, _request: bytes) -> None:
        """Answer a HEAD: nothing is missing."""
        connection.sendall(holding(self.length))


@dataclass(frozen=True)
class Story:
    """What the partner says after the cut, and where the last POST begins."""

    scripts: tuple[Script, ...]
    offset: int
    attempts: int = 2


FAR = FarEnd()
TAKEN = answer()
STORIES = {
    "HEAD unknown id": Story((holding(0), TAKEN), 0),
    "HEAD partial": Story((holding(HELD), TAKEN), HELD),
    "POST resume": Story((holding(HELD), TAKEN), HELD),
    "416": Story((holding(HELD), answer(b"", "416 No", "Content-Range: bytes */0"), TAKEN), 0),
    "all bytes, no reply": Story((FAR.has_all, TAKEN), -1),
    "locked: 500": Story((holding(0, "500 Busy"), holding(HELD), TAKEN), HELD, 3),
    "peer without Restart": Story((answer(b"", "405 Method Not Allowed"), TAKEN), 0),
}


@run("G16", only=RESTART)
def test_only_what_is_missing_is_sent(row: Row) -> None:
    story = STORIES[row.variant]
    with serve(FAR.cut, *story.scripts) as peer:
        link = factories.connection(
            url=peer.url, restart=True, compress=outbound(row).compress, mdn=row.asks.mode
        )
        message = enqueue(link, [PAYLOAD], "order.edi")
        send(message.pk)
        for _ in range(story.attempts - 1):
            again(message)
    first, last = peer.requests[0], peer.requests[-1]
    assert request_of(last).body == wire()[story.offset :]
    assert {value_of(each, "ETag") for each in peer.requests} == {value_of(first, "ETag")}
    assert message.state == State.WAITING
    mdn = Partner().mdn_for(first)
    take_mdn(mdn.headers, mdn.body, None)
    message.refresh_from_db()
    assert (message.state, message.failure_text) == (State.DELIVERED, "")
