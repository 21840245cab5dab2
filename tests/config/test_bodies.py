"""Bodies, as the web server reads them: the octets and errors that gunicorn's reader gives."""

import io
import socket
import threading
from collections.abc import Sequence
from typing import Any

import pytest
from gunicorn.config import Config
from gunicorn.http.parser import RequestParser
from hypothesis import given
from hypothesis import strategies as st

from config.bodies import Parser
from tests.gateway.properties import examples

NEXT = b"GET /healthz HTTP/1.1\r\nHost: b\r\n\r\n"
SIZES = st.lists(st.integers(500, 300_000), min_size=1, max_size=5)


class Wire:
    """A socket that gives its octets in pieces of given lengths, over and over, and then ends."""

    def __init__(self, octets: bytes, pieces: Sequence[int]) -> None:
        self._octets = io.BytesIO(octets)
        self._pieces = pieces
        self._count = 0

    def recv(self, size: int) -> bytes:
        most = min(size, self._pieces[self._count % len(self._pieces)])
        self._count += 1
        return self._octets.read(most)


def read(parser: Any, sizes: Sequence[int]) -> tuple[list[bytes], str]:
    """The pieces read of a request's body; the request after it, or the error there was."""
    body = next(parser).body
    pieces: list[bytes] = []
    try:
        while not pieces or pieces[-1]:
            pieces.append(body.read(sizes[len(pieces) % len(sizes)]))
        return pieces, next(parser).uri
    except Exception as error:  # noqa: BLE001  which one it is, is what is compared
        return pieces, type(error).__name__


def both(octets: bytes, pieces: Sequence[int], sizes: Sequence[int]) -> list[bytes]:
    """What ours reads; it is what gunicorn's own reads."""
    ours, theirs = [
        read(make(Config(), Wire(octets, pieces), ("127.0.0.1", 1)), sizes)
        for make in (Parser, RequestParser)
    ]
    assert ours == theirs
    return ours[0]


def measured(body: bytes) -> bytes:
    return b"POST /as2 HTTP/1.1\r\nHost: b\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def chunked(parts: Sequence[bytes], end: bytes = b"0\r\n\r\n") -> bytes:
    head = b"POST /as2 HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + end


def octets(size: int) -> bytes:
    return bytes(range(251)) * (size // 251 + 1)


@examples(60)
@given(size=st.integers(0, 800_000), pieces=SIZES, sizes=SIZES)
def test_a_body_of_known_length_is_read_as_gunicorn_reads_it(
    size: int, pieces: list[int], sizes: list[int]
) -> None:
    body = octets(size)[:size]
    assert b"".join(both(measured(body) + NEXT, pieces, sizes)) == body


@examples(60)
@given(
    parts=st.lists(st.integers(1, 200_000), max_size=6),
    pieces=SIZES,
    sizes=SIZES,
    trailer=st.sampled_from([b"", b"X-Sum: 1\r\n"]),
)
def test_chunks_are_read_as_gunicorn_reads_them(
    parts: list[int], pieces: list[int], sizes: list[int], trailer: bytes
) -> None:
    sent = [octets(size)[:size] for size in parts]
    wire = chunked(sent, b"0\r\n" + trailer + b"\r\n") + NEXT
    assert b"".join(both(wire, pieces, sizes)) == b"".join(sent)


@pytest.mark.parametrize(
    "wire",
    [
        measured(octets(90_000))[:-5],
        measured(octets(200_000))[:-100_000],
        chunked([octets(90_000)], b""),
        chunked([octets(90_000)], b"0\r\n"),
        chunked([octets(90_000)])[:-60_000],
        chunked([octets(90_000)], b"zz\r\n"),
        chunked([b"abc"], b"3\r\nabcd\r\n0\r\n\r\n"),
    ],
    ids=["end", "middle", "no-last", "half-last", "amid-chunk", "no-number", "too-long"],
)
@pytest.mark.parametrize("pieces", [[1_000_000], [7], [4096, 1]], ids=["once", "sevens", "pages"])
def test_a_broken_body_is_broken_in_the_same_way(wire: bytes, pieces: list[int]) -> None:
    both(wire, pieces, [65_536])


def test_lines_and_octets_can_be_read_by_turns() -> None:
    text = b"one\r\n" + b"two\r\n" + b"x" * 100_000
    body = next(Parser(Config(), Wire(measured(text), [9_000]), ("127.0.0.1", 1))).body
    assert [body.readline(), body.read(3), body.readline()] == [b"one\r\n", b"two", b"\r\n"]
    assert body.read() == b"x" * 100_000


def test_a_read_asks_the_socket_for_no_more_than_the_body() -> None:
    """What follows stays with the socket, where the loop is told of it."""
    body = octets(300_000)[:300_000]
    near, far = socket.socketpair()
    with near, far:
        sender = threading.Thread(target=near.sendall, args=(measured(body) + NEXT,))
        sender.start()
        parser = Parser(Config(), far, ("127.0.0.1", 1))
        assert next(parser).body.read(300_000) == body
        sender.join()
        assert far.recv(1000) == NEXT
