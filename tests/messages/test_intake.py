import io
import socket
import time
from http import HTTPStatus
from typing import Any

import pytest

from as2gateway.headers import Headers
from messages.intake import (
    SINGLE,
    BodyLimits,
    Refused,
    check_headers,
    read_body,
    read_headers,
)
from tests.messages.wsgi import conversation, environment, post

LIMITS = BodyLimits(size=1_000_000, min_rate=1024, grace=30)
BODY = bytes(range(256)) * 40


def read(request: bytes, limits: BodyLimits = LIMITS) -> bytes:
    with environment(request) as environ:
        return b"".join(read_body(environ, limits))


def chunked(*lines: bytes) -> bytes:
    return post(b"\r\n".join(lines), {"Transfer-Encoding": "chunked"})


@pytest.mark.parametrize("size", [0, 1, 9_000, 65_536, 300_000, 1_000_000])
def test_a_whole_body_is_read(size: int) -> None:
    body = (BODY * 100)[:size]
    assert read(post(body)) == body


def test_large_bodies_are_read_in_pieces_of_bounded_size() -> None:
    with environment(post(bytes(4_000_000))) as environ:
        sizes = [len(piece) for piece in read_body(environ, BodyLimits(4_000_000, 1, 30))]
    assert sum(sizes) == 4_000_000
    assert max(sizes) <= 256 * 1024


@pytest.mark.parametrize(
    "lines",
    [
        (b"5", b"UNA:+", b"0", b"", b""),
        (b"0005", b"UNA:+", b"00", b"", b""),
        (b"2;name=value", b"UN", b'3 ; q="x"', b"A:+", b"0", b"", b""),
        (b"5", b"UNA:+", b"0", b"X-Check: 1", b"", b""),
    ],
)
def test_chunks_are_joined(lines: tuple[bytes, ...]) -> None:
    assert read(chunked(*lines)) == b"UNA:+"


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (post(BODY[:-1], {"Content-Length": str(len(BODY))}), 400),
        (post(b"", {"Content-Length": "5"}), 400),
        (chunked(b"5", b"UNA"), 400),
        (chunked(b"5", b"UNA:+"), 400),
        (chunked(b"5", b"UNA:+", b"0"), 400),
        (chunked(b"5", b"UNA:+xx", b"0", b"", b""), 400),
        (chunked(b"zz", b"UNA:+", b"0", b"", b""), 400),
        (post(b"", {"Content-Length": "1000001"}), 413),
        (chunked(b"F4241", bytes(1_000_001), b"0", b"", b""), 413),
    ],
)
def test_what_is_not_a_whole_body_is_refused(request_bytes: bytes, status: int) -> None:
    with pytest.raises(Refused) as refused:
        read(request_bytes)
    assert refused.value.status == status


def test_a_body_of_unknown_length_is_never_read() -> None:
    request = b"POST /as2 HTTP/1.1\r\nHost: a\r\n\r\nUNA:+"
    with pytest.raises(Refused) as refused:
        read(request)
    assert refused.value.status == HTTPStatus.LENGTH_REQUIRED


def made(**fields: Any) -> dict[str, Any]:
    return {"wsgi.input": io.BytesIO(BODY), "REMOTE_ADDR": "192.0.2.7", **fields}


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"CONTENT_LENGTH": "-5"}, 400),
        ({"CONTENT_LENGTH": "+5"}, 400),
        ({"CONTENT_LENGTH": "0x10"}, 400),
        ({"CONTENT_LENGTH": "1 0"}, 400),
        ({"CONTENT_LENGTH": "9" * 5000}, 400),
        ({"CONTENT_LENGTH": "5,6"}, 400),
        ({"CONTENT_LENGTH": "5", "HTTP_TRANSFER_ENCODING": "chunked"}, 400),
        ({"HTTP_TRANSFER_ENCODING": "gzip, chunked"}, 501),
        ({"HTTP_TRANSFER_ENCODING": "chunked"}, 411),
    ],
)
def test_a_bad_framing_is_refused_whatever_the_server_let_pass(
    fields: dict[str, str], status: int
) -> None:
    with pytest.raises(Refused) as refused:
        b"".join(read_body(made(**fields), LIMITS))
    assert refused.value.status == status


@pytest.mark.parametrize("length", ["0000010240", "10240,10240"])
def test_odd_but_legal_lengths_are_read(length: str) -> None:
    assert b"".join(read_body(made(CONTENT_LENGTH=length), LIMITS)) == BODY


def test_a_body_below_the_minimum_rate_is_refused() -> None:
    now = iter([0.0, 31.0, 100.0])
    with pytest.raises(Refused) as refused:
        b"".join(read_body(made(CONTENT_LENGTH="20000"), LIMITS, clock=lambda: next(now)))
    assert refused.value.status == HTTPStatus.REQUEST_TIMEOUT


def test_a_minimum_rate_of_zero_is_none() -> None:
    now = iter([0.0, 1e6, 2e6])
    limits = BodyLimits(size=1_000_000, min_rate=0, grace=30)
    body = read_body(made(CONTENT_LENGTH="10240"), limits, clock=lambda: next(now))
    assert b"".join(body) == BODY


def test_a_thread_that_waits_for_a_slow_peer_is_woken() -> None:
    limits = BodyLimits(size=1_000_000, min_rate=1_000_000, grace=0.2)

    def dribble(client: socket.socket) -> None:
        client.sendall(post(b"", {"Content-Length": "1000"}))
        for _ in range(100):
            client.sendall(b"x")
            time.sleep(0.1)

    started = time.monotonic()
    with conversation(dribble) as environ, pytest.raises(Refused) as refused:
        b"".join(read_body(environ, limits))
    assert refused.value.status == HTTPStatus.REQUEST_TIMEOUT
    assert time.monotonic() - started < 5


class SilentInput:
    def read(self, size: int) -> bytes:
        raise BlockingIOError(11, f"nothing of {size} bytes within the socket's time-out")


def test_silence_is_a_time_out() -> None:
    environ = made(CONTENT_LENGTH="5") | {"wsgi.input": SilentInput()}
    with pytest.raises(Refused) as refused:
        b"".join(read_body(environ, LIMITS))
    assert refused.value.status == HTTPStatus.REQUEST_TIMEOUT


def test_header_fields_come_as_they_were_sent() -> None:
    fields = {
        "as2-from": '"  a name "',
        "AS2-TO": "VENDOR",
        "Message-Id": "<1@x>",
        "Content-Type": "application/pkcs7-mime;\tname=smime.p7m",
        "EDIINT-Features": "multiple-attachments",
        "MIME-Version": "1.0",
        "Disposition-Notification-To": "x",
    }
    with environment(post(b"", fields)) as environ:
        headers = read_headers(environ)
    assert dict(headers.fields) == {
        "Host": "gateway.example",
        "AS2-From": '"  a name "',
        "AS2-To": "VENDOR",
        "Message-ID": "<1@x>",
        "Content-Type": "application/pkcs7-mime; name=smime.p7m",
        "Content-Length": "0",
        "EDIINT-Features": "multiple-attachments",
        "MIME-Version": "1.0",
        "Disposition-Notification-To": "x",
    }


@pytest.mark.parametrize("name", SINGLE)
def test_two_fields_that_must_be_one_are_refused(name: str) -> None:
    request = post(fields={"X": "y"}).replace(b"X: y", f"{name}: a\r\n{name.lower()}: b".encode())
    with environment(request) as environ, pytest.raises(Refused, match=name) as refused:
        read_headers(environ)
    assert refused.value.status == HTTPStatus.BAD_REQUEST


@pytest.mark.parametrize(
    "fields", [{f"HTTP_X{i}": "1" for i in range(101)}, {"HTTP_X": "x" * 70_000}]
)
def test_too_many_or_too_long_header_fields_are_refused(fields: dict[str, str]) -> None:
    with pytest.raises(Refused) as refused:
        read_headers(made(**fields))
    assert refused.value.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [
        ("Content-Encoding", "gzip", 415),
        ("Content-Encoding", "deflate", 415),
    ],
)
def test_coded_bodies_are_refused(name: str, value: str, status: int) -> None:
    with pytest.raises(Refused) as refused:
        check_headers(Headers(((name, value),)))
    assert refused.value.status == status


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Content-Encoding", "Base64"),
        ("Content-Encoding", "identity"),
        ("Content-Range", "bytes 0-999/1000"),
        ("ETag", '"x"'),
    ],
)
def test_fields_that_change_nothing_are_tolerated(name: str, value: str) -> None:
    check_headers(Headers(((name, value),)))
