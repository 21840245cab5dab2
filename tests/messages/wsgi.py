"""WSGI environments as gunicorn makes them: requests go through its parser, over a socket."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from gunicorn.config import Config
from gunicorn.http.parser import RequestParser
from gunicorn.http.wsgi import create

from config.gunicorn import pre_request

CLIENT = ("192.0.2.7", 4711)
SERVER = ("127.0.0.1", 8000)


@contextmanager
def environment(request: bytes) -> Iterator[dict[str, Any]]:
    """Send a raw request and hang up; the environment that a WSGI application gets for it."""

    def talk(client: socket.socket) -> None:
        client.sendall(request)
        client.shutdown(socket.SHUT_WR)

    with conversation(talk) as environ:
        yield environ


@contextmanager
def conversation(talk: Callable[[socket.socket], None]) -> Iterator[dict[str, Any]]:
    """Let a client talk from a thread of its own; it may go on while the body is read."""
    server, client = socket.socketpair()
    # A client that is hung up on in the middle of a body stops, as one would.
    thread = threading.Thread(target=_until_refused, args=(talk, client))
    thread.start()
    try:
        config = Config()
        parsed = next(RequestParser(config, server, CLIENT))
        pre_request(None, parsed)
        yield create(parsed, server, CLIENT, SERVER, config)[1]
    finally:
        server.close()
        thread.join(10)
        client.close()


def _until_refused(talk: Callable[[socket.socket], None], client: socket.socket) -> None:
    try:
        talk(client)
    except OSError:
        return


def post(body: bytes = b"", fields: dict[str, str] | None = None, *, path: str = "/as2") -> bytes:
    """Write a POST with a Content-Length, unless the fields say otherwise."""
    given = {"Host": "gateway.example", **(fields or {})}
    if not {"Content-Length", "Transfer-Encoding"} & set(given):
        given["Content-Length"] = str(len(body))
    lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
    return f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode("latin-1") + body
