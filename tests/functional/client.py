"""A partner named AMAZON at the door of VENDOR, a whole gateway: octets over a real socket."""

import socket
from collections.abc import Iterable
from contextlib import closing, suppress
from http import HTTPStatus
from http.client import HTTPResponse
from pathlib import Path
from uuid import uuid4

from as2gateway.headers import Headers
from as2gateway.policy import MDNMode
from messages.replies import Reply
from tests import factories
from tests.functional.pair import apply, connection
from tests.gateway_process import Gateway
from tests.messages import sender
from tests.messages.sender import Sent
from tests.messages.wsgi import post

#: Seconds that an answer may take.
_PATIENCE = 60.0


def set_up(gateway: Gateway, **urls: str) -> None:
    """Make VENDOR of a gateway, and partners under these AS2 ids and URLs; AMAZON is always one."""
    known = {"AMAZON": "http://127.0.0.1:9/as2", **urls}
    connections = [connection("VENDOR", name, url, {}) for name, url in known.items()]
    ours, theirs = factories.identity("VENDOR"), factories.identity("AMAZON")
    apply(gateway, ["VENDOR"], ours, connections, theirs)


def document() -> bytes:
    """A document that nobody has sent before."""
    return f"UNB+UNOA:1+AMAZON+VENDOR+{uuid4().hex}'\r\n".encode()


def message(payload: bytes, **policy: object) -> Sent:
    """Pack it as usual, or by another policy."""
    name = f"<{uuid4().hex}@amazon.example>"
    return sender.message(payload, name, **policy).with_fields(Host="127.0.0.1")


def asking_async(payload: bytes, url: str) -> Sent:
    """Pack it and ask for an MDN that is to be posted there."""
    return message(payload, mdn=MDNMode.ASYNC, mdn_url=url)


def request(sent: Sent) -> bytes:
    """The whole request, with its length."""
    return post(sent.body, sent.fields)


def chunked(sent: Sent, size: int = 1000) -> bytes:
    """The whole request in chunks."""
    head = post(b"", {**sent.fields, "Transfer-Encoding": "chunked"})
    pieces = [sent.body[i : i + size] for i in range(0, len(sent.body), size)]
    return head + b"".join(b"%x\r\n%b\r\n" % (len(p), p) for p in pieces) + b"0\r\n\r\n"


def connect(gateway: Gateway) -> socket.socket:
    """A connection to the gateway."""
    return socket.create_connection(("127.0.0.1", gateway.port), timeout=_PATIENCE)


def read_answer(peer: socket.socket, method: str = "POST") -> Reply:
    """Read one whole answer. Raises http.client.HTTPException or OSError if none comes."""
    response = HTTPResponse(peer, method=method)
    try:
        response.begin()
        body = response.read()
        headers = Headers(tuple(response.getheaders()))
        return Reply(HTTPStatus(response.status), headers, body)
    finally:
        response.close()


def send(gateway: Gateway, octets: bytes) -> Reply:
    """Send a raw request by a connection of its own; the answer."""
    with closing(connect(gateway)) as peer:
        # Who is refused early may still be sending.
        with suppress(BrokenPipeError, ConnectionResetError):
            peer.sendall(octets)
        return read_answer(peer)


def copies(gateway: Gateway, payload: bytes) -> int:
    """How often the business side finds a document in VENDOR's inbox."""
    return sum(path.read_bytes() == payload for path in visible(gateway.inbox))


def visible(folder: Path) -> Iterable[Path]:
    """Files that are not hidden, at any depth."""
    return [p for p in folder.rglob("*") if p.is_file() and not p.name.startswith(".")]
