import datetime as dt
import socket
from dataclasses import replace

import pytest
import time_machine
from django.utils import timezone

from as2gateway.headers import Headers
from as2gateway.quirks import Quirks
from as2gateway.request import read_request
from audit.models import AuditEvent
from messages import failpoints, receiving
from messages.answering import Draft, draft, post_mdn
from messages.arrivals import Arrival
from messages.judging import judge
from messages.models import MDN, Attempt, Message
from messages.store import get_store
from partners.models import Connection
from tests.messages import sender
from tests.messages.sender import message
from tests.messages.servers import Script, answer, serve

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("home")]


@pytest.fixture
def queued(connection: Connection) -> MDN:
    """An async MDN that is due."""
    Connection.objects.update(mdn_hosts="localhost")
    message().with_fields(Receipt_Delivery_Option="http://localhost:9/mdn?a=1").send()
    receiving.process(Message.objects.get().pk)
    return MDN.objects.get()


def post_to(mdn: MDN, *scripts: Script, times: int = 1) -> list[bytes]:
    """Post an MDN to a server that answers so; the requests that it got."""
    with serve(*scripts) as peer:
        MDN.objects.filter(pk=mdn.pk).update(url=peer.url)
        for _ in range(times):
            MDN.objects.filter(pk=mdn.pk, due_at__isnull=False).update(due_at=timezone.now())
            post_mdn(mdn.pk)
    mdn.refresh_from_db()
    return peer.requests


@pytest.mark.parametrize("status", ["200 OK", "202 Accepted", "204 No Content"])
def test_any_2xx_settles_an_async_mdn(queued: MDN, status: str) -> None:
    [request] = post_to(queued, answer(status=status))
    assert (queued.state, queued.due_at, queued.failure_text) == ("sent", None, "")
    assert AuditEvent.objects.filter(tag="mdn:outbound:sent").count() == 1
    attempt = Attempt.objects.get()
    assert (attempt.mdn, attempt.number, attempt.http_status) == (queued, 1, int(status[:3]))
    head, _, body = request.partition(b"\r\n\r\n")
    assert body == b"".join(get_store().chunks(queued.body_key))
    assert b"AS2-From: VENDOR\r\n" in head
    assert f"Content-Length: {len(body)}".encode() in head
    assert b"Disposition-Notification-To" not in head


def test_what_is_sent_is_not_sent_again(queued: MDN) -> None:
    assert len(post_to(queued, answer(), times=2)) == 1
    post_mdn(4711)


@pytest.mark.parametrize(
    "script",
    [
        answer(status="500 Oops"),
        answer(status="503 Later"),
        answer(status="408 Slow"),
        answer(status="429 Many"),
        lambda connection, _request: connection.close(),
    ],
)
def test_temporary_faults_are_tried_again_with_the_same_octets(queued: MDN, script: Script) -> None:
    first, second = post_to(queued, script, answer(), times=2)
    assert first == second
    assert queued.state == "sent"
    assert Attempt.objects.count() == 2


def test_a_temporary_fault_leaves_a_gap(queued: MDN) -> None:
    post_to(queued, answer(b"", "503 Later", "Retry-After: 1200"))
    assert queued.state == "queued"
    assert queued.due_at is not None
    assert queued.due_at > timezone.now() + dt.timedelta(minutes=19)
    assert "503" in queued.failure_text


@pytest.mark.parametrize("status", ["400 Bad", "404 Not Found", "301 Moved", "401 Who"])
def test_other_answers_end_it(queued: MDN, status: str) -> None:
    post_to(queued, answer(status=status))
    assert (queued.state, queued.due_at) == ("failed", None)
    assert f"answered {status[:3]}" in queued.failure_text
    assert "when they resend the message" in queued.failure_text
    assert AuditEvent.objects.filter(tag="mdn:outbound:failed").count() == 1


def test_after_five_days_it_is_given_up(queued: MDN) -> None:
    with time_machine.travel(timezone.now() + dt.timedelta(days=5, minutes=1)):
        post_to(queued, answer(status="503 Later"))
    assert queued.state == "failed"
    assert "in 5 days" in queued.failure_text
    assert Attempt.objects.get().error_text == ""


def test_a_server_that_is_not_there_is_tried_again(queued: MDN) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    MDN.objects.update(url=f"http://localhost:{port}/")
    post_mdn(queued.pk)
    queued.refresh_from_db()
    assert queued.state == "queued"
    assert Attempt.objects.get().error_class == "connect"


def test_a_host_that_was_taken_off_the_list_is_not_called(queued: MDN) -> None:
    Connection.objects.update(mdn_hosts="")
    assert post_to(queued, answer()) == []
    assert queued.state == "failed"
    assert "not a host of this connection any more" in queued.failure_text


def test_a_store_that_cannot_be_read_costs_only_time(queued: MDN) -> None:
    get_store().delete(queued.body_key)
    assert post_to(queued, answer()) == []
    assert queued.state == "queued"
    assert "See to its disk" in queued.failure_text


def test_an_mdn_that_stays_missing_is_given_up(queued: MDN) -> None:
    get_store().delete(queued.body_key)
    with time_machine.travel(timezone.now() + dt.timedelta(days=5, minutes=1)):
        post_to(queued, answer())
    assert (queued.state, queued.due_at) == ("failed", None)
    assert "cannot be read from the store" in queued.failure_text


def test_an_mdn_that_another_worker_has_is_left_alone(queued: MDN) -> None:
    assert queued.claim(timezone.now(), dt.timedelta(minutes=15))
    post_mdn(queued.pk)
    assert not Attempt.objects.exists()


def test_an_mdn_repeats_the_sender_s_spelling_of_the_algorithm(connection: Connection) -> None:
    options = (
        "signed-receipt-protocol=optional, pkcs7-signature; signed-receipt-micalg=optional, SHA256"
    )
    message().with_fields(Disposition_Notification_Options=options).send()
    assert MDN.objects.get().mic.endswith(", sha-256")
    body = b"".join(get_store().chunks(MDN.objects.get().body_key))
    assert b", SHA256\r\n" in body


def test_without_options_the_mdn_is_signed_like_the_message(connection: Connection) -> None:
    options = "signed-receipt-protocol=optional, pkcs7-signature"
    sent = message().with_fields(Disposition_Notification_Options=options)
    sender.verify(sent.send(), sent)


def test_the_message_id_of_an_mdn_is_our_own(connection: Connection) -> None:
    connection.organization.message_id_domain = "edi.vendor.example"
    connection.organization.save()
    reply = message().send()
    assert (reply.headers.get("Message-ID") or "").endswith("@edi.vendor.example>")


@pytest.mark.parametrize("status", ["200 OK", "404 Not Found"])
def test_a_worker_past_its_lease_changes_nothing(
    queued: MDN, monkeypatch: pytest.MonkeyPatch, status: str
) -> None:
    def meanwhile(name: str) -> None:
        if name == "mdn.post":  # another worker has claimed it
            MDN.objects.filter(pk=queued.pk).update(attempts=9)

    monkeypatch.setattr(failpoints, "hit", meanwhile)
    post_to(queued, answer(status=status))
    assert queued.state == "queued"
    assert not AuditEvent.objects.filter(tag__startswith="mdn:outbound").exists()


def drafted(connection: Connection, sent: sender.Sent, quirks: Quirks) -> Draft:
    """The MDN for a message from a connection with such quirks."""
    headers = Headers(tuple(sent.fields.items()))
    request = read_request(headers)
    assert request.mdn
    arrival = Arrival.of(headers, request, connection, "0" * 64, timezone.now())
    arrival = replace(arrival, policy=replace(arrival.policy, quirks=quirks))
    with judge(arrival, lambda: [sent.body]) as judgement:
        return draft(arrival, request.mdn, judgement.facts, judgement.error)


def test_an_mdn_says_that_its_mic_is_in_a_digest_nobody_asked_for(connection: Connection) -> None:
    options = "signed-receipt-micalg=optional, whirlpool"
    sent = message().with_fields(Disposition_Notification_Options=options)
    report = drafted(connection, sent, Quirks(mic_in_other_digest=True)).report
    assert report.disposition.positive
    assert report.text == "No requested MIC algorithm is supported; the MIC is in sha-256."


def test_an_mdn_has_the_quirks_of_its_connection(connection: Connection) -> None:
    built = drafted(connection, message(), Quirks(base64=True)).built
    assert b"Content-Transfer-Encoding: base64" in built.body


def test_an_mdn_repeats_the_quotes_of_the_request(connection: Connection) -> None:
    headers = message().with_fields(AS2_From='"AMAZON"').send().headers
    assert (headers.get("AS2-From"), headers.get("AS2-To")) == ("VENDOR", '"AMAZON"')
