"""The REST API over HTTP: from one gateway to another by calls, and what a cut call leaves."""

import hashlib
import json
import os
import socket
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from http.client import HTTPResponse
from typing import Any, Final

import pytest
import urllib3

from tests.functional.pair import PATIENCE, Pair, Relation, Side, running_pair
from tests.gateway_process import Gateway, wait_for

#: Bytes that a store spools and a worker of ours never holds at once.
_LARGE: Final = 20_000_000
RELATION: Final = Relation("pull", {"delivery": "pull"})
MAKE_USER: Final = """
from django.contrib.auth.models import Group, User
from partners.models import Connection, Scope
user = User.objects.create(username="erp")
user.groups.add(Group.objects.get(name="business system"))
Scope.objects.create(user=user).connections.add(Connection.objects.get())
"""


@dataclass(frozen=True, slots=True)
class Program:
    """A business system with a token, at one gateway."""

    gateway: Gateway
    token: str

    def call(self, method: str, path: str, **more: Any) -> urllib3.BaseHTTPResponse:
        """Make a call."""
        fields = {"Authorization": f"Bearer {self.token}", **more.pop("headers", {})}
        url = f"{self.gateway.url}/api/v1/{path}"
        return urllib3.request(method, url, headers=fields, retries=False, timeout=60.0, **more)

    def told(self, path: str) -> Any:
        """What a call that only reads says."""
        return json.loads(self.call("GET", path).data)

    def head(self, path: str, *fields: str) -> bytes:
        """The head of a call whose body is made by hand."""
        lines = [f"POST /api/v1/{path} HTTP/1.1", f"Host: 127.0.0.1:{self.gateway.port}"]
        lines += [f"Authorization: Bearer {self.token}", *fields]
        return "\r\n".join([*lines, "", ""]).encode()


def program_at(side: Side) -> Program:
    side.gateway.manage("shell", "-c", MAKE_USER)
    return Program(side.gateway, side.gateway.manage("api_token", "erp", "test").strip())


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with running_pair(tmp_path_factory.mktemp("api"), [RELATION]) as pair:
        yield pair


@pytest.fixture(scope="module")
def sender(exchange: Pair) -> Program:
    return program_at(exchange.a)


@pytest.fixture(scope="module")
def receiver(exchange: Pair) -> Program:
    return program_at(exchange.b)


def document(size: int = 0) -> bytes:
    """A document that nobody has sent before."""
    return f"UNB+UNOA:1+A+B+{os.urandom(8).hex()}'\r\n".encode() + os.urandom(size)


def send(program: Program, data: bytes, **headers: str) -> urllib3.BaseHTTPResponse:
    (link,) = program.told("connections")["items"]
    path = f"messages?connection={link['id']}&filename=order.edi"
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return program.call("POST", path, body=data, headers=fields)


def waiting_for(program: Program, data: bytes) -> list[Any]:
    digest = hashlib.sha256(data).hexdigest()
    rows = program.told("deliveries?state=waiting&limit=200")["items"]
    return [row for row in rows if row["sha256"] == digest]


def raw_call(program: Program, octets: bytes, *, finish: bool = True) -> tuple[int, Any]:
    """Send a call as it stands; the status and what is told."""
    address = ("127.0.0.1", program.gateway.port)
    with closing(socket.create_connection(address, timeout=60)) as peer:
        with suppress(BrokenPipeError, ConnectionResetError):
            peer.sendall(octets)
        if not finish:
            peer.shutdown(socket.SHUT_WR)
        answer = HTTPResponse(peer, method="POST")
        answer.begin()
        return answer.status, json.loads(answer.read())


@pytest.mark.parametrize("size", [0, _LARGE], ids=["small", "large"])
def test_a_document_goes_from_program_to_program(
    exchange: Pair, sender: Program, receiver: Program, size: int
) -> None:
    data = document(size)
    answer = send(sender, data)
    assert answer.status == 202
    url = answer.headers["Location"].removeprefix("/api/v1/")
    exchange.wait_for(lambda: sender.told(url)["state"] == "delivered", "the MDN")
    (mdn,) = sender.told(url)["mdns"]
    assert (mdn["positive"], mdn["mic_matched"]) == (True, True)

    exchange.wait_for(lambda: waiting_for(receiver, data), "the document")
    (row,) = waiting_for(receiver, data)
    fetched = [receiver.call("GET", f"deliveries/{row['id']}/payload").data for _ in range(2)]
    assert fetched == [data, data]
    for _ in range(2):
        assert receiver.call("POST", f"deliveries/{row['id']}/acknowledge").status == 200
    assert waiting_for(receiver, data) == []
    assert exchange.b.inbox("pull").exists() is False


def test_a_repeated_call_is_one_message(sender: Program, exchange: Pair) -> None:
    data = document()
    answers = [send(sender, data, Idempotency_Key="order-1") for _ in range(3)]
    assert [each.status for each in answers] == [202, 200, 200]
    assert len({json.loads(each.data)["id"] for each in answers}) == 1
    digest = hashlib.sha256(data).hexdigest()
    sent = exchange.a.records.messages(direction="outbound", payload_sha256=digest)
    assert len(sent) == 1


def test_a_document_comes_in_chunks_or_in_a_form(sender: Program, exchange: Pair) -> None:
    (link,) = sender.told("connections")["items"]
    whole, form = document(70_000), document(70_000)
    pieces = iter([whole[:10], whole[10:]])
    path = f"messages?connection={link['id']}"
    chunked = sender.call("POST", path, body=pieces, headers={"Transfer-Encoding": "chunked"})
    fields = {"connection": str(link["id"]), "file": ("form.edi", form, "text/plain")}
    multipart = sender.call("POST", "messages", fields=fields)
    assert (chunked.status, multipart.status) == (202, 202)
    told = [json.loads(each.data)["payload_sha256"] for each in (chunked, multipart)]
    assert told == [hashlib.sha256(each).hexdigest() for each in (whole, form)]


CUT: Final = {
    "by length": ("Content-Length: 100000", b"x" * 90_000),
    "in chunks": ("Transfer-Encoding: chunked", b"%x\r\n%b\r\n" % (90_000, b"x" * 90_000)),
}


@pytest.mark.parametrize(("field", "body"), CUT.values(), ids=CUT)
def test_a_call_that_is_cut_leaves_nothing(
    sender: Program, exchange: Pair, field: str, body: bytes
) -> None:
    before = exchange.a.records.count("message")
    octets = sender.head("messages?connection=1", field) + body
    status, told = raw_call(sender, octets, finish=False)
    assert (status, told["status"]) == (400, 400)
    assert exchange.a.records.count("message") == before


def test_a_form_that_is_cut_leaves_nothing(sender: Program, exchange: Pair) -> None:
    before = exchange.a.records.count("message")
    part = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    fields = ("Content-Type: multipart/form-data; boundary=b", "Content-Length: 100000")
    octets = sender.head("messages?connection=1", *fields) + part + b"x" * 90_000
    status, _told = raw_call(sender, octets, finish=False)
    assert status == 400
    assert exchange.a.records.count("message") == before


@pytest.mark.parametrize(
    ("length", "told"), [("0", "The document is empty."), (str(10**13), "larger than")]
)
def test_a_length_that_cannot_be_is_refused(sender: Program, length: str, told: str) -> None:
    octets = sender.head("messages?connection=1", f"Content-Length: {length}")
    status, problem = raw_call(sender, octets)
    assert status == (422 if length == "0" else 413)
    assert told in problem["detail"]


def test_who_may_not_is_told_so_before_a_large_document_was_read(
    exchange: Pair, sender: Program
) -> None:
    stranger = Program(sender.gateway, "as2_wrong")
    octets = stranger.head("messages?connection=1", f"Content-Length: {_LARGE}")
    status, told = raw_call(stranger, octets + b"x" * 100_000)
    assert (status, told["title"]) == (401, "Unauthorized")
    assert sender.call("GET", "messages").status == 200


def test_a_crash_before_the_answer_doubles_nothing(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("crash")
    env = {"AS2_FAILPOINTS": "tx.accepted=kill:file"}
    with running_pair(folder, [Relation("crash")], env, {}) as pair:
        program, data = program_at(pair.a), document()
        hold = pair.a.gateway.home / "run" / "failpoints"
        hold.mkdir(parents=True, exist_ok=True)
        (hold / "tx.accepted").touch()
        with pytest.raises((urllib3.exceptions.HTTPError, OSError)):
            send(program, data, Idempotency_Key="order-1")
        wait_for(lambda: _answers(program), PATIENCE, "the next web process")
        assert send(program, data, Idempotency_Key="order-1").status == 200
        digest = hashlib.sha256(data).hexdigest()
        assert len(pair.a.records.messages(payload_sha256=digest)) == 1


def _answers(program: Program) -> bool:
    try:
        return program.call("GET", "messages").status == 200
    except (urllib3.exceptions.HTTPError, OSError):
        return False
