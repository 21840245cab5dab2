"""Slow and hostile clients, over real sockets: others are served all the while.

A source address is one of 127.0.0.0/8, all of which are this machine's. The gateway has four
threads, so that five slow clients would do.
"""

import itertools
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress

import pytest

from tests.functional import client
from tests.functional.client import read_answer, request
from tests.functional.pair import PATIENCE
from tests.gateway_process import Gateway, wait_for
from tests.messages.sender import verify

THREADS = 4
#: Connections of one address.
MOST = 60

#: Slow clients are not ended while a test looks at what they do to others.
PATIENT = {
    "AS2_WEB_THREADS": str(THREADS),
    "AS2_TRUSTED_PROXIES": "",
    "AS2_CONNECTIONS_PER_ADDRESS": str(MOST),
    "AS2_HEADER_TIMEOUT": "300",
    "AS2_READ_TIMEOUT": "300",
    "AS2_MIN_RATE_GRACE": "300",
}
HASTY = {
    **PATIENT,
    "AS2_HEADER_TIMEOUT": "2",
    "AS2_READ_TIMEOUT": "2",
    "AS2_MIN_RATE_GRACE": "2",
    "AS2_MIN_RATE": "100000",
}
HEAD = b"POST /as2 HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture(scope="module")
def vendor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """VENDOR, whose partner is AMAZON."""
    with Gateway(tmp_path_factory.mktemp("slow") / "vendor", env=PATIENT) as gateway:
        client.set_up(gateway)
        yield gateway


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway that has no patience."""
    with Gateway(tmp_path_factory.mktemp("hasty") / "vendor", env=HASTY) as gateway:
        yield gateway


class Crowd(ExitStack):
    """Connections that are closed at the end."""

    _numbers = itertools.count(1)

    def __init__(self) -> None:
        super().__init__()
        #: where they come from: what the gateway still has of other crowds does not count
        self.address = f"127.0.2.{next(self._numbers)}"


@pytest.fixture
def crowd() -> Iterator[Crowd]:
    with Crowd() as crowd:
        yield crowd


def connect(gateway: Gateway, crowd: Crowd, address: str = "") -> socket.socket:
    """Connect from an address, or from that of the crowd."""
    target, source = ("127.0.0.1", gateway.port), (address or crowd.address, 0)
    peer = socket.create_connection(target, PATIENCE, source_address=source)
    return crowd.enter_context(closing(peer))


def addresses(count: int) -> list[str]:
    return [f"127.0.1.{number + 1}" for number in range(count)]


def is_served(gateway: Gateway) -> bool:
    """Whether health and a partner's message are answered as ever."""
    health = client.send(gateway, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    sent = client.message(client.document())
    verify(client.send(gateway, request(sent)), sent)
    return health.status == 200


def test_two_hundred_idle_connections_hold_nobody_up(vendor: Gateway, crowd: Crowd) -> None:
    for address in addresses(4):
        for _ in range(50):
            connect(vendor, crowd, address)
    assert is_served(vendor)


def test_headers_that_never_end_hold_nobody_up(vendor: Gateway, crowd: Crowd) -> None:
    peers = [connect(vendor, crowd) for _ in range(10 * THREADS)]
    for number in range(3):
        for peer in peers:
            peer.sendall(HEAD if number == 0 else f"X-Slow-{number}: 1\r\n".encode())
        assert is_served(vendor)


def test_small_bodies_that_never_end_hold_nobody_up(vendor: Gateway, crowd: Crowd) -> None:
    sent = client.message(client.document())
    for _ in range(10 * THREADS):
        connect(vendor, crowd).sendall(request(sent)[:-1])
    assert is_served(vendor)


def test_large_bodies_that_never_end_hold_up_no_small_ones(vendor: Gateway, crowd: Crowd) -> None:
    sent = client.message(bytes(200_000))
    for address in addresses(3 * THREADS):
        connect(vendor, crowd, address).sendall(request(sent)[:-1])
    assert is_served(vendor)


def test_large_bodies_of_one_address_leave_room_for_those_of_others(
    vendor: Gateway, crowd: Crowd
) -> None:
    sent, other = client.message(bytes(200_000)), client.message(bytes(200_000))
    for _ in range(3 * THREADS):
        connect(vendor, crowd).sendall(request(sent)[:-1])
    with closing(connect(vendor, crowd, "127.0.0.1")) as peer:
        peer.sendall(request(other))
        verify(client.read_answer(peer), other)


def test_large_bodies_that_had_to_wait_are_read_when_others_are_gone(
    vendor: Gateway, crowd: Crowd
) -> None:
    slow, waiting = client.message(bytes(200_000)), client.message(bytes(200_001))
    peers = [connect(vendor, crowd) for _ in range(THREADS)]
    for peer in peers:
        peer.sendall(request(slow)[:-1])
    last = connect(vendor, crowd)
    last.sendall(request(waiting))
    for peer in peers:
        peer.close()
    verify(client.read_answer(last), waiting)


def test_an_address_with_too_many_connections_gets_no_more(vendor: Gateway, crowd: Crowd) -> None:
    peers = [connect(vendor, crowd) for _ in range(MOST + 5)]
    for peer in peers[MOST:]:
        with suppress(ConnectionResetError):
            assert peer.recv(1) == b""
    peers[0].sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert client.read_answer(peers[0], "GET").status == 200
    assert is_served(vendor)


def test_connections_that_are_gone_do_not_count(vendor: Gateway) -> None:
    for _ in range(3):
        with Crowd() as crowd:
            for _ in range(MOST):
                connect(vendor, crowd, "127.0.0.77")

    def has_room() -> bool:
        with Crowd() as crowd, suppress(OSError):
            peer = connect(vendor, crowd, "127.0.0.77")
            peer.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            return client.read_answer(peer, "GET").status == 200
        return False

    wait_for(has_room, PATIENCE, "room for the address")


@pytest.mark.parametrize(
    ("octets", "status"),
    [(HEAD, 408), (HEAD + b"Content-Length: 9\r\n\r\nx", 408)],
    ids=["header", "small body"],
)
def test_who_is_too_slow_is_told_and_ended(
    hasty: Gateway, crowd: Crowd, octets: bytes, status: int
) -> None:
    peer = connect(hasty, crowd)
    peer.sendall(octets)
    assert client.read_answer(peer).status == status
    assert peer.recv(1) == b""


def test_who_says_nothing_is_ended(hasty: Gateway, crowd: Crowd) -> None:
    assert connect(hasty, crowd).recv(1) == b""


def test_a_later_message_of_a_connection_may_come_in_pieces(vendor: Gateway, crowd: Crowd) -> None:
    peer = connect(vendor, crowd)
    first, later = (client.message(client.document()) for _ in range(2))
    peer.sendall(request(first))
    verify(read_answer(peer), first)
    octets = request(later)
    end = octets.index(b"\r\n\r\n") + 4
    for piece in (octets[:20], octets[20:end], octets[end:-1], octets[-1:]):
        peer.sendall(piece)
        # The only process of the web answers this after it has seen the piece.
        assert is_served(vendor)
    verify(read_answer(peer), later)


def test_many_requests_at_once_on_one_connection_are_answered_in_order(
    hasty: Gateway, crowd: Crowd
) -> None:
    peer = connect(hasty, crowd)
    one = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    missing = b"GET /as2 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    peer.sendall(one + one + missing)
    octets = b"".join(iter(lambda: peer.recv(65536), b""))
    assert [octets.count(line) for line in (b"HTTP/1.1 200", b"HTTP/1.1 405")] == [2, 1]
