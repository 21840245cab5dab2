"""What only a real server shows: HTTP in all its forms, cut, slow, too large, and many at once."""

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from http import HTTPStatus

import pytest

from messages.replies import Reply
from tests import factories
from tests.functional import client
from tests.functional.client import message, read_answer, request
from tests.functional.pair import PATIENCE, records_of
from tests.functional.records import Records
from tests.gateway_process import Gateway, wait_for
from tests.messages.sender import Sent, disposition, verify

_LIMIT = 200_000

#: Two processes, so that copies of a message meet in the database; short patience with the slow.
_ENV = {
    "AS2_WEB_WORKERS": "2",
    "AS2_MAX_BODY": str(_LIMIT),
    "AS2_READ_TIMEOUT": "3",
    "AS2_MIN_RATE_GRACE": "3",
}


@pytest.fixture(scope="module")
def vendor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with Gateway(tmp_path_factory.mktemp("http") / "vendor", env=_ENV) as gateway:
        client.set_up(gateway)
        yield gateway


@pytest.fixture(scope="module")
def records(vendor: Gateway) -> Records:
    return records_of(vendor)


@pytest.fixture
def payload() -> bytes:
    return client.document()


def handed_over_once(gateway: Gateway, payload: bytes) -> bool:
    wait_for(lambda: client.copies(gateway, payload), PATIENCE, "the document")
    return client.copies(gateway, payload) == 1


def known(records: Records, sent: Sent) -> int:
    """How many rows there are of a message."""
    ids = [row["message_id"] for row in records.messages()]
    return ids.count(sent.fields["Message-ID"])


def quarantined(gateway: Gateway) -> list[str]:
    folder = gateway.home / "store" / "quarantine"
    return [path.name for path in folder.glob("*")]


def test_a_message_in_chunks_is_taken(vendor: Gateway, payload: bytes) -> None:
    sent = message(payload)
    verify(client.send(vendor, client.chunked(sent)), sent)
    assert handed_over_once(vendor, payload)


def test_a_message_with_two_senders_is_refused(
    vendor: Gateway, records: Records, payload: bytes
) -> None:
    sent = message(payload)
    with closing(client.connect(vendor)) as peer:
        twice = b"\r\nAS2-From: MALLORY\r\nAS2-From: "
        peer.sendall(request(sent).replace(b"\r\nAS2-From: ", twice, 1))
        reply = read_answer(peer)
    assert (reply.status, b"AS2-From" in reply.body) == (HTTPStatus.BAD_REQUEST, True)
    assert known(records, sent) == 0


def test_a_client_of_http_1_0_is_answered_and_hung_up_on(vendor: Gateway, payload: bytes) -> None:
    sent = message(payload)
    with closing(client.connect(vendor)) as peer:
        peer.sendall(request(sent).replace(b" HTTP/1.1\r\n", b" HTTP/1.0\r\n", 1))
        reply = read_answer(peer)
        verify(reply, sent)
        assert peer.recv(1) == b""
    assert reply.headers.get("Transfer-Encoding") is None
    assert handed_over_once(vendor, payload)


def test_who_waits_for_100_continue_gets_it(vendor: Gateway, payload: bytes) -> None:
    sent = message(payload).with_fields(Expect="100-continue")
    head, _, body = request(sent).partition(b"\r\n\r\n")
    with closing(client.connect(vendor)) as peer:
        peer.sendall(head + b"\r\n\r\n")
        assert peer.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        peer.sendall(body)
        verify(read_answer(peer), sent)
    assert handed_over_once(vendor, payload)


def test_one_connection_carries_several_messages(vendor: Gateway) -> None:
    with closing(client.connect(vendor)) as peer:
        for _ in range(3):
            sent = message(client.document())
            peer.sendall(request(sent))
            verify(read_answer(peer), sent)


def test_head_says_that_the_url_is_right(vendor: Gateway) -> None:
    with closing(client.connect(vendor)) as peer:
        peer.sendall(b"HEAD /as2 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        reply = read_answer(peer, "HEAD")
    assert (reply.status, reply.body) == (200, b"")


def test_other_methods_are_told_which_one_is_right(vendor: Gateway) -> None:
    reply = client.send(vendor, b"GET /as2 HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert (reply.status, reply.headers.get("Allow")) == (405, "POST, HEAD")


@pytest.mark.parametrize("in_chunks", [False, True], ids=["by length", "in chunks"])
def test_a_body_that_is_cut_is_refused_and_leaves_nothing(
    vendor: Gateway, records: Records, payload: bytes, *, in_chunks: bool
) -> None:
    sent = message(payload)
    whole = client.chunked(sent) if in_chunks else request(sent)
    with closing(client.connect(vendor)) as peer:
        peer.sendall(whole[:-20])
        peer.shutdown(socket.SHUT_WR)
        assert read_answer(peer).status == 400
    assert (known(records, sent), quarantined(vendor)) == (0, [])


def test_a_client_that_vanishes_spoils_nothing_for_its_next_try(
    vendor: Gateway, records: Records, payload: bytes
) -> None:
    sent = message(payload)
    with closing(client.connect(vendor)) as peer:
        peer.sendall(request(sent)[:-20])
    verify(client.send(vendor, request(sent)), sent)
    assert known(records, sent) == 1
    assert handed_over_once(vendor, payload)


def test_a_body_that_is_declared_too_large_is_refused_unread(vendor: Gateway) -> None:
    sent = message(b"x").with_fields(Content_Length=str(_LIMIT + 1))
    head = request(sent).partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    assert client.send(vendor, head).status == 413


def test_a_body_that_grows_too_large_is_refused_and_leaves_nothing(
    vendor: Gateway, records: Records
) -> None:
    sent = message(bytes(_LIMIT + 1))
    assert client.send(vendor, client.chunked(sent, 10_000)).status == 413
    assert (known(records, sent), quarantined(vendor)) == (0, [])


def test_a_client_that_drips_is_ended_and_holds_up_nobody(
    vendor: Gateway, records: Records, payload: bytes
) -> None:
    slow, quick = message(payload), message(client.document())
    began = time.monotonic()
    with closing(client.connect(vendor)) as peer, ThreadPoolExecutor() as pool:
        peer.settimeout(0.2)
        peer.sendall(request(slow)[:-2000])
        dripping = pool.submit(_drip, peer)
        verify(client.send(vendor, request(quick)), quick)
        reply = dripping.result()
    assert reply.status == 408
    assert time.monotonic() - began < PATIENCE
    assert known(records, slow) == 0


def _drip(peer: socket.socket) -> Reply:
    """Send a byte now and then until there is an answer."""
    while True:
        peer.sendall(b"x")
        try:
            peer.recv(1, socket.MSG_PEEK)
        except TimeoutError:
            continue
        peer.settimeout(PATIENCE)
        return read_answer(peer)


def test_a_client_that_falls_silent_is_ended(
    vendor: Gateway, records: Records, payload: bytes
) -> None:
    sent = message(payload)
    with closing(client.connect(vendor)) as peer:
        peer.sendall(request(sent)[:-20])
        assert read_answer(peer).status == 408
    assert known(records, sent) == 0


def test_a_duplicate_gets_the_same_mdn_byte_for_byte(
    vendor: Gateway, records: Records, payload: bytes
) -> None:
    sent = message(payload)
    first, second = (client.send(vendor, request(sent)) for _ in range(2))
    verify(first, sent)
    assert second.body == first.body
    # Date is not among them: it tells when HTTP answered.
    fields = ("Message-ID", "Content-Type", "AS2-From", "AS2-To", "AS2-Version")
    assert [second.headers.get(f) for f in fields] == [first.headers.get(f) for f in fields]
    assert known(records, sent) == 1
    assert handed_over_once(vendor, payload)


def test_twenty_copies_at_once_are_one_document(
    vendor: Gateway, records: Records, payload: bytes
) -> None:
    sent = message(payload)
    with ThreadPoolExecutor(20) as pool:
        replies = list(pool.map(partial(client.send, vendor), [request(sent)] * 20))
    assert {reply.status for reply in replies} == {200}
    assert len({reply.body for reply in replies}) == 1
    verify(replies[0], sent)
    assert known(records, sent) == 1
    assert handed_over_once(vendor, payload)


def test_unknown_names_get_an_mdn_that_says_so_and_nothing_is_kept(
    vendor: Gateway, records: Records, payload: bytes
) -> None:
    sent = message(payload, as2_from="STRANGER")
    reply = client.send(vendor, request(sent))
    assert reply.status == 200
    assert disposition(reply) == "processed/error: unexpected-processing-error"
    assert (known(records, sent), quarantined(vendor)) == (0, [])
    [row] = records.rows("SELECT as2_from, as2_to FROM as2_messages_unknownsender")
    assert row == {"as2_from": "STRANGER", "as2_to": "VENDOR"}


def test_unknown_names_that_ask_for_no_mdn_are_refused(vendor: Gateway, payload: bytes) -> None:
    sent = message(payload, as2_from="STRANGER").with_fields(Disposition_Notification_To=None)
    assert client.send(vendor, request(sent)).status == 403


def test_a_forged_message_does_not_spoil_the_one_that_comes_after_it(
    vendor: Gateway, payload: bytes
) -> None:
    sent = message(payload)
    forged = message(payload, sign_with=factories.identity("MALLORY").signing_key)
    forged = forged.with_fields(Message_ID=sent.fields["Message-ID"])
    reply = client.send(vendor, request(forged))
    assert (reply.status, disposition(reply)) == (200, "processed/error: authentication-failed")
    verify(client.send(vendor, request(sent)), sent)
    assert handed_over_once(vendor, payload)


def test_a_copy_that_was_broken_is_taken_once_it_is_encrypted_anew(
    vendor: Gateway, payload: bytes
) -> None:
    sent = message(payload)
    broken = sent.with_broken_padding()
    # The octets that were meant come too late: their content key has been tried (threats R14).
    for copy in (broken, sent):
        reply = client.send(vendor, request(copy))
        assert (reply.status, disposition(reply)) == (200, "processed/error: decryption-failed")
    anew = message(payload).with_fields(Message_ID=sent.fields["Message-ID"])
    verify(client.send(vendor, request(anew)), anew)
    assert handed_over_once(vendor, payload)
