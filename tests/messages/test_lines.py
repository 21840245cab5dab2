"""Lines: when a connection stays open for the next POST, and what comes of it when it does not."""

import socket
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import pytest
import trustme

from as2gateway.certificates import Certificate
from as2gateway.compliance.facts import Trust
from as2gateway.headers import Headers
from messages import lines, transport
from messages.lines import Kept
from messages.models import ErrorClass
from messages.transport import Answer, PostOptions, StaleLine, TransportError
from partners.tls.contexts import ClientPolicy, client_context
from tests.messages.servers import answer, read_request, serve

FIELDS = Headers((("AS2-From", "VENDOR"),))
YES = answer(b"yes")
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nyes\r\n0\r\nX: y\r\n\r\n"


@dataclass
class Server:
    """Answers request after request on each connection, the last one with the last answer."""

    answers: tuple[bytes, ...] = (YES,)
    #: what it does after it has answered, for whoever asks in vain
    then: Callable[[socket.socket], None] = lambda _connection: None
    #: the body of each request, by connection
    bodies: list[list[bytes]] = field(default_factory=list)
    #: how many connections the other side has closed
    ended: int = 0

    def __call__(self, connection: socket.socket, request: bytes) -> None:
        """Follow a connection to its end, as a script of ``serve``."""
        self.bodies.append([])
        answers = iter(self.answers)
        said = next(answers)
        while request:
            self.bodies[-1].append(request.partition(b"\r\n\r\n")[2])
            if not said:
                return
            connection.sendall(said)
            self.then(connection)
            said = next(answers, said)
            request = read_request(connection)
        self.ended += 1


@pytest.fixture
def kept() -> Iterator[Kept]:
    with Kept() as kept:
        yield kept


def send(url: str, body: bytes, kept: Kept, **options: object) -> Answer:
    usual = PostOptions(connect_timeout=2, idle_timeout=2, total=20, kept=kept)
    return transport.post(url, FIELDS, [body], len(body), replace(usual, **options))  # type: ignore[arg-type]  # its fields


def send_two(server: Server, kept: Kept, **options: object) -> list[list[bytes]]:
    """Send a and b; which of them came over which connection."""
    with serve(server) as peer:
        for body in (b"a", b"b"):
            assert send(peer.url, body, kept, **options).succeeded
        kept.drop()
    return server.bodies


@pytest.mark.parametrize("said", [YES, CHUNKED, answer(b"", "204 None")])
def test_a_whole_answer_leaves_the_connection_open(said: bytes, kept: Kept) -> None:
    assert send_two(Server((said,)), kept) == [[b"a", b"b"]]


@pytest.mark.parametrize(
    "said",
    [
        answer(b"yes", "200 OK", "Connection: close"),
        answer(b"yes", "200 OK", "Connection: Keep-Alive, Close"),
        YES.replace(b"HTTP/1.1", b"HTTP/1.0"),
        answer(b"yes", "200 OK", "Connection: keep-alive").replace(b"HTTP/1.1", b"HTTP/1.0"),
    ],
)
def test_a_server_that_will_close_gets_a_connection_each(said: bytes, kept: Kept) -> None:
    assert send_two(Server((said,)), kept) == [[b"a"], [b"b"]]


def test_an_answer_that_ends_with_the_connection_ends_it(kept: Kept) -> None:
    def hang_up(connection: socket.socket) -> None:
        connection.shutdown(socket.SHUT_WR)

    server = Server((b"HTTP/1.1 200 OK\r\n\r\nyes",), hang_up)
    assert send_two(server, kept) == [[b"a"], [b"b"]]


@pytest.mark.parametrize("status", ["301 There", "401 No", "416 Range", "503 Later"])
def test_after_an_answer_that_is_no_success_the_connection_is_closed(
    status: str, kept: Kept
) -> None:
    server = Server((answer(b"no", status), YES))
    with serve(server) as peer:
        for body in (b"a", b"b"):
            send(peer.url, body, kept)
        kept.drop()
    assert server.bodies == [[b"a"], [b"b"]]


def test_a_success_before_the_body_was_sent_ends_the_connection(kept: Kept) -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    def body() -> Iterator[bytes]:
        yield b"a"
        connection, _ = listener.accept()
        connection.sendall(YES)
        connection.close()
        for _ in range(200):
            yield bytes(256 * 1024)
            time.sleep(0.001)

    with listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        options = PostOptions(connect_timeout=2, idle_timeout=2, total=20, kept=kept)
        found = transport.post(url, FIELDS, body(), 200 * 256 * 1024 + 1, options)
    assert found.succeeded
    assert not kept.open


def test_a_connection_that_the_server_has_closed_meanwhile_is_not_used(kept: Kept) -> None:
    def close(connection: socket.socket) -> None:
        connection.shutdown(socket.SHUT_RDWR)

    server = Server(then=close)
    with serve(server) as peer:
        send(peer.url, b"a", kept)
        time.sleep(0.1)
        assert send(peer.url, b"b", kept).body == b"yes"
    assert server.bodies == [[b"a"], [b"b"]]


def test_a_server_that_closes_as_we_send_is_told_from_one_that_fails(kept: Kept) -> None:
    server = Server((YES, b""))
    with serve(server) as peer:
        send(peer.url, b"a", kept)
        with pytest.raises(StaleLine) as caught:
            send(peer.url, b"b", kept)
        for body in (b"c", b"d"):
            send(peer.url, body, kept)  # from then on each has its own
    assert server.bodies == [[b"a", b"b"], [b"c"], [b"d"]]
    assert caught.value.error_class is ErrorClass.CUT
    assert caught.value.facts.peer == f"127.0.0.1:{peer.port}"


@pytest.mark.parametrize(
    "cut", [b"HTTP/1.1 200 OK\r\nContent-Le", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nyes"]
)
def test_an_answer_that_has_begun_is_no_stale_connection(cut: bytes, kept: Kept) -> None:
    def reset_after(connection: socket.socket) -> None:
        if len(server.bodies[-1]) > 1:
            time.sleep(0.1)
            linger = b"\1\0\0\0\0\0\0\0"
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            connection.close()

    server = Server((YES, cut), reset_after)
    with serve(server) as peer:
        send(peer.url, b"a", kept)
        with pytest.raises(TransportError) as caught:
            send(peer.url, b"b", kept)
    assert caught.value.error_class is ErrorClass.CUT
    assert not isinstance(caught.value, StaleLine)


def test_a_first_post_that_is_cut_is_a_fault_as_ever(kept: Kept) -> None:
    with serve(b"") as peer, pytest.raises(TransportError) as caught:
        send(peer.url, b"a", kept)
    assert not isinstance(caught.value, StaleLine)


def test_what_nobody_asked_for_ends_a_connection(kept: Kept) -> None:
    def go_on(connection: socket.socket) -> None:
        time.sleep(0.1)
        connection.sendall(answer(b"for whom?"))

    server = Server(then=go_on)
    with serve(server) as peer:
        send(peer.url, b"a", kept)
        time.sleep(0.3)
        assert send(peer.url, b"b", kept).body == b"yes"
    assert server.bodies == [[b"a"], [b"b"]]


def test_a_connection_is_not_used_after_a_while(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "IDLE", -1.0)
    assert send_two(Server(), kept) == [[b"a"], [b"b"]]


def test_another_server_or_other_settings_get_another_connection(kept: Kept) -> None:
    first, second = Server(), Server()
    with serve(first) as one, serve(second) as two:
        send(one.url, b"a", kept)
        send(f"{one.url}/elsewhere", b"b", kept)
        send(two.url, b"c", kept)
        send(two.url, b"d", kept, addresses=("127.0.0.1",))
        kept.drop()
    assert first.bodies == [[b"a", b"b"]]
    assert second.bodies == [[b"c"], [b"d"]]


def test_at_the_end_of_a_turn_the_connection_is_closed() -> None:
    server = Server()
    with serve(server) as peer:
        with Kept() as kept:
            send(peer.url, b"a", kept)
            assert (kept.open, server.ended) == (True, 0)
        assert not kept.open
    assert server.ended == 1


def test_a_question_does_not_leave_a_connection_open(kept: Kept) -> None:
    with serve(Server((answer(),))) as peer:
        transport.head(peer.url, FIELDS, PostOptions(kept=kept))
    assert not kept.open


# ----------------------------------------------------------------------------------- TLS


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def server_side(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


def trusting(*authorities: trustme.CA) -> ssl.SSLContext:
    certificates = (Certificate.from_pem(each.cert_pem.bytes()) for each in authorities)
    return client_context(ClientPolicy(Trust.CUSTOM_CA, authorities=tuple(certificates)))


def test_over_tls_hands_are_shaken_once_and_told_of_each_time(
    authority: trustme.CA, kept: Kept
) -> None:
    server = Server()
    with serve(server, tls=server_side(authority)) as peer:
        facts = [send(peer.url, body, kept, tls=trusting(authority)).facts for body in (b"a", b"b")]
        kept.drop()
    assert server.bodies == [[b"a", b"b"]]
    assert facts[0] == facts[1]
    assert facts[1].tls_version == "TLSv1.3"
    assert len(facts[1].tls_fingerprint) == 64


def test_whom_we_trust_no_more_gets_nothing_over_a_connection_of_before(
    authority: trustme.CA, kept: Kept
) -> None:
    server = Server()
    with serve(server, tls=server_side(authority)) as peer:
        send(peer.url, b"a", kept, tls=trusting(authority))
        with pytest.raises(TransportError) as caught:
            send(peer.url, b"b", kept, tls=trusting(trustme.CA()))
    assert caught.value.error_class is ErrorClass.TLS
    assert server.bodies == [[b"a"]]


def test_a_tls_server_that_closes_as_we_send_is_told_from_one_that_fails(
    authority: trustme.CA, kept: Kept
) -> None:
    server = Server((YES, b""))
    with serve(server, tls=server_side(authority)) as peer:
        send(peer.url, b"a", kept, tls=trusting(authority))
        with pytest.raises(StaleLine):
            send(peer.url, b"b", kept, tls=trusting(authority))
    assert server.bodies == [[b"a", b"b"]]
