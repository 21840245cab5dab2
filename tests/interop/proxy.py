"""What stands between two sides and meddles: it forwards requests as a test would have it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import urllib3

#: Seconds for an answer; the products take that long only on a machine that is very busy.
_PATIENCE = 120.0

#: Fields of one hop; what is forwarded is framed anew.
_OF_THE_HOP = {"connection", "content-length", "host", "keep-alive", "te", "transfer-encoding"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    fields: tuple[tuple[str, str], ...]
    body: bytes


#: Forwards a body under the fields that came; returns the answer to it.
Forward = Callable[[bytes], Answer]

#: Answers a request whose body is given.
Meddler = Callable[[Forward, bytes], Answer]


@dataclass(slots=True)
class Proxy:
    """A door in front of ``target``, which may be named later than the door is opened."""

    url: str
    target: str = ""
    #: what was forwarded, under which Message-ID, and what came back
    forwarded: list[bytes] = field(default_factory=list)
    message_ids: list[str] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)

    def forward(self, fields: dict[str, str], body: bytes) -> Answer:
        """Pass it on and keep both sides of it."""
        with urllib3.PoolManager(timeout=_PATIENCE, retries=False) as pool:
            came = pool.request("POST", self.target, body=body, headers=fields)
            kept = tuple((n, v) for n, v in came.headers.items() if n.lower() not in _OF_THE_HOP)
            answer = Answer(came.status, kept, came.data)
        self.forwarded.append(body)
        self.message_ids.append(next(v for n, v in fields.items() if n.lower() == "message-id"))
        self.answers.append(answer)
        return answer


@contextmanager
def proxy(meddle: Meddler) -> Iterator[Proxy]:
    """Open a door on a port of its own; every request goes through ``meddle``."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            fields = {n: v for n, v in self.headers.items() if n.lower() not in _OF_THE_HOP}
            body = self._body()
            answer = meddle(lambda octets: door.forward(fields, octets), body)
            self.send_response(answer.status)
            for name, value in answer.fields:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.send_header("Connection", "close")
            self.end_headers()
            # Who asked may have given up.
            with suppress(OSError):
                self.wfile.write(answer.body)

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))
            pieces = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                pieces.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(pieces)

        def log_message(self, *_words: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    door = Proxy(f"http://127.0.0.1:{server.server_address[1]}/as2")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield door
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def passed_on(forward: Forward, body: bytes) -> Answer:
    """Change nothing."""
    return forward(body)


def flipped(forward: Forward, body: bytes) -> Answer:
    """Change one bit in the middle, where a ciphertext is."""
    middle = len(body) // 2
    return forward(body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1 :])


def altered(forward: Forward, body: bytes) -> Answer:
    """Change a figure of a document that nothing hides."""
    assert b"ISA*00*" in body
    return forward(body.replace(b"ISA*00*", b"ISA*01*", 1))


def twice(forward: Forward, body: bytes) -> Answer:
    """Pass it on two times; the answer is the second."""
    forward(body)
    return forward(body)


class LosesFirstAnswer:
    """Pass everything on, but let the first answer be lost."""

    def __init__(self) -> None:
        self._lost = False

    def __call__(self, forward: Forward, body: bytes) -> Answer:
        """Meddle."""
        answer = forward(body)
        if self._lost:
            return answer
        self._lost = True
        return Answer(503, (), b"")
