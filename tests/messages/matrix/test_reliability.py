"""Retries, resends, duplicates, MDNs in any order (G15): nothing is lost, nothing comes twice."""

import datetime as dt
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
import time_machine
from django import db
from django.utils import timezone

from as2gateway.headers import Headers
from as2gateway.policy import MDNMode
from messages import processing, transport
from messages.mdns import take_mdn
from messages.models import MDN, Attempt, Delivery, ErrorClass, MDNState, Message, State
from messages.returning import post_mdn
from messages.sending import enqueue, send
from messages.transport import Answer, PostOptions
from partners.models import Connection
from tests import factories
from tests.gateway.matrix.rows import Row, run
from tests.gateway.matrix.runs import outbound
from tests.gateway.matrix.wire import Wire
from tests.messages.matrix.far_end import PAYLOAD, connect, exchange, request, request_of
from tests.messages.partner import Partner
from tests.messages.servers import Script, answer, serve

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("home")]

either_receipt = pytest.mark.parametrize("receipt", ["R2", "R4"])
TAKEN = answer()


def with_receipt(row: Row, receipt: str) -> Row:
    """The row for one of the two receipts that it is about."""
    return replace(row, receipt=receipt)


# Sending -------------------------------------------------------------------------------------


def queued(row: Row, **fields: Any) -> Message:
    """A document that is to be sent as the row says."""
    link = factories.connection(
        compress=outbound(row).compress, mdn=row.asks.mode, response_timeout=5, **fields
    )
    return enqueue(link, [PAYLOAD], "order.edi")


def attempt(message: Message, *scripts: Script) -> list[bytes]:
    """Send it to a partner each time that it is due, once a script; the requests that came."""
    with serve(*scripts) as peer:
        Connection.objects.update(url=peer.url)
        for _ in scripts:
            message.refresh_from_db()
            assert message.due_at is not None
            with time_machine.travel(message.due_at, tick=True):
                send(message.pk)
    message.refresh_from_db()
    return peer.requests


def good(row: Row) -> Script:
    """What a partner who has taken the message answers at once."""
    return Partner().answers if row.asks.mode is MDNMode.SYNC else TAKEN


def prove(row: Row, message: Message, sent: bytes) -> None:
    """Let the MDN come, if it has not come at once: then the message is delivered."""
    if row.asks.mode is MDNMode.ASYNC:
        assert message.state == State.WAITING
        take(Partner().mdn_for(sent))
    message.refresh_from_db()
    assert (message.state, message.due_at, message.failure_text) == (State.DELIVERED, None, "")
    assert [mdn.state for mdn in message.mdns.all()] == [MDNState.VERIFIED]


def take(mdn: Any) -> MDN:
    return take_mdn(mdn.headers, mdn.body, None)


@either_receipt
@run("G15", "send", only={"connection refused, then up"})
def test_a_partner_who_is_away_gets_it_later(row: Row, receipt: str) -> None:
    row = with_receipt(row, receipt)
    with serve(b"") as gone:
        pass
    message = queued(row, url=gone.url)
    send(message.pk)
    message.refresh_from_db()
    assert (message.state, message.attempts) == (State.QUEUED, 1)
    assert Attempt.objects.get().error_class == ErrorClass.CONNECT
    (sent,) = attempt(message, good(row))
    prove(row, message, sent)


@either_receipt
@run("G15", "send", only={"503 + Retry-After"})
def test_a_partner_who_is_busy_says_when(row: Row, receipt: str) -> None:
    row = with_receipt(row, receipt)
    message = queued(row, first_gap_minutes=1)
    first = attempt(message, answer(b"", "503 Busy", "Retry-After: 7200"))
    assert message.due_at is not None
    assert message.due_at > timezone.now() + dt.timedelta(minutes=119)
    again = attempt(message, good(row))
    assert request_of(first[0]).body == request_of(again[0]).body
    prove(row, message, again[0])


@either_receipt
@run("G15", "send", only={"reply lost after full send"})
def test_a_lost_reply_has_the_identical_request_sent_again(row: Row, receipt: str) -> None:
    row = with_receipt(row, receipt)
    message = queued(row)
    first, second = attempt(message, b"", good(row))
    assert first == second
    assert list(Attempt.objects.values_list("error_class", flat=True)) == [ErrorClass.CUT, ""]
    prove(row, message, second)


@either_receipt
@run("G15", "send", only={"400: no retry"})
def test_a_refusal_is_not_tried_again(row: Row, receipt: str) -> None:
    message = queued(with_receipt(row, receipt))
    attempt(message, answer(b"", "400 Bad Request"))
    assert (message.state, message.failure_code) == (State.FAILED, "http-400")
    assert message.due_at is None


@run("G15", "send", only={"async MDN never comes"})
def test_a_missing_mdn_has_the_same_sent_again_and_then_fails(row: Row) -> None:
    message = queued(with_receipt(row, "R4"), max_attempts=2)
    first, second = attempt(message, TAKEN, TAKEN)
    assert first == second
    assert message.state == State.WAITING
    assert message.due_at is not None
    with time_machine.travel(message.due_at, tick=True):
        send(message.pk)
    message.refresh_from_db()
    assert (message.state, message.failure_code) == (State.FAILED, "no-mdn")


@either_receipt
@run("G15", "send", only={"same MDN twice"})
def test_an_mdn_may_come_twice(row: Row, receipt: str) -> None:
    row = with_receipt(row, receipt)
    message = queued(row)
    (sent,) = attempt(message, good(row))
    prove(row, message, sent)
    again = take(Partner().mdn_for(sent))
    message.refresh_from_db()
    assert (again.state, message.state, message.notes) == (
        MDNState.VERIFIED,
        State.DELIVERED,
        [],
    )


@run("G15", "send", only={"MDN after resend"})
def test_an_mdn_for_the_first_copy_proves_the_second_one_too(row: Row) -> None:
    message = queued(with_receipt(row, "R4"), max_attempts=3)
    first, _second = attempt(message, TAKEN, TAKEN)
    assert (message.state, message.attempts) == (State.WAITING, 2)
    prove(with_receipt(row, "R4"), message, first)


@run("G15", "send", only={"MDN before the 2xx"})
def test_an_mdn_may_come_before_our_post_has_returned(
    row: Row, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = queued(with_receipt(row, "R4"))
    really = transport.post

    def overtaken(
        url: str, headers: Headers, body: Iterable[bytes], length: int, options: PostOptions
    ) -> Answer:
        octets = b"".join(body)
        take(Partner().mdn_for(b"POST /\r\n" + Wire(headers, octets).octets))
        return really(url, headers, [octets], length, options)

    monkeypatch.setattr(transport, "post", overtaken)
    attempt(message, TAKEN)
    assert (message.state, message.due_at) == (State.DELIVERED, None)
    assert Attempt.objects.get().http_status == 200


# Receiving -----------------------------------------------------------------------------------


@either_receipt
@run("G15", "recv", only={"duplicate of accepted"})
def test_a_copy_of_what_was_accepted_is_not_delivered_again(row: Row, receipt: str) -> None:
    row = with_receipt(row, receipt)
    connect(row)
    sent = request(row)
    first = exchange(row, sent)
    reply = sent.send()
    if receipt == "R2":
        assert (reply.headers, reply.body) == (first.headers, first.body)
    else:
        assert (reply.status, reply.body) == (200, b"")
        assert MDN.objects.get().state == MDNState.QUEUED  # the stored one goes out again
    assert (Message.objects.count(), Delivery.objects.count()) == (1, 1)


@either_receipt
@run("G15", "recv", only={"duplicate of failed"})
def test_a_copy_of_what_was_refused_is_read_anew(row: Row, receipt: str) -> None:
    row = with_receipt(row, receipt)
    link = connect(row)
    sent = request(row)
    link.certificates.update(retires_at=timezone.now() - dt.timedelta(minutes=1))
    exchange(row, sent)
    assert Message.objects.get().state == State.REJECTED
    link.certificates.update(retires_at=None)
    reply = sent.send()
    if receipt == "R4":
        processing.process(Message.objects.get(state=State.RECEIVED).pk)
    accepted = Message.objects.get(state=State.ACCEPTED)
    assert MDN.objects.get(message=accepted).positive
    assert bool(reply.body) is (receipt == "R2")
    assert Delivery.objects.get().message == accepted


@pytest.mark.django_db(transaction=True)
@either_receipt
@run("G15", "recv", only={"two copies at once"})
def test_copies_at_once_are_one_message(row: Row, receipt: str) -> None:
    row = with_receipt(row, receipt)
    connect(row)
    sent = request(row)

    def take_one(_number: int) -> bytes:
        try:
            return sent.send().body
        finally:
            db.connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        bodies = set(pool.map(take_one, range(2)))
    for pk in Message.objects.filter(state=State.RECEIVED).values_list("pk", flat=True):
        processing.process(pk)
    assert len(bodies) == 1
    assert (Message.objects.get().state, MDN.objects.count()) == (State.ACCEPTED, 1)
    assert Delivery.objects.count() == 1


@run("G15", "recv", only={"async MDN URL down, then up"})
def test_an_async_mdn_is_posted_until_it_is_taken(row: Row) -> None:
    row = with_receipt(row, "R4")
    connect(row)
    request(row).send()
    processing.process(Message.objects.get().pk)
    mdn = MDN.objects.get()
    with serve(b"") as down:
        pass
    MDN.objects.update(url=down.url)
    post_mdn(mdn.pk)
    mdn.refresh_from_db()
    assert (mdn.state, mdn.attempts) == (MDNState.QUEUED, 1)
    with serve(answer(b"", "503 Busy"), TAKEN) as up:
        for _ in range(2):
            MDN.objects.update(url=up.url, due_at=timezone.now())
            post_mdn(mdn.pk)
    mdn.refresh_from_db()
    assert (mdn.state, mdn.attempts) == (MDNState.SENT, 3)
    assert up.requests[0] == up.requests[1]
