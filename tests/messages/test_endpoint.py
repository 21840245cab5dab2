"""The whole application, as a WSGI server calls it."""

from collections.abc import Callable, Iterable

import pytest
from django.test import override_settings

from config.wsgi import application
from messages import failpoints
from messages.models import Message
from partners.models import Connection
from tests.messages import sender
from tests.messages.sender import asking_async, message
from tests.messages.wsgi import environment, post

# Requests begin and end as in service, which no surrounding transaction would outlive.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("home")]


def call(request: bytes) -> tuple[int, dict[str, str], bytes]:
    """Send a raw request to the application: status, header fields and body of its answer."""
    started: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(
        status: str, headers: list[tuple[str, str]], _error: object = None, /
    ) -> Callable[[bytes], object]:
        started.append((status, headers))
        return lambda _octets: None  # what WSGI calls write, which nobody uses

    with environment(request) as environ:
        answer: Iterable[bytes] = application(environ, start_response)
        body = b"".join(answer)
        answer.close()  # type: ignore[attr-defined]  # WSGI's, where there is one
    [(status, headers)] = started
    return int(status[:3]), dict(headers), body


def test_a_message_is_answered_by_its_mdn(connection: Connection) -> None:
    sent = message()
    status, headers, body = call(post(sent.body, sent.fields))
    assert status == 200
    assert headers["Content-Type"].startswith("multipart/signed; ")
    assert (headers["AS2-From"], headers["AS2-To"]) == ("VENDOR", "AMAZON")
    assert headers["Content-Length"] == str(len(body))
    assert "Set-Cookie" not in headers
    assert Message.objects.get().state == "accepted"


def test_no_answer_is_an_empty_one_with_its_length(connection: Connection) -> None:
    sent = message().with_fields(Disposition_Notification_To=None)
    status, headers, body = call(post(sent.body, sent.fields))
    assert (status, headers["Content-Length"], body) == (200, "0", b"")
    assert "Content-Type" not in headers


@pytest.mark.parametrize(("chosen", "status"), [("202", 202), ("204", 204)])
def test_a_message_is_taken_with_the_status_that_the_partner_wants(
    connection: Connection, chosen: str, status: int
) -> None:
    Connection.objects.update(quirks={"empty_answer": chosen})
    sent = asking_async()
    answered, headers, body = call(post(sent.body, sent.fields))
    assert (answered, body) == (status, b"")
    assert headers.get("Content-Length") == (None if status == 204 else "0")
    assert Message.objects.get().state == "received"


def test_a_coded_body_is_refused_with_what_is_taken_instead(connection: Connection) -> None:
    sent = message().with_fields(Content_Encoding="gzip")
    status, headers, _body = call(post(sent.body, sent.fields))
    assert (status, headers["Accept-Encoding"]) == (415, "identity")


def test_head_says_that_the_url_is_right() -> None:
    status, headers, body = call(b"HEAD /as2 HTTP/1.1\r\nHost: a\r\n\r\n")
    assert (status, headers["Content-Length"], body) == (200, "0", b"")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "FOO"])
def test_other_methods_are_refused(method: str) -> None:
    request = f"{method} /as2 HTTP/1.1\r\nHost: a\r\nX-Secret: 1\r\nContent-Length: 0\r\n\r\n"
    status, headers, body = call(request.encode())
    assert (status, headers["Allow"]) == (405, "POST, HEAD")
    assert b"secret" not in body.lower()


def test_a_refusal_is_plain_text(connection: Connection) -> None:
    status, headers, body = call(post(b"x", {"Content-Type": "text/plain"}))
    assert (status, headers["Content-Type"]) == (400, "text/plain; charset=utf-8")
    assert body == b"This is no AS2 message: the AS2-From field is missing.\n"


def test_a_crash_after_the_answer_changes_nothing(connection: Connection) -> None:
    sent = message()
    failpoints.arm("rx.answered=eio")
    with pytest.raises(OSError, match=r"rx\.answered"):
        call(post(sent.body, sent.fields))
    failpoints.arm("")
    sender.verify(sent.send(), sent)
    assert Message.objects.count() == 1


def test_a_partner_may_call_us_by_any_name(
    connection: Connection,
) -> None:
    sent = message()
    with override_settings(ALLOWED_HOSTS=["only.example"]):
        status, _headers, _body = call(post(sent.body, {**sent.fields, "Host": "192.0.2.1:4080"}))
    assert status == 200


def test_what_is_not_the_as2_url_is_for_the_pages() -> None:
    status, _headers, body = call(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert status == 200
    assert b"alive" in body
