"""A partner's server for tests: real sockets, answers to the octet, and what it got is kept."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

#: What is done with a connection once the request has been read, or the octets to answer with.
Script = Callable[[socket.socket, bytes], None] | bytes

#: Seconds a server waits for a client: no test hangs.
_PATIENCE = 10.0


@dataclass
class Peer:
    """A server on the loopback interface."""

    url: str
    port: int
    #: each request, header block and body, as it came
    requests: list[bytes] = field(default_factory=list)

    @property
    def header_lines(self) -> list[str]:
        """Request line and header fields of the last request."""
        return self.requests[-1].partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")

    @property
    def bodies(self) -> list[bytes]:
        """Bodies of all requests."""
        return [request.partition(b"\r\n\r\n")[2] for request in self.requests]

    def header(self, name: str) -> str | None:
        """A field of the last request."""
        found = [line for line in self.header_lines if line.lower().startswith(f"{name.lower()}:")]
        return found[0].partition(":")[2].strip() if found else None


def answer(body: bytes = b"", status: str = "200 OK", *fields: str) -> bytes:
    """A whole answer with its length."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *fields]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@contextmanager
def serve(*scripts: Script, tls: ssl.SSLContext | None = None) -> Iterator[Peer]:
    """Run a server that follows one script a connection; the last one is repeated."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.05)
        port = listener.getsockname()[1]
        scheme = "http" if tls is None else "https"
        peer = Peer(f"{scheme}://localhost:{port}/as2", port)
        stop = threading.Event()
        thread = threading.Thread(target=_run, args=(listener, peer, scripts, tls, stop))
        thread.start()
        try:
            yield peer
        finally:
            stop.set()
            thread.join()


def _run(
    listener: socket.socket,
    peer: Peer,
    scripts: tuple[Script, ...],
    tls: ssl.SSLContext | None,
    stop: threading.Event,
) -> None:
    served = 0
    while not stop.is_set():
        try:
            connection, _ = listener.accept()
        except TimeoutError:
            continue
        script = scripts[min(served, len(scripts) - 1)]
        served += 1
        connection.settimeout(_PATIENCE)
        with connection, suppress(OSError):
            if tls is not None:
                with tls.wrap_socket(connection, server_side=True) as secure:
                    _follow(secure, peer, script)
            else:
                _follow(connection, peer, script)


def _follow(connection: socket.socket, peer: Peer, script: Script) -> None:
    request = read_request(connection)
    peer.requests.append(request)
    if isinstance(script, bytes):
        connection.sendall(script)
    else:
        script(connection, request)


def read_request(connection: socket.socket) -> bytes:
    """Read a request with its body of Content-Length octets."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return data
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    length = _declared(head)
    while len(body) < length and (piece := connection.recv(65536)):
        body += piece
    return head + b"\r\n\r\n" + body


def is_whole(request: bytes) -> bool:
    """Whether all of a request came: its client may have died in the middle."""
    head, end, body = request.partition(b"\r\n\r\n")
    return bool(end) and len(body) >= _declared(head)


@dataclass
class Lasting:
    """A server that answers all requests of a connection, or goes silent at some."""

    respond: Callable[[bytes], bytes]
    #: requests that it takes without an answer, counted from 1
    unanswered: frozenset[int] = frozenset()
    #: each request, and how many there were on each connection
    requests: list[bytes] = field(default_factory=list)
    connections: list[int] = field(default_factory=list)

    def __call__(self, connection: socket.socket, request: bytes) -> None:
        """Follow a connection to its end, as a script of ``serve``."""
        self.connections.append(0)
        while request:
            self.requests.append(request)
            self.connections[-1] += 1
            if len(self.requests) in self.unanswered:
                return
            connection.sendall(self.respond(request))
            request = read_request(connection)


def _declared(head: bytes) -> int:
    """Return the body's length by its head; 0 if that does not say."""
    lines = head.lower().split(b"\r\n")
    return next((int(line[15:]) for line in lines if line[:15] == b"content-length:"), 0)
