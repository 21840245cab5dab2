import hashlib
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from http import HTTPStatus
from typing import Any

import pytest
from asn1crypto import cms
from django.db import connection as database
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from as2gateway.algorithms import Compression, DigestAlgorithm
from as2gateway.policy import MDNMode
from messages.delivering import deliver_due
from messages.evidence.opening import open_content
from messages.models import MDN, Delivery, Message, UnknownSender
from messages.store import Kind, get_store
from partners.models import Connection
from tests import factories, openssl
from tests.gateway.wrapping import multipart, signature
from tests.messages import sender
from tests.messages.arrange import PAYLOAD, stored_files
from tests.messages.sender import message
from tests.messages.wsgi import post

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("home")]


def test_an_accepted_message_is_stored_answered_and_delivered(connection: Connection) -> None:
    sent = message()
    reply = sent.send()
    assert reply.status == HTTPStatus.OK
    sender.verify(reply, sent)
    row = Message.objects.get()
    assert (row.state, row.failure_text, row.due_at) == ("accepted", "", None)
    assert b"".join(get_store().chunks(row.payload_key)) == PAYLOAD
    assert b"".join(get_store().chunks(row.raw_key)) == sent.body
    deliver_due()
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
    assert "micalg=SHA512" in (reply.headers.get("Content-Type") or "").replace('"', "")


@pytest.mark.parametrize(
    ("listed", "accept_sha1", "signed_in"),
    [
        ("sha1, SHA512", False, "SHA512"),
        ("sha1, SHA512", True, "sha1"),
        ("sha1", False, "sha-256"),
        ("sha1", True, "sha1"),
    ],
)
def test_an_mdn_is_signed_in_the_first_digest_listed_that_the_connection_allows(
    connection: Connection, listed: str, accept_sha1: bool, signed_in: str
) -> None:
    Connection.objects.update(accept_sha1=accept_sha1)
    options = f"signed-receipt-protocol=optional, pkcs7-signature; signed-receipt-micalg={listed}"
    reply = message().with_fields(Disposition_Notification_Options=options).send()
    assert f"micalg={signed_in};" in (reply.headers.get("Content-Type") or "").replace('"', "")
    signature = cms.ContentInfo.load(reply.body[reply.body.rindex(b"\r\n\r\n0") + 4 :])["content"]
    (signer,) = signature["signer_infos"]
    name = signer["digest_algorithm"]["algorithm"].native
    assert name == signed_in.lower().replace("-", "")


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
    # whose it is, whether it was here, whether its content key was (threats R14), and in one
    # transaction message, delivery, MDN, audit, and whether a planned change of certificates waits
    # for it; PostgreSQL is also asked to let copies wait for each other
    copies = database.vendor == "postgresql"
    with django_assert_max_num_queries(14 + copies):
        sent.send()


@pytest.mark.parametrize(
    "names",
    [
        {"AS2_From": "AMAZON Inc"},
        {"AS2_To": " VENDOR Inc (EDI)"},
        {"AS2_From": "AMAZON x", "AS2_To": "VENDOR y"},
    ],
)
def test_a_name_with_spaces_and_no_quotes_may_mean_its_first_word(
    connection: Connection, names: dict[str, str]
) -> None:
    reply = message().with_fields(**names).send()
    row = Message.objects.get()
    assert (row.state, row.as2_from, row.as2_to) == ("accepted", "AMAZON", "VENDOR")
    assert (reply.headers.get("AS2-From"), reply.headers.get("AS2-To")) == ("VENDOR", "AMAZON")


def test_a_name_with_spaces_is_the_whole_of_it_if_that_is_known(connection: Connection) -> None:
    whole = factories.connection(connection.organization, connection.partner, as2_id="AMAZON Inc")
    message().with_fields(AS2_From="AMAZON Inc").send()
    assert Message.objects.get().connection == whole


def test_a_name_in_quotes_is_never_its_first_word(connection: Connection) -> None:
    message().with_fields(AS2_From='"AMAZON Inc"').send()
    assert not Message.objects.exists()


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


def test_unknown_names_with_a_cut_body_get_no_mdn(connection: Connection) -> None:
    sent = message(as2_from="NOBODY").with_fields(Content_Length="60000")
    assert sent.send().status == HTTPStatus.BAD_REQUEST
    assert not UnknownSender.objects.exists()


def test_a_connection_without_its_organization_is_unknown(connection: Connection) -> None:
    factories.organization("OTHER")
    reply = message(as2_to="OTHER").send()
    assert sender.mdn_of(reply).signed is False


@pytest.mark.parametrize(
    ("over", "digest"),
    [
        (lambda part: part + b"\r\n", "sha256"),
        (lambda part: part.replace(b"\n", b"\r\n"), "sha512"),
        (lambda part: part + b"\r\n", "sha512"),
    ],
)
def test_every_repair_of_line_ends_is_tried_also_in_another_digest(
    connection: Connection, over: Callable[[bytes], bytes], digest: str
) -> None:
    Connection.objects.update(require_encryption=False)
    part = b"Content-Type: application/edifact\n\none\ntwo"
    amazon = factories.identity("AMAZON")
    signer = openssl.Identity(amazon.private_key, amazon.certificate)
    entity = multipart(part, signature(over(part), signer, "-md", digest))
    content_type = entity.fields[0].removeprefix("Content-Type: ")
    sent = message().with_fields(Content_Type=content_type).with_body(entity.body)
    assert sender.disposition(sent.send()) == "processed"
    row = Message.objects.get()
    assert row.kept_mics == {DigestAlgorithm(row.signed): hashlib.new(digest, over(part)).digest()}
    with ExitStack() as stack:
        new_file = partial(get_store().writer, Kind.PAYLOAD)
        content = open_content(row, lambda: stack.enter_context(new_file()), timezone.now())
        assert b"".join(content.file.chunks()) == over(part)


REPORT = (
    b"--b\r\nContent-Type: message/disposition-notification\r\n\r\n"
    b"Original-Message-ID: <nothing@of.ours>\r\n"
    b"Disposition: automatic-action/MDN-sent-automatically; processed\r\n\r\n--b--\r\n"
)


@pytest.mark.parametrize("body", [REPORT, b"--b\r\n\r\nno MDN\r\n--b--\r\n", bytes(1_100_000)])
@pytest.mark.parametrize("policy", [{"encrypt": None}, {"encrypt": None, "sign": None}, {}])
def test_a_report_on_nothing_of_ours_that_asks_for_an_mdn_is_a_document(
    connection: Connection, body: bytes, policy: dict[str, Any]
) -> None:
    Connection.objects.update(require_encryption=False, require_signature=False)
    sent = sender.reporting(body, **policy)
    sender.verify(sent.send(), sent)
    deliver_due()
    assert Message.objects.get().state == "accepted"
    assert not MDN.objects.filter(direction="inbound").exists()


def test_an_mdn_is_kept_and_answered(connection: Connection) -> None:
    fields = {
        "AS2-From": "AMAZON",
        "AS2-To": "VENDOR",
        "Content-Type": 'multipart/report; report-type=disposition-notification; boundary="b"',
    }
    reply = sender.send(post(REPORT, fields))
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


@pytest.mark.parametrize(("engine", "status"), [("native", 400), ("pyas2lib", 413)])
def test_an_engine_that_holds_whole_messages_takes_smaller_ones(
    connection: Connection, engine: str, status: int
) -> None:
    Connection.objects.filter(pk=connection.pk).update(engine=engine)
    # The body that follows is short: native would have waited for all of it.
    reply = message().with_fields(Content_Length="50000001").send()
    assert reply.status == status


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


def test_nothing_of_a_document_or_a_key_is_logged(
    connection: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    message(b"SECRET-DOCUMENT").send()
    message(b"SECRET-DOCUMENT", sign=None, sign_with=None).send()
    assert "SECRET" not in caplog.text
    assert "<1@amazon.example>" in caplog.text
