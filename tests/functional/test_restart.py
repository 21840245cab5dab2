"""AS2 Restart with real servers: lines that are cut, processes that are killed over it."""

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
from uuid import uuid4

import pytest

from messages.replies import Reply
from tests import factories
from tests.functional import client
from tests.functional.client import connect, read_answer
from tests.functional.pair import PATIENCE, Relation, apply, connection, records_of, running_pair
from tests.gateway_process import Gateway, wait_for
from tests.messages import sender
from tests.messages.sender import Sent
from tests.messages.wsgi import post

#: Where a process is killed: while a part comes, while it keeps one, or has the whole and is not
#: yet done with it. A line that goes silent is given up later than anybody waits here.
KILLS = (
    "rx.body",
    "rx.part_committed",
    "rx.whole_committed",
    "rx.spooled",
    "rx.tx_open",
    "rx.committed",
)
_ENV = {
    "AS2_FAILPOINTS": ";".join(f"{name}=kill:file" for name in KILLS),
    "AS2_READ_TIMEOUT": "300",
    "AS2_RESTART_MIN_SIZE": "100000",
}


@pytest.fixture(scope="module")
def vendor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway that holds what is cut of AMAZON's messages."""
    with Gateway(tmp_path_factory.mktemp("restart") / "vendor", env=_ENV) as gateway:
        amazon = connection("VENDOR", "AMAZON", "http://127.0.0.1:9/as2", {"restart": True})
        ours, theirs = factories.identity("VENDOR"), factories.identity("AMAZON")
        apply(gateway, ["VENDOR"], ours, [amazon], theirs)
        yield gateway


def large() -> tuple[bytes, Sent]:
    payload = os.urandom(400_000)
    return payload, client.message(payload).with_fields(ETag=f'"{uuid4().hex}"')


def cut(gateway: Gateway, octets: bytes) -> None:
    """Send octets and hang up."""
    with closing(connect(gateway)) as peer, suppress(OSError):
        peer.sendall(octets)


def part(sent: Sent, offset: int, end: int | None = None) -> bytes:
    """A request with the octets from an offset on, which announces all that follow."""
    size = len(sent.body)
    span = f"bytes {offset}-{size - 1}/{size}"
    fields = {**sent.fields, "Content-Range": span, "Content-Length": str(size - offset)}
    return post(sent.body[offset:end], fields)


def ask(gateway: Gateway, sent: Sent) -> Reply:
    named = {name: sent.fields[name] for name in ("ETag", "AS2-From", "AS2-To", "Host")}
    with closing(connect(gateway)) as peer:
        peer.sendall(post(b"", named).replace(b"POST", b"HEAD", 1))
        return read_answer(peer, "HEAD")


def held(gateway: Gateway, sent: Sent) -> int:
    """What is held, asked until there is an answer, as a sender does (RST-06)."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with suppress(HTTPException, OSError):
            reply = ask(gateway, sent)
            if reply.status == HTTPStatus.OK:
                return int(reply.headers.get("Content-Length") or 0)
        time.sleep(0.1)
    raise AssertionError(f"no answer to HEAD\n{gateway.output()}")


def send_the_rest(gateway: Gateway, sent: Sent) -> Reply:
    """Ask and send until there is an answer, each time what is missing."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        offset = min(held(gateway, sent), len(sent.body) - 1)
        with suppress(HTTPException, OSError):
            reply = client.send(gateway, part(sent, offset))
            if reply.status == HTTPStatus.OK:
                return reply
        time.sleep(0.1)
    raise AssertionError(f"no answer\n{gateway.output()}")


def test_a_message_goes_on_over_a_new_connection(vendor: Gateway) -> None:
    payload, sent = large()
    assert held(vendor, sent) == 0
    cut(vendor, part(sent, 0, 250_000))
    wait_for(lambda: held(vendor, sent) == 250_000, PATIENCE, "the part to be held")
    cut(vendor, part(sent, 250_000, 300_000))
    wait_for(lambda: held(vendor, sent) == 300_000, PATIENCE, "the second part to be held")
    sender.verify(client.send(vendor, part(sent, 300_000)), sent)
    wait_for(lambda: client.copies(vendor, payload), PATIENCE, "the document")
    assert client.copies(vendor, payload) == 1


def test_while_octets_come_the_transfer_is_locked(vendor: Gateway) -> None:
    _, sent = large()
    with closing(connect(vendor)) as peer:
        peer.sendall(part(sent, 0, 250_000))
        busy = HTTPStatus.INTERNAL_SERVER_ERROR
        wait_for(lambda: ask(vendor, sent).status == busy, PATIENCE, "the transfer to be locked")
    wait_for(lambda: held(vendor, sent) == 250_000, PATIENCE, "the part to be held")
    sender.verify(send_the_rest(vendor, sent), sent)


def test_what_waits_for_a_dead_line_is_taken_over(vendor: Gateway) -> None:
    payload, sent = large()
    cut(vendor, part(sent, 0, 200_000))
    wait_for(lambda: held(vendor, sent) == 200_000, PATIENCE, "the part to be held")
    with closing(connect(vendor)) as dead:
        dead.sendall(part(sent, 200_000, 300_000))
        sender.verify(send_the_rest(vendor, sent), sent)
        assert held(vendor, sent) == len(sent.body)
    wait_for(lambda: client.copies(vendor, payload), PATIENCE, "the document")
    assert client.copies(vendor, payload) == 1


@pytest.mark.parametrize("failpoint", KILLS)
def test_a_kill_costs_no_octet_that_was_held_and_doubles_nothing(
    vendor: Gateway, failpoint: str
) -> None:
    payload, sent = large()
    cut(vendor, part(sent, 0, 200_000))
    wait_for(lambda: held(vendor, sent) == 200_000, PATIENCE, "the part to be held")
    folder = vendor.home / "run" / "failpoints"
    folder.mkdir(exist_ok=True)
    (folder / failpoint).touch()
    if failpoint == "rx.part_committed":
        # Nothing else yet: whoever overtakes a part that is cut has it refused.
        cut(vendor, part(sent, 200_000, 300_000))
    else:
        with suppress(HTTPException, OSError):
            client.send(vendor, part(sent, 200_000))
    gone = folder / failpoint
    wait_for(lambda: not gone.exists(), PATIENCE, f"a kill at {failpoint}")
    assert held(vendor, sent) >= 200_000
    sender.verify(send_the_rest(vendor, sent), sent)
    wait_for(lambda: client.copies(vendor, payload), PATIENCE, "the document")
    assert client.copies(vendor, payload) == 1
    rows = records_of(vendor).messages(direction="inbound")
    states = [r["state"] for r in rows if r["message_id"] == sent.fields["Message-ID"]]
    assert states == ["accepted"]


@contextmanager
def cutting_line(port: int, octets: int) -> Iterator[tuple[int, list[int]]]:
    """A line to a server that breaks once, after so many octets; its port, and what it carried."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.1)
        carried: list[int] = []
        stop = threading.Event()
        thread = threading.Thread(target=_carry, args=(listener, port, octets, carried, stop))
        thread.start()
        try:
            yield listener.getsockname()[1], carried
        finally:
            stop.set()
            thread.join()


def _carry(
    listener: socket.socket, port: int, octets: int, carried: list[int], stop: threading.Event
) -> None:
    while not stop.is_set():
        with suppress(OSError):
            near, _ = listener.accept()
            limit = None if carried else octets
            carried.append(0)
            with near, socket.create_connection(("127.0.0.1", port)) as far:
                near.settimeout(0.05)
                far.settimeout(0.05)
                while not stop.is_set() and _pass_on(near, far, carried, limit):
                    _pass_back(far, near)


def _pass_on(
    near: socket.socket, far: socket.socket, carried: list[int], limit: int | None
) -> bool:
    """Carry some octets; False when the line is broken or the sender is gone."""
    try:
        data = near.recv(65536)
    except TimeoutError:
        return True
    far.settimeout(PATIENCE)
    far.sendall(data[: limit - carried[-1]] if limit else data)
    far.settimeout(0.05)
    carried[-1] += len(data)
    return bool(data) and (limit is None or carried[-1] < limit)


def _pass_back(far: socket.socket, near: socket.socket) -> None:
    with suppress(TimeoutError):
        near.sendall(far.recv(65536))


def test_two_gateways_send_only_the_rest_of_what_was_cut(tmp_path: Path) -> None:
    document = os.urandom(3_000_000)
    relation = Relation("restart", {"restart": True, "response_timeout": 20})
    with (
        running_pair(tmp_path, [relation]) as pair,
        cutting_line(pair.b.gateway.port, 2_000_000) as (
            port,
            carried,
        ),
    ):
        settings = {**relation.settings, "sign": "sha-256"}
        url = f"http://127.0.0.1:{port}/as2"
        ours = connection("A-restart", "B-restart", url, settings)
        apply(pair.a.gateway, ["A-restart"], pair.a.identity, [ours], pair.b.identity)
        pair.a.drop("restart", "order.edi", document)
        queued = "queued"
        rows = pair.a.records
        pair.wait_for(
            lambda: any(m["attempts"] and m["state"] == queued for m in rows.messages("order.edi")),
            "the cut",
        )
        rows.turn_clock()
        message = pair.wait_until_sent(pair.a, "order.edi")
        assert message["state"] == "delivered"
        assert pair.wait_until_handed_over(pair.b, "restart", "order.edi") == [document]
    whole, question, rest = carried
    assert whole >= 2_000_000
    assert question < 2000
    assert rest < 1_500_000
