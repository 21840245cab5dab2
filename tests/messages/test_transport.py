"""Transport: what a partner's server sees of a POST, and what each kind of answer comes to."""

import errno
import gzip
import socket
import ssl
import struct
import time
from collections.abc import Iterator

import pytest
import trustme

from as2gateway.certificates import Certificate
from as2gateway.compliance.facts import Trust
from as2gateway.headers import Headers
from messages import transport
from messages.models import ErrorClass
from messages.transport import Answer, PostOptions, TransportError, post
from partners.tls.contexts import ClientPolicy, client_context
from tests.messages.servers import Script, answer, serve

FIELDS = Headers((("AS2-From", '"My Company"'), ("Message-ID", "<1@x>"), ("Subject", "r\xe9f")))
QUICK = PostOptions(connect_timeout=2, idle_timeout=0.3, total=20)


def send(url: str, body: bytes = b"payload", options: PostOptions = QUICK) -> Answer:
    return post(url, FIELDS, [body[:3], body[3:]], len(body), options)


def fault(url: str, options: PostOptions = QUICK) -> TransportError:
    with pytest.raises(TransportError) as caught:
        send(url, options=options)
    return caught.value


def test_exactly_the_given_fields_and_the_length_go_out() -> None:
    with serve(answer()) as peer:
        send(peer.url)
    assert peer.header_lines == [
        "POST /as2 HTTP/1.1",
        f"Host: localhost:{peer.port}",
        "Accept-Encoding: identity",
        'AS2-From: "My Company"',
        "Message-ID: <1@x>",
        "Subject: r\xe9f",
        "Content-Length: 7",
    ]
    assert peer.bodies == [b"payload"]


@pytest.mark.parametrize("path", ["/a?b=c&d=%20", "/" + 300 * "x", "/;p=1", "?q"])
def test_a_url_goes_out_with_its_path_and_query(path: str) -> None:
    with serve(answer()) as peer:
        send(f"http://127.0.0.1:{peer.port}{path}")
    assert peer.header_lines[0].split()[1] == path.replace("?q", "/?q")


def test_a_body_of_another_length_than_announced_is_refused() -> None:
    with serve(answer()) as peer, pytest.raises(ValueError, match="8 bytes"):
        post(peer.url, FIELDS, [b"payload"], 8, QUICK)
    with serve(answer()) as peer, pytest.raises(ValueError, match="6 bytes"):
        post(peer.url, FIELDS, [b"payload"], 6, QUICK)


@pytest.mark.parametrize(
    "octets",
    [
        answer(b"yes"),
        b"HTTP/1.1 200\r\nContent-Length: 3\r\n\r\nyes",
        b'HTTP/1.1 200 "OK"\r\nContent-Length: 000003\r\n\r\nyes',
        b"HTTP/1.0 200 OK\r\n\r\nyes",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2 ;x=y\r\nye\r\n1\r\ns\r\n0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" + answer(b"yes"),
        3 * b"HTTP/1.1 102 Processing\r\nX: y\r\n\r\n" + answer(b"yes"),
        b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + answer(b"yes"),
        answer(gzip.compress(b"yes", mtime=0), "200 OK", "Content-Encoding: gzip"),
    ],
)
def test_every_form_of_an_answer_is_read(octets: bytes) -> None:
    with serve(octets) as peer:
        found = send(peer.url)
    assert (found.status, found.body) == (200, b"yes")


def test_fields_of_the_answer_keep_their_spelling_and_lose_their_folds() -> None:
    with serve(answer(b"", "204 None", "AS2-From: x", "Content-Type: a/b;\r\n\tc=d")) as peer:
        found = send(peer.url)
    assert ("AS2-From", "x") in found.headers.fields
    assert found.headers.get("content-type") == "a/b; c=d"


@pytest.mark.parametrize(
    "head", ["HTTP/1.1 200 OK", "HTTP/1.1 102 Wait\r\nodd\r\n\r\nHTTP/1.1 200 OK"]
)
def test_a_line_that_is_no_field_hides_none_of_those_after_it(head: str) -> None:
    lines = [head, "no field", "Content-Type: a/b;", " c=d", "", "yes: no"]
    with serve("\r\n".join(lines).encode()) as peer:
        found = send(peer.url)
    assert (found.headers.get("Content-Type"), found.body) == ("a/b; c=d", b"yes: no")


def test_a_head_without_end_is_no_http() -> None:
    with serve(b"HTTP/1.1 200 OK\r\n" + 101 * b"no field\r\n") as peer:
        found = fault(peer.url)
    assert (found.error_class, found.text[:24]) == (ErrorClass.ANSWER, "the answer is not proper")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_answer_and_is_not_followed(status: int) -> None:
    with serve(answer(b"", f"{status} Moved", "Location: /elsewhere")) as peer:
        assert send(peer.url).status == status
    assert len(peer.requests) == 1


def _reset(connection: socket.socket, _: bytes) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@pytest.mark.parametrize(
    ("script", "error_class", "text"),
    [
        (b"", ErrorClass.CUT, "closed the connection without an answer"),
        (_reset, ErrorClass.CUT, "cut"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nyes", ErrorClass.CUT, "cut"),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nyes",
            ErrorClass.CUT,
            "cut",
        ),
        (b"SSH-2.0-OpenSSH\r\n\r\n", ErrorClass.ANSWER, "not proper HTTP"),
        (answer(b"x" * 1024 * 1024 + b"x"), ErrorClass.ANSWER, "more than 1048576 bytes"),
        (
            answer(
                gzip.compress(bytes(2 * 1024 * 1024), mtime=0), "200 OK", "Content-Encoding: gzip"
            ),
            ErrorClass.ANSWER,
            "more than 1048576 bytes",
        ),
        (answer(b"no gzip", "200 OK", "Content-Encoding: gzip"), ErrorClass.ANSWER, "not proper"),
        (
            lambda _, __: time.sleep(1),
            ErrorClass.TIMEOUT,
            "nothing came from the partner for 0.3 s",
        ),
    ],
)
def test_each_fault_has_its_class_and_plain_words(
    script: Script, error_class: ErrorClass, text: str
) -> None:
    with serve(script) as peer:
        error = fault(peer.url)
    assert error.error_class is error_class
    assert text in error.text
    assert error.facts.peer == f"127.0.0.1:{peer.port}"


def test_what_is_no_http_is_quoted_in_printable_characters() -> None:
    alert = b"\x15\x03\x01\x00\x02\x02F"  # what a TLS server says to plain HTTP
    with serve(alert + 400 * b"x") as peer:
        text = fault(peer.url).text
    assert text.isprintable()
    assert len(text) < 300


def test_an_answer_that_drips_ends_with_the_total_time() -> None:
    def drip(connection: socket.socket, request: bytes) -> None:
        for _ in range(100):
            connection.sendall(b"H")
            time.sleep(0.1)

    with serve(drip) as peer:
        error = fault(peer.url, PostOptions(idle_timeout=5, total=0.2))
    assert (error.error_class, error.text) == (
        ErrorClass.TIMEOUT,
        "no complete answer came within 0.2 s",
    )


def test_a_partner_that_keeps_us_sending_is_given_up_in_time() -> None:
    def slowly() -> Iterator[bytes]:
        yield b"a"
        time.sleep(2.5)  # the watchdog looks once a second
        yield b"b"

    with serve(answer()) as peer, pytest.raises(TransportError) as caught:
        post(peer.url, FIELDS, slowly(), 2, PostOptions(total=0.1))
    assert caught.value.error_class is ErrorClass.TIMEOUT


def test_an_answer_before_the_end_of_the_body_is_read() -> None:
    def slowly() -> Iterator[bytes]:
        for _ in range(200):
            yield bytes(256 * 1024)
            time.sleep(0.005)

    listener = socket.create_server(("127.0.0.1", 0))
    with listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        body = _refusing(listener, slowly())
        found = post(url, FIELDS, body, 200 * 256 * 1024, QUICK)
    assert found.status == 413


def _refusing(listener: socket.socket, body: Iterator[bytes]) -> Iterator[bytes]:
    """Send a body; after its first piece the server answers and stops reading."""
    yield next(body)
    connection, _ = listener.accept()
    connection.sendall(answer(b"", "413 Too Large"))
    connection.shutdown(socket.SHUT_RD)
    with connection:
        yield from body


def test_a_port_where_nobody_listens_is_a_fault_of_the_connection() -> None:
    with serve(b"") as peer:
        pass
    error = fault(peer.url)
    assert error.error_class is ErrorClass.CONNECT
    assert "Connection refused" in error.text


def test_a_host_that_does_not_answer_is_a_fault_of_the_connection() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        port = listener.getsockname()[1]
        waiting = [socket.socket() for _ in range(3)]  # more than the queue of the server holds
        for client in waiting:
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", port))
        error = fault(f"http://127.0.0.1:{port}/", PostOptions(connect_timeout=0.3))
        for client in waiting:
            client.close()
    assert (error.error_class, "did not answer within 0.3 s" in error.text) == (
        ErrorClass.CONNECT,
        True,
    )


def test_a_peer_that_is_gone_already_has_no_address() -> None:
    with socket.socket() as unconnected:
        assert transport._peer(unconnected) == ""


@pytest.mark.parametrize("host", ["nobody.invalid", "a" * 64 + ".invalid", "a..b"])
def test_a_name_that_nobody_knows_is_a_fault_of_dns(host: str) -> None:
    assert fault(f"http://{host}/").error_class is ErrorClass.DNS


@pytest.mark.parametrize("url", ["ftp://localhost/", "http://", "http://[::1", "/path"])
def test_a_url_that_is_none_is_refused(url: str) -> None:
    assert fault(url).error_class is ErrorClass.CONNECT


def test_proxies_of_the_environment_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with serve(answer(b"direct")) as peer:
        assert send(peer.url).body == b"direct"


def test_an_ipv6_address_is_reached_and_named_in_brackets() -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as listener:
        port = listener.getsockname()[1]
    error = fault(f"http://[::1]:{port}/")
    assert f"::1 port {port}" in error.text


# ----------------------------------------------------------------------------------- TLS


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def server_side(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    return context


def trusting(authority: trustme.CA) -> PostOptions:
    certificate = Certificate.from_pem(authority.cert_pem.bytes())
    policy = ClientPolicy(Trust.CUSTOM_CA, authorities=(certificate,))
    return PostOptions(tls=client_context(policy), idle_timeout=5)


def test_over_tls_version_suite_and_certificate_are_told(authority: trustme.CA) -> None:
    with serve(answer(b"safe"), tls=server_side(authority, "localhost")) as peer:
        found = send(peer.url, options=trusting(authority))
    assert found.body == b"safe"
    assert found.facts.tls_version == "TLSv1.3"
    assert found.facts.tls_suite.startswith("TLS_")
    assert len(found.facts.tls_fingerprint) == 64


@pytest.mark.parametrize(
    ("names", "trusted"), [(("other.example",), True), (("localhost",), False)]
)
def test_a_certificate_of_another_host_or_an_unknown_authority_is_refused(
    authority: trustme.CA, names: tuple[str], trusted: bool
) -> None:
    options = trusting(authority if trusted else trustme.CA())
    with serve(answer(), tls=server_side(authority, *names)) as peer:
        error = fault(peer.url, options)
    assert error.error_class is ErrorClass.TLS
    assert "certificate of localhost was not accepted" in error.text
    assert peer.requests == []


def test_without_settings_mozillas_authorities_are_trusted(authority: trustme.CA) -> None:
    with serve(answer(), tls=server_side(authority, "localhost")) as peer:
        assert fault(peer.url).error_class is ErrorClass.TLS


def test_a_certificate_can_be_trusted_by_itself(authority: trustme.CA) -> None:
    issued = authority.issue_cert("localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issued.configure_cert(context)
    pinned = Certificate.from_pem(issued.cert_chain_pems[0].bytes())
    with serve(answer(b"pinned"), tls=context) as peer:
        policy = ClientPolicy(Trust.PINNED, pins=frozenset({pinned.fingerprint}))
        options = PostOptions(tls=client_context(policy))
        assert send(peer.url, options=options).body == b"pinned"


def test_a_server_without_tls_is_a_fault_of_tls(authority: trustme.CA) -> None:
    with serve(answer()) as peer:
        error = fault(peer.url.replace("http:", "https:"), trusting(authority))
    assert error.error_class is ErrorClass.TLS


def test_a_peer_that_hangs_up_before_tls_is_a_fault_of_tls() -> None:
    class Gone(ssl.SSLContext):
        def wrap_socket(self, *_args: object, **_options: object) -> ssl.SSLSocket:
            raise ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")

    options = PostOptions(connect_timeout=2, tls=Gone(ssl.PROTOCOL_TLS_CLIENT))
    with serve(b"") as peer:
        found = fault(f"https://localhost:{peer.port}/", options)
    assert (found.error_class, found.text) == (
        ErrorClass.TLS,
        "no TLS connection with localhost: Connection reset by peer",
    )


def test_tls_1_1_is_refused(authority: trustme.CA) -> None:
    context = server_side(authority, "localhost")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    with serve(answer(), tls=context) as peer:
        assert fault(peer.url, trusting(authority)).error_class is ErrorClass.TLS
