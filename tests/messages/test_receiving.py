import datetime as dt
import hashlib
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from django import db
from django.db import OperationalError
from django.db import connection as database
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from as2gateway.algorithms import Compression, DigestAlgorithm
from as2gateway.policy import MDNMode
from audit.models import AuditEvent
from messages import failpoints, receiving
from messages.delivering import deliver
from messages.models import MDN, Delivery, Message, UnknownSender
from messages.store import get_store
from partners.models import Connection
from tests import factories, openssl
from tests.messages import sender
from tests.messages.arrange import PAYLOAD
from tests.messages.sender import Sent, message
from tests.messages.wsgi import post

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("home")]


@pytest.fixture
def connection() -> Connection:
    return factories.connection()


def stored_files() -> list[str]:
    return sorted(path.suffix for path in get_store().root.rglob("*") if path.is_file())


def asking_async(**policy: Any) -> Sent:
    return message(mdn=MDNMode.ASYNC, mdn_url="http://127.0.0.1:9/mdn", **policy)


# --- accepted -------------------------------------------------------------------------------------


def test_an_accepted_message_is_stored_answered_and_delivered(connection: Connection) -> None:
    sent = message()
    reply = sent.send()
    assert reply.status == HTTPStatus.OK
    sender.verify(reply, sent)
    row = Message.objects.get()
    assert (row.state, row.failure_text, row.due_at) == ("accepted", "", None)
    assert b"".join(get_store().chunks(row.payload_key)) == PAYLOAD
    assert b"".join(get_store().chunks(row.raw_key)) == sent.body
    deliver(Delivery.objects.get().pk)
    assert Delivery.objects.get().state == "done"


def test_a_row_says_what_was_found_out(connection: Connection) -> None:
    sent = message(b"UNA:+.? 'UNB+UNOA:1+A+B+200101:1200+77'UNH+1+ORDERS:D:96A:UN'")
    sent.send()
    row = Message.objects.get()
    assert (row.signed, row.encrypted, row.compressed) == ("sha-256", "aes-128-cbc", False)
    assert (row.edi_standard, row.edi_type, row.edi_control_number) == ("EDIFACT", "ORDERS", "77")
    assert (row.filename, row.content_type) == ("orders.edi", "application/edifact")
    assert (row.partner_name, row.organization_name) == ("Amazon", "VENDOR Inc")
    assert (row.wire_size, row.wire_sha256) == (
        len(sent.body),
        hashlib.sha256(sent.body).hexdigest(),
    )
    assert row.kept_mics == {DigestAlgorithm.SHA256: sent.mics[DigestAlgorithm.SHA256]}
    assert (row.address, row.subject) == ("192.0.2.7", "orders")
    assert row.settings["require_signature"] is True


def test_the_mdn_is_kept_as_it_was_sent(connection: Connection) -> None:
    reply = message().send()
    mdn = MDN.objects.get()
    assert b"".join(get_store().chunks(mdn.body_key)) == reply.body
    assert tuple(map(tuple, mdn.headers)) == reply.headers.fields
    assert (mdn.state, mdn.positive, mdn.signed) == ("answered", True, True)
    assert mdn.signer == factories.identity("VENDOR").certificate.fingerprint
    assert mdn.mdn_message_id == reply.headers.get("Message-ID")


@pytest.mark.parametrize("size", [0, 1, 70_000, 3_000_000])
@pytest.mark.parametrize("compress", list(Compression))
def test_documents_of_any_size_pass(
    connection: Connection, size: int, compress: Compression
) -> None:
    payload = (b"line of a document\r\n" * (size // 20 + 1))[:size]
    sent = message(payload, compress=compress)
    sender.verify(sent.send(), sent)
    row = Message.objects.get()
    assert b"".join(get_store().chunks(row.payload_key)) == payload
    assert row.compressed is (compress is not Compression.NONE)


def test_what_openssl_signs_and_encrypts_is_accepted(connection: Connection) -> None:
    us, them = factories.identity("VENDOR"), factories.identity("AMAZON")
    part = b"Content-Type: application/EDI-X12\r\n\r\n" + PAYLOAD
    signer = openssl.Identity(them.private_key, them.certificate)
    signature = openssl.cms_sign(part, [signer], "-md", "sha256")
    body = (
        b"--b\r\n%s\r\n--b\r\nContent-Type: application/pkcs7-signature\r\n"
        b"Content-Transfer-Encoding: binary\r\n\r\n%s\r\n--b--\r\n" % (part, signature)
    )
    signed = (
        b'Content-Type: multipart/signed; protocol="application/pkcs7-signature"; '
        b'micalg=sha-256; boundary="b"\r\n\r\n' + body
    )
    reply = message().with_body(openssl.cms_encrypt(signed, [us.certificate], "-aes256")).send()
    assert sender.disposition(reply) == "processed"
    assert b"".join(get_store().chunks(Message.objects.get().payload_key)) == PAYLOAD


def test_a_chunked_message_is_accepted(connection: Connection) -> None:
    sent = message()
    half = len(sent.body) // 2
    pieces = (sent.body[:half], sent.body[half:], b"")
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    fields = {**sent.fields, "Transfer-Encoding": "chunked"}
    assert sender.disposition(sender.send(post(chunks, fields))) == "processed"


def test_the_first_supported_algorithm_signs_the_mdn(connection: Connection) -> None:
    options = (
        "signed-receipt-protocol=optional, pkcs7-signature; "
        "signed-receipt-micalg=optional, whirlpool, SHA512, sha1"
    )
    reply = message().with_fields(Disposition_Notification_Options=options).send()
    assert "micalg=sha-512" in (reply.headers.get("Content-Type") or "").replace('"', "")


def test_an_mdn_that_cannot_be_signed_goes_out_and_says_so(connection: Connection) -> None:
    connection.organization.keys.update(signs=False)
    mdn = sender.mdn_of(message().send())
    assert (mdn.signed, mdn.disposition.modified_type) == (False, "processed")
    assert "No signature could be made" in mdn.text
    assert MDN.objects.get().signed is False


def test_an_unsigned_mdn_is_sent_if_that_was_asked_for(connection: Connection) -> None:
    reply = message(mdn_signed=False).send()
    assert sender.mdn_of(reply).signed is False


def test_who_asks_for_no_mdn_gets_an_empty_answer(connection: Connection) -> None:
    reply = message(mdn=MDNMode.NONE).send()
    assert (reply.status, reply.body) == (HTTPStatus.OK, b"")
    assert Message.objects.get().state == "accepted"
    assert not MDN.objects.exists()


def test_an_accepted_message_costs_few_statements(
    connection: Connection, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    message(message_id="<0@amazon.example>").send()
    sent = message()
    # whose it is, whether it was here, and in one transaction message, delivery, MDN and audit
    with django_assert_max_num_queries(12):
        sent.send()


# --- duplicates -----------------------------------------------------------------------------------


def test_a_repetition_gets_the_same_mdn_and_is_not_delivered_again(connection: Connection) -> None:
    sent = message()
    first, second = sent.send(), sent.send()
    assert (second.headers, second.body) == (first.headers, first.body)
    assert (Message.objects.count(), Delivery.objects.count()) == (1, 1)
    assert AuditEvent.objects.filter(tag="message:inbound:duplicate").count() == 1
    assert stored_files() == [".mdn", ".payload", ".raw"]


def test_a_document_encrypted_anew_is_a_repetition(connection: Connection) -> None:
    first, second = message().send(), message().send()
    assert (second.headers, second.body) == (first.headers, first.body)
    assert Delivery.objects.count() == 1
    assert stored_files() == [".mdn", ".payload", ".raw"]


def test_another_document_under_the_same_id_is_refused(connection: Connection) -> None:
    message().send()
    reply = message(b"another document").send()
    assert sender.disposition(reply) == "processed/error: unexpected-processing-error"
    accepted, refused = Message.objects.order_by("pk")
    assert (accepted.state, refused.state) == ("accepted", "rejected")
    assert refused.failure_code == "message-id-reused"
    assert "The first message stands" in refused.failure_text
    assert b"".join(get_store().chunks(accepted.payload_key)) == PAYLOAD
    assert Delivery.objects.count() == 1


def test_a_repetition_without_mdn_gets_an_empty_answer(connection: Connection) -> None:
    sent = message(mdn=MDNMode.NONE)
    replies = [sent.send(), sent.send()]
    assert [reply.body for reply in replies] == [b"", b""]
    assert Message.objects.count() == 1


def test_the_same_id_of_another_partner_is_another_message(connection: Connection) -> None:
    other = factories.connection(
        connection.organization, factories.partner("Other"), as2_id="OTHER"
    )
    factories.partner_certificate(other, factories.identity("AMAZON").certificate)
    message().send()
    assert sender.disposition(message(as2_from="OTHER").send()) == "processed"
    assert Message.objects.filter(state="accepted").count() == 2


def test_a_repetition_that_asks_for_an_async_mdn_gets_the_stored_one_there(
    connection: Connection,
) -> None:
    sent = message()
    body = sent.send().body
    url = "http://127.0.0.1:9/mdn"
    reply = sent.with_fields(Receipt_Delivery_Option=url).send()
    assert (reply.status, reply.body) == (HTTPStatus.OK, b"")
    mdn = MDN.objects.get()
    assert (mdn.state, mdn.url) == ("queued", url)
    assert b"".join(get_store().chunks(mdn.body_key)) == body


# --- async ----------------------------------------------------------------------------------------


def test_an_async_mdn_is_made_after_the_answer(connection: Connection) -> None:
    sent = asking_async()
    reply = sent.send()
    assert (reply.status, reply.body) == (HTTPStatus.OK, b"")
    row = Message.objects.get()
    assert (row.state, row.mdn_mode) == ("received", "async")
    assert stored_files() == [".raw"]
    receiving.process(row.pk)
    row.refresh_from_db()
    mdn = MDN.objects.get()
    assert (row.state, row.due_at) == ("accepted", None)
    assert (mdn.state, mdn.positive, mdn.url) == ("queued", True, "http://127.0.0.1:9/mdn")
    assert Delivery.objects.count() == 1


def test_a_stored_message_is_processed_once(connection: Connection) -> None:
    asking_async().send()
    row = Message.objects.get()
    receiving.process(row.pk)
    receiving.process(row.pk)
    receiving.process(4711)
    assert (MDN.objects.count(), Delivery.objects.count()) == (1, 1)


def test_an_async_refusal_is_posted_too(connection: Connection) -> None:
    asking_async(sign=None, sign_with=None).send()
    receiving.process(Message.objects.get().pk)
    row, mdn = Message.objects.get(), MDN.objects.get()
    assert (row.state, row.failure_code) == ("rejected", "insufficient-message-security")
    assert (mdn.state, mdn.positive) == ("queued", False)
    assert not Delivery.objects.exists()


def test_two_async_copies_are_one_message(connection: Connection) -> None:
    sent = asking_async()
    sent.send()
    sent.send()
    for row in Message.objects.order_by("pk"):
        receiving.process(row.pk)
    assert Message.objects.get().state == "accepted"
    assert (MDN.objects.count(), Delivery.objects.count()) == (1, 1)
    assert stored_files() == [".mdn", ".payload", ".raw"]


def test_an_async_copy_encrypted_anew_is_dropped(connection: Connection) -> None:
    asking_async().send()
    receiving.process(Message.objects.get().pk)
    asking_async().send()
    receiving.process(Message.objects.get(state="received").pk)
    assert Message.objects.get().state == "accepted"
    assert stored_files() == [".mdn", ".payload", ".raw"]


def test_an_async_message_may_not_take_the_id_of_another(connection: Connection) -> None:
    asking_async().send()
    receiving.process(Message.objects.get().pk)
    sent = message(b"another document", mdn=MDNMode.ASYNC, mdn_url="http://127.0.0.1:9/mdn")
    sent.send()
    row = Message.objects.get(state="received")
    receiving.process(row.pk)
    row.refresh_from_db()
    assert (row.state, row.failure_code) == ("rejected", "message-id-reused")
    assert MDN.objects.filter(message=row, state="queued").count() == 1


def test_a_sync_copy_of_an_async_message_is_answered_at_once(connection: Connection) -> None:
    sent = asking_async()
    sent.send()
    receiving.process(Message.objects.get().pk)
    reply = sent.with_fields(Receipt_Delivery_Option=None).send()
    sender.verify(reply, sent)
    assert MDN.objects.get().state == "queued"


@pytest.mark.parametrize(
    "url", ["http://evil.example/", "http://user@127.0.0.1/", "mailto:a@127.0.0.1", "http://[", "x"]
)
def test_an_mdn_url_of_another_host_is_not_called(connection: Connection, url: str) -> None:
    sent = message().with_fields(Receipt_Delivery_Option=url)
    sender.verify(sent.send(), sent)
    row = Message.objects.get()
    assert row.mdn_mode == "sync"
    assert "hosts for async MDNs" in row.notes[0]


def test_a_listed_host_is_called(connection: Connection) -> None:
    Connection.objects.update(mdn_hosts="a.example, MDN.example")
    message().with_fields(Receipt_Delivery_Option="https://mdn.EXAMPLE:8443/x?y").send()
    assert Message.objects.get().mdn_mode == "async"


def test_a_disk_that_fails_while_processing_costs_only_time(connection: Connection) -> None:
    asking_async().send()
    row = Message.objects.get()
    failpoints.arm("fs.fsync=enospc")
    receiving.process(row.pk)
    failpoints.arm("")
    row.refresh_from_db()
    assert (row.state, row.attempts) == ("received", 0)
    assert "see to the disk of the store" in row.failure_text
    Message.objects.update(due_at=timezone.now())
    receiving.process(row.pk)
    row.refresh_from_db()
    assert (row.state, row.failure_text) == ("accepted", "")


def test_a_message_that_ends_the_worker_each_time_is_set_aside(connection: Connection) -> None:
    asking_async().send()
    Message.objects.update(attempts=3)
    receiving.process(Message.objects.get().pk)
    row = Message.objects.get()
    assert (row.state, row.failure_code) == ("rejected", "poisonous-message")
    assert not MDN.objects.get().positive


def test_a_worker_past_its_lease_writes_nothing(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking_async().send()
    row = Message.objects.get()

    def meanwhile(name: str) -> None:
        if name == "rx.renamed":  # another worker has claimed it
            Message.objects.update(due_at=timezone.now() + dt.timedelta(hours=1), attempts=2)

    monkeypatch.setattr(failpoints, "hit", meanwhile)
    receiving.process(row.pk)
    row.refresh_from_db()
    assert row.state == "received"
    assert not MDN.objects.exists()
    assert stored_files() == [".raw"]


# --- unknown names, and MDNs ----------------------------------------------------------------------


@pytest.mark.parametrize("names", [{"as2_from": "WALMART"}, {"as2_to": "vendor"}])
def test_unknown_names_get_an_unsigned_mdn_and_leave_nothing(
    connection: Connection, names: dict[str, Any]
) -> None:
    sent = message(**names)
    reply = sent.send()
    mdn = sender.mdn_of(reply)
    assert reply.status == HTTPStatus.OK
    assert mdn.disposition.modified_type == "processed/error: unexpected-processing-error"
    assert (mdn.signed, mdn.original_message_id) == (False, sent.fields["Message-ID"])
    assert "not configured here" in mdn.text
    assert not Message.objects.exists()
    assert stored_files() == []
    assert UnknownSender.objects.count() == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"Disposition_Notification_To": None},
        {"Receipt_Delivery_Option": "http://evil.example/"},
    ],
)
def test_unknown_names_are_forbidden_otherwise(
    connection: Connection, fields: dict[str, str | None]
) -> None:
    reply = message(as2_from="NOBODY").with_fields(**fields).send()
    assert reply.status == HTTPStatus.FORBIDDEN
    assert b"not known here" in reply.body


def test_the_body_of_unknown_names_is_not_read_to_its_end(connection: Connection) -> None:
    sent = message(as2_from="NOBODY").with_fields(Content_Length="100000000")
    assert sent.send().status == HTTPStatus.OK


def test_a_connection_without_its_organization_is_unknown(connection: Connection) -> None:
    factories.organization("OTHER")
    reply = message(as2_to="OTHER").send()
    assert sender.mdn_of(reply).signed is False


def test_an_mdn_is_kept_and_answered(connection: Connection) -> None:
    fields = {
        "AS2-From": "AMAZON",
        "AS2-To": "VENDOR",
        "Content-Type": 'multipart/report; report-type=disposition-notification; boundary="b"',
    }
    body = (
        b"--b\r\nContent-Type: message/disposition-notification\r\n\r\n"
        b"Original-Message-ID: <nothing@of.ours>\r\n"
        b"Disposition: automatic-action/MDN-sent-automatically; processed\r\n\r\n--b--\r\n"
    )
    reply = sender.send(post(body, fields))
    assert (reply.status, reply.body) == (HTTPStatus.OK, b"")
    assert MDN.objects.get().state == "unmatched"
    assert not Message.objects.exists()


def test_an_mdn_of_megabytes_is_refused(connection: Connection) -> None:
    fields = {
        "AS2-From": "AMAZON",
        "AS2-To": "VENDOR",
        "Content-Type": 'multipart/report; report-type=disposition-notification; boundary="b"',
    }
    reply = sender.send(post(b"--b\r\n" + bytes(1_100_000), fields))
    assert reply.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    assert stored_files() == []


# --- no message at all ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (lambda: message().with_fields(AS2_From=None), 400),
        (lambda: message().with_fields(AS2_To=""), 400),
        (lambda: message().with_fields(AS2_From="caf\xe9"), 400),
        (lambda: message().with_fields(Message_ID="<\xff@x>"), 400),
        (lambda: message().with_fields(Message_ID=f"<{'x' * 999}>"), 400),
        (lambda: message().with_fields(Content_Encoding="gzip"), 415),
        (lambda: message().with_fields(Content_Length="5000"), 400),
        (lambda: message().with_fields(Content_Length="99999999999999"), 413),
    ],
)
def test_what_is_no_message_is_answered_in_plain_text(
    connection: Connection, sent: Any, status: int
) -> None:
    reply = sent().send()
    assert reply.status == status
    assert reply.headers.get("Content-Type") == "text/plain; charset=utf-8"
    assert reply.body.endswith(b".\n")
    assert not Message.objects.exists()
    assert stored_files() == []


def test_a_message_that_was_cut_may_come_again(connection: Connection) -> None:
    sent = message()
    for keep in (0, 1, 100, len(sent.body) - 1):
        cut = sent.with_fields(Content_Length=str(len(sent.body))).with_body(sent.body[:keep])
        assert cut.send().status == HTTPStatus.BAD_REQUEST
    sender.verify(sent.send(), sent)


# --- faults of ours -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "point",
    [
        "rx.headers",
        "rx.body",
        "rx.spooled",
        "rx.verify",
        "fs.write",
        "rx.payload_written",
        "fs.fsync",
        "fs.fsync=enospc:2",
        "fs.fsync=enospc:3",
        "rx.renamed",
        "rx.tx_open",
    ],
)
def test_a_full_disk_gives_no_verdict_and_the_message_may_come_again(
    connection: Connection, point: str
) -> None:
    sent = message()
    failpoints.arm(point if "=" in point else f"{point}=enospc")
    reply = sent.send()
    failpoints.arm("")
    assert reply.status == HTTPStatus.SERVICE_UNAVAILABLE
    assert reply.headers.get("Retry-After") == "120"
    assert not Message.objects.exists()
    assert not MDN.objects.exists()
    sender.verify(sent.send(), sent)
    assert Delivery.objects.count() == 1


def test_a_disk_that_is_nearly_full_takes_nothing(
    connection: Connection, settings: Settings
) -> None:
    settings.AS2_MIN_FREE_SPACE = 2**60
    assert message().send().status == HTTPStatus.SERVICE_UNAVAILABLE
    assert stored_files() == []


def test_a_key_that_cannot_be_opened_gives_no_verdict(
    connection: Connection, settings: Settings
) -> None:
    settings.AS2_KEY_RING = ["0" * 43 + "="]
    reply = message().send()
    assert reply.status == HTTPStatus.SERVICE_UNAVAILABLE
    assert not Message.objects.exists()


def test_a_message_that_was_committed_and_not_answered_gets_its_mdn(
    connection: Connection,
) -> None:
    sent = message()
    failpoints.arm("rx.committed=eio")
    assert sent.send().status == HTTPStatus.SERVICE_UNAVAILABLE
    failpoints.arm("")
    sender.verify(sent.send(), sent)
    assert (Message.objects.count(), Delivery.objects.count()) == (1, 1)


def test_a_database_that_is_down_gives_no_verdict(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OperationalError("connection refused")

    sent = message()
    with database.execute_wrapper(refuse):
        assert sent.send().status == HTTPStatus.SERVICE_UNAVAILABLE
    assert stored_files() == []
    sender.verify(sent.send(), sent)


# --- with real transactions -----------------------------------------------------------------------


@pytest.fixture
def committed(transactional_db: None) -> Connection:
    return factories.connection()


@pytest.fixture
def lost_commits(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """COMMIT reports a lost connection; the list says for each whether it took place before."""
    takes_place: list[bool] = []
    wrapper_class = type(db.connections["default"])  # Django's, of whichever database
    commit = wrapper_class.commit

    def lose(wrapper: Any) -> None:
        if not takes_place:
            commit(wrapper)
            return
        if takes_place.pop():
            commit(wrapper)
        else:
            wrapper.rollback()
        raise OperationalError("connection lost")

    monkeypatch.setattr(wrapper_class, "commit", lose)
    return takes_place


@pytest.mark.django_db(transaction=True)
def test_a_commit_that_took_place_is_answered_though_its_result_was_lost(
    committed: Connection, lost_commits: list[bool]
) -> None:
    sent = message()
    lost_commits.append(True)
    sender.verify(sent.send(), sent)
    assert (Message.objects.count(), Delivery.objects.count()) == (1, 1)


@pytest.mark.django_db(transaction=True)
def test_a_commit_that_was_lost_gives_no_verdict(
    committed: Connection, lost_commits: list[bool]
) -> None:
    sent = message()
    lost_commits.append(False)
    assert sent.send().status == HTTPStatus.SERVICE_UNAVAILABLE
    assert not Message.objects.exists()
    sender.verify(sent.send(), sent)


@pytest.mark.django_db(transaction=True)
def test_an_async_commit_that_took_place_is_answered(
    committed: Connection, lost_commits: list[bool]
) -> None:
    lost_commits.append(True)
    assert asking_async().send().status == HTTPStatus.OK
    assert Message.objects.get().state == "received"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("anew", [False, True])
def test_copies_at_once_are_one_message(committed: Connection, anew: bool) -> None:
    sent = message()
    copies = [message() if anew else sent for _ in range(6)]

    def send(copy: Sent) -> bytes:
        try:
            return copy.send().body
        finally:
            db.connections.close_all()

    with ThreadPoolExecutor(len(copies)) as pool:
        bodies = set(pool.map(send, copies))
    assert len(bodies) == 1
    assert (Message.objects.count(), Delivery.objects.count()) == (1, 1)
    assert stored_files() == [".mdn", ".payload", ".raw"]


def test_nothing_of_a_document_or_a_key_is_logged(
    connection: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    message(b"SECRET-DOCUMENT").send()
    message(b"SECRET-DOCUMENT", sign=None, sign_with=None).send()
    assert "SECRET" not in caplog.text
    assert "<1@amazon.example>" in caplog.text


def test_the_store_is_where_everything_lies(connection: Connection, home: Path) -> None:
    message().send()
    assert {path.parent.parent.parent.parent for path in home.rglob("*.raw")} == {home / "store"}
