"""Processes killed at every step: whatever happens, each document arrives exactly once.

Failpoints are armed by a file and used up by the kill, so that the process which takes over passes.
Leases and gaps end when a test turns the clock.
"""

import random
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from http.client import HTTPException
from uuid import uuid4

import pytest

from messages.replies import Reply
from tests.functional import client
from tests.functional.client import request
from tests.functional.pair import PATIENCE, Pair, Side, running_pair
from tests.functional.permutations import ASYNC, USUAL
from tests.gateway_process import Gateway, Program, wait_for
from tests.messages import sender
from tests.messages.sender import Sent
from tests.messages.servers import Peer, answer, serve

#: While a message is received and the sender waits for the MDN, in the order of passing.
RECEIVING = (
    "rx.headers",
    "rx.body",
    "rx.spooled",
    "rx.verify",
    "rx.payload_written",
    "rx.renamed",
    "rx.tx_open",
    "rx.committed",
    "rx.answered",
)
#: From there on the message is accepted, and coming again is a duplicate.
ACCEPTED = ("rx.committed", "rx.answered")
#: While a message is received whose MDN goes out later, by the web server and by the worker.
LATER = ("rx.renamed", "rx.tx_open", "rx.committed", "rx.verify", "mdn.post", "mdn.recorded")
DELIVERING = ("dl.temp", "dl.linked", "dl.recorded")
SENDING = ("tx.taken", "tx.accepted", "tx.built", "tx.posted", "tx.answered", "tx.recorded")

_ALL = sorted({*RECEIVING, *LATER, *DELIVERING, *SENDING})
_ENV = {"AS2_FAILPOINTS": ";".join(f"{name}=kill:file" for name in _ALL)}

#: Of the random test.
DOCUMENTS = 30
KILLS = 8


@pytest.fixture(scope="module")
def sink() -> Iterator[Peer]:
    """AMAZON's server for MDNs."""
    with serve(answer()) as peer:
        yield peer


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, sink: Peer) -> Iterator[Pair]:
    """Two gateways that can be killed; the second one is VENDOR, too."""
    relations = [USUAL.relation, ASYNC.relation]
    with running_pair(tmp_path_factory.mktemp("crashes"), relations, _ENV, _ENV) as pair:
        client.set_up(pair.b.gateway, AMAZON=sink.url)
        yield pair


@pytest.fixture
def vendor(pair: Pair) -> Gateway:
    return pair.b.gateway


def arm(gateway: Gateway, failpoint: str) -> None:
    """Let the next process that passes be killed."""
    folder = gateway.home / "run" / "failpoints"
    folder.mkdir(exist_ok=True)
    (folder / failpoint).touch()


def wait_for_kill(gateway: Gateway, failpoint: str) -> None:
    path = gateway.home / "run" / "failpoints" / failpoint
    wait_for(lambda: not path.exists(), PATIENCE, f"a kill at {failpoint}")


def send_until_answered(gateway: Gateway, sent: Sent) -> Reply:
    """Send as a partner does who tries again until there is an answer."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with suppress(HTTPException, OSError):
            return client.send(gateway, request(sent))
        time.sleep(0.1)
    raise AssertionError("no answer")


def accepted(side: Side, message_id: str | None) -> int:
    """How many accepted messages of that id there are."""
    rows = side.records.messages(direction="inbound")
    found = [r["state"] for r in rows if r["message_id"] == message_id]
    assert set(found) <= {"accepted"}
    return len(found)


@pytest.mark.parametrize("failpoint", RECEIVING)
def test_a_kill_while_receiving_costs_the_partner_one_more_try(
    pair: Pair, vendor: Gateway, failpoint: str
) -> None:
    payload = client.document()
    sent = client.message(payload)
    arm(vendor, failpoint)
    with suppress(HTTPException, OSError):
        client.send(vendor, request(sent))
    wait_for_kill(vendor, failpoint)
    assert accepted(pair.b, sent.fields["Message-ID"]) == (failpoint in ACCEPTED)
    sender.verify(send_until_answered(vendor, sent), sent)
    assert accepted(pair.b, sent.fields["Message-ID"]) == 1
    wait_for(lambda: client.copies(vendor, payload), PATIENCE, "the document")
    assert client.copies(vendor, payload) == 1


@pytest.mark.parametrize("failpoint", LATER)
def test_a_kill_before_an_async_mdn_is_out_delays_it(
    pair: Pair, vendor: Gateway, sink: Peer, failpoint: str
) -> None:
    payload = client.document()
    sent = client.asking_async(payload, sink.url)
    arm(vendor, failpoint)
    send_until_answered(vendor, sent)
    wait_for_kill(vendor, failpoint)
    pair.b.records.turn_clock()
    wanted = sent.fields["Message-ID"].encode()
    wait_for(lambda: mdns(sink, wanted), PATIENCE, "the MDN")
    wait_for(lambda: client.copies(vendor, payload), PATIENCE, "the document")
    assert client.copies(vendor, payload) == 1
    assert accepted(pair.b, sent.fields["Message-ID"]) == 1
    # It may come twice, and is then the same one.
    assert len(set(mdns(sink, wanted))) == 1


def mdns(sink: Peer, message_id: bytes) -> list[bytes]:
    return [body for body in sink.bodies if message_id in body]


@pytest.mark.parametrize("failpoint", DELIVERING)
def test_a_kill_while_delivering_leaves_one_file_and_no_rest(
    pair: Pair, vendor: Gateway, failpoint: str
) -> None:
    payload = client.document()
    sent = client.message(payload)
    arm(vendor, failpoint)
    sender.verify(client.send(vendor, request(sent)), sent)
    wait_for_kill(vendor, failpoint)
    pair.b.records.turn_clock()

    def undelivered() -> object:
        return pair.b.records.rows("SELECT id FROM as2_messages_delivery WHERE state <> 'done'")

    wait_for(lambda: not undelivered(), PATIENCE, "the delivery")
    assert client.copies(vendor, payload) == 1
    assert list((vendor.inbox / "VENDOR").rglob(".*")) == []


@pytest.mark.parametrize("failpoint", SENDING)
def test_a_kill_while_sending_delivers_once_under_one_id(pair: Pair, failpoint: str) -> None:
    name, payload = f"{uuid4().hex[:8]}.edi", client.document()
    arm(pair.a.gateway, failpoint)
    pair.a.drop(USUAL.name, name, payload)
    wait_for_kill(pair.a.gateway, failpoint)
    pair.a.records.turn_clock()
    message = pair.wait_until_sent(pair.a, name)
    assert message["state"] == "delivered"
    assert pair.wait_until_handed_over(pair.b, USUAL.name, name) == [payload]
    theirs = pair.b.records.message(name, "inbound")
    assert theirs["message_id"] == message["message_id"]
    pair.wait_for(lambda: not any(pair.a.outbox(USUAL.name).iterdir()), "an empty outbox")
    assert len(pair.a.records.messages(name)) == 1


def test_kills_at_random_lose_nothing_and_double_nothing(pair: Pair) -> None:
    seed = random.randrange(10**6)
    chance = random.Random(seed)
    documents = {f"{seed}-{number:02}.edi": client.document() for number in range(DOCUMENTS)}
    for name, payload in documents.items():
        sender_side, _ = pair.ends(direction(name))
        sender_side.drop(relation(name), name, payload)
    for _ in range(KILLS):
        time.sleep(chance.uniform(0.2, 1.5))
        kill(chance.choice([pair.a, pair.b]), chance.choice(["web", "worker"]))
    wait_until_all_arrived(pair, documents)
    for name, payload in documents.items():
        sender_side, receiver = pair.ends(direction(name))
        told = f"{name}, seed {seed}"
        assert sender_side.records.message(name, "outbound")["state"] == "delivered", told
        assert receiver.records.message(name, "inbound")["state"] == "accepted", told
        assert receiver.handed_over(relation(name), name) == [payload], told


def direction(name: str) -> str:
    """Every other document goes the other way."""
    return "a to b" if int(name[-5]) % 2 else "b to a"


def relation(name: str) -> str:
    """Two of four are answered by async MDNs."""
    return ASYNC.name if int(name[-6:-4]) % 4 < 2 else USUAL.name


def kill(side: Side, program: Program) -> None:
    # It may be about to be started again at this moment.
    with suppress(ProcessLookupError):
        side.gateway.kill(program, signal.SIGKILL)


def wait_until_all_arrived(pair: Pair, documents: Mapping[str, bytes]) -> None:
    """Turn the clock now and then until all is proven and handed over."""

    def arrived(name: str) -> bool:
        sender_side, receiver = pair.ends(direction(name))
        proven = sender_side.records.states("outbound").get(name) == "delivered"
        return proven and bool(receiver.handed_over(relation(name), name))

    def all_arrived() -> bool:
        return all(map(arrived, documents))

    for _ in range(6):
        with suppress(TimeoutError):
            wait_for(all_arrived, 8, "all documents")
            return
        for side in (pair.a, pair.b):
            side.records.turn_clock()
    pair.wait_for(all_arrived, "all documents")
