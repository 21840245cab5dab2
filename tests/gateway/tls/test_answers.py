"""Answers are read as octets come, and what is no TLS is said to be none."""

import pytest

from as2gateway.tls.answers import Alert, Flight, NotTLS, ServerHello, read_answer, read_flight
from tests.gateway.tls import answering
from tests.gateway.tls.answering import alert, certificates, message, record, server_hello

DONE = message(14, b"")


def test_the_choice_of_a_server_is_read() -> None:
    assert read_answer(record(22, server_hello(0x002F))) == ServerHello(0x0303, 0x002F)


def test_a_hello_without_extensions_is_read() -> None:
    data = record(22, server_hello(0x0004, 0x0300, extended=False))
    assert read_answer(data) == ServerHello(0x0300, 0x0004)


def test_in_tls_1_3_the_version_stands_in_an_extension() -> None:
    assert read_answer(record(22, server_hello(0x1301, chosen=0x0304))) == ServerHello(
        0x0304, 0x1301
    )


@pytest.mark.parametrize("end", range(0, 100, 7))
def test_a_part_of_an_answer_asks_for_more(end: int) -> None:
    data = record(22, server_hello())
    assert read_answer(data[: min(end, len(data) - 1)]) is None


def test_a_hello_may_come_in_records_of_one_octet() -> None:
    pieces = b"".join(record(22, bytes([octet])) for octet in server_hello())
    assert read_answer(pieces) == ServerHello(0x0303, 0xC02F)


def test_a_fatal_alert_is_a_refusal() -> None:
    assert read_answer(alert(2, 40)) == Alert(40)


def test_a_warning_does_not_end_the_handshake() -> None:
    assert read_answer(alert(1, 112) + record(22, server_hello())) == ServerHello(0x0303, 0xC02F)


def test_an_alert_that_cannot_be_read_is_passed_over() -> None:
    data = record(21, b"sealed") + record(22, server_hello())
    assert read_answer(data) == ServerHello(0x0303, 0xC02F)


def test_a_polite_close_is_a_refusal() -> None:
    assert read_answer(alert(1, 0)) == Alert(0)


@pytest.mark.parametrize(("code", "text"), [(70, "protocol version"), (201, "alert 201")])
def test_alerts_have_names(code: int, text: str) -> None:
    assert str(Alert(code)) == text


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 400 Bad Request\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x16\x02\x00\x00\x01\x00",
        b"\x16\x03\x03\xff\xff\x00",
        record(22, message(1, b"")),
    ],
)
def test_what_is_no_tls_is_said_to_be_none(data: bytes) -> None:
    with pytest.raises(NotTLS, match="it began with"):
        read_answer(data)


@pytest.mark.parametrize(
    "body", [b"", b"\x03\x03" + bytes(33), server_hello()[4:-3], b"\x03\x03" + bytes(32) + b"\xff"]
)
def test_a_hello_that_ends_too_early_is_refused(body: bytes) -> None:
    with pytest.raises(NotTLS, match="ends too early"):
        read_answer(record(22, message(2, body)))


def test_the_certificates_follow_the_hello() -> None:
    data = record(22, server_hello() + certificates(b"own", b"above") + DONE)
    assert read_flight(data) == Flight((b"own", b"above"), stapled=False)


def test_a_stapled_response_is_seen() -> None:
    data = record(22, server_hello() + certificates(b"own") + message(22, b"\x01") + DONE)
    assert read_flight(data) == Flight((b"own",), stapled=True)


def test_without_an_end_more_is_asked_for() -> None:
    assert read_flight(record(22, server_hello() + certificates(b"own"))) is None


def test_an_alert_ends_the_flight() -> None:
    assert read_flight(record(22, server_hello()) + alert(2, 80)) == Flight((), stapled=False)


def test_a_list_of_certificates_that_lies_about_its_length_is_refused() -> None:
    with pytest.raises(NotTLS):
        read_flight(record(22, answering.message(11, b"\x00\x00\x09\x00\x00\x08own")))
