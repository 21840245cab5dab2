"""What is refused: each with its disposition, the operator's text, and nothing delivered."""

import datetime as dt
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from as2gateway.algorithms import CipherAlgorithm, Compression, DigestAlgorithm
from as2gateway.cms.compressed import compressed_data
from as2gateway.policy import SigningKey
from messages.models import MDN, Delivery, Message
from messages.store import get_store
from partners.models import Connection
from tests import factories, openssl
from tests.messages import sender
from tests.messages.arrange import PAYLOAD
from tests.messages.sender import Sent, message

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("home")]

NONE: dict[str, Any] = {"sign": None, "sign_with": None}
CLEAR: dict[str, Any] = {"encrypt": None, "encrypt_to": None}
OPEN = {"require_encryption": False}


def expired() -> SigningKey:
    """The partner's key under a certificate that has expired yesterday."""
    start = timezone.now() - dt.timedelta(days=366)
    certificate = factories.certificate("AMAZON", start=start)
    return SigningKey(factories.rsa_key("AMAZON"), certificate)


def accept(certificate: SigningKey) -> Callable[[Connection], None]:
    def arrange(connection: Connection) -> None:
        factories.partner_certificate(connection, certificate.certificate)

    return arrange


def retire(connection: Connection) -> None:
    connection.certificates.update(retires_at=timezone.now() - dt.timedelta(minutes=1))


def retire_key(connection: Connection) -> None:
    connection.organization.keys.update(retires_at=timezone.now() - dt.timedelta(minutes=1))


def nothing(_connection: Connection) -> None:
    """The connection is as it is."""


def tampered() -> Sent:
    sent = message(**CLEAR)
    return sent.with_body(sent.body.replace(b"UNB+UNOA", b"UNB+UNOB"))


def bomb() -> Sent:
    """Two kilobytes that unpack to two megabytes, signed and encrypted by the right partner."""
    return message(bytes(2_000_000), compress=Compression.BEFORE_SIGNING)


def compressed_twice() -> Sent:
    inner = message(compress=Compression.AFTER_SIGNING, **NONE, **CLEAR)
    head = f"Content-Type: {inner.fields['Content-Type']}\r\n\r\n".encode()
    packed = zlib.compress(head + inner.body)
    return inner.with_body(b"".join(compressed_data([packed], len(packed))))


def encrypted_garbage() -> Sent:
    """Octets without any MIME, encrypted to the right certificate."""
    recipient = factories.identity("VENDOR").certificate
    enveloped = openssl.cms_encrypt(b"\x00\x01\x02 no MIME here", [recipient], "-aes128")
    return message().with_body(enveloped)


def damaged_encryption() -> Sent:
    return message().with_broken_padding()


def no_boundary() -> Sent:
    return message(**CLEAR).with_fields(Content_Type="multipart/signed; micalg=sha-256")


def not_cms(content_type: str) -> Sent:
    sent = message().with_body(b"this is neither DER nor base64 \xff\xfe")
    return sent.with_fields(Content_Type=content_type)


def huge_signature() -> Sent:
    sent = message(**CLEAR)
    at = sent.body.rindex(b"\r\n--")
    return sent.with_body(sent.body[:at] + b"A" * 1_500_000 + sent.body[at:])


def asking(options: str) -> Sent:
    return message().with_fields(Disposition_Notification_Options=options)


@dataclass(frozen=True, slots=True)
class Case:
    """A message that is refused, and how."""

    name: str
    sent: Callable[[], Sent]
    disposition: str
    #: each of these stands in the operator's text
    words: tuple[str, ...]
    code: str = ""
    arrange: Callable[[Connection], None] = nothing
    settings: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name


STRANGER = factories.identity("STRANGER")
CASES = [
    Case(
        "signed by a stranger",
        lambda: message(sign_with=STRANGER.signing_key),
        "processed/error: authentication-failed",
        ("none of the 1 configured certificates", "CN=AMAZON", "add it to the connection"),
    ),
    Case(
        "signed with an expired certificate",
        lambda: message(sign_with=expired()),
        "processed/error: authentication-failed",
        ("has expired: CN=AMAZON, valid until", "add it to the connection"),
        arrange=accept(expired()),
    ),
    Case(
        "signed with a retired certificate",
        message,
        "processed/error: authentication-failed",
        ("has no certificate in use that verifies Amazon", "add the one"),
        arrange=retire,
    ),
    Case(
        "changed after it was signed",
        tampered,
        "processed/error: integrity-check-failed",
        ("the signer digested", "changed the content after it was signed"),
        settings=OPEN,
    ),
    Case(
        "not signed",
        lambda: message(**NONE),
        "processed/error: insufficient-message-security",
        ("not signed", "take back “require signature”"),
    ),
    Case(
        "not encrypted",
        lambda: message(**CLEAR),
        "processed/error: insufficient-message-security",
        ("not encrypted", "take back “require encryption”"),
    ),
    Case(
        "neither signed nor encrypted",
        lambda: message(**NONE, **CLEAR),
        "processed/error: insufficient-message-security",
        ("not encrypted",),
    ),
    Case(
        "compressed instead of encrypted",
        lambda: message(compress=Compression.AFTER_SIGNING, **CLEAR),
        "processed/error: insufficient-message-security",
        ("not encrypted",),
    ),
    Case(
        "signed with SHA-1",
        lambda: message(sign=DigestAlgorithm.SHA1),
        "processed/error: insufficient-message-security",
        ("signed with sha-1", "switch on “accept SHA-1”"),
    ),
    Case(
        "encrypted with triple DES",
        lambda: message(encrypt=CipherAlgorithm.TRIPLE_DES_CBC),
        "processed/error: decryption-failed",
        ("des-ede3-cbc is not allowed", "switch on “accept 3DES”"),
    ),
    Case(
        "encrypted to another key",
        lambda: message(encrypt_to=STRANGER.certificate),
        "processed/error: decryption-failed",
        ("not encrypted to any certificate of ours", "CN=VENDOR", "Send it to them again"),
    ),
    Case(
        "no key pair that decrypts",
        message,
        "processed/error: decryption-failed",
        ("VENDOR has no key pair in use that decrypts",),
        arrange=retire_key,
    ),
    Case(
        "damaged on the way",
        damaged_encryption,
        "processed/error: decryption-failed",
        ("CN=VENDOR",),
    ),
    Case(
        "encrypted, but no MIME inside",
        encrypted_garbage,
        "processed/error: decryption-failed",
        ("CN=VENDOR",),
    ),
    Case(
        "multipart without a boundary",
        no_boundary,
        "processed/error: integrity-check-failed",
        ("without a boundary",),
        settings=OPEN,
    ),
    Case(
        "said to be encrypted, but no CMS",
        lambda: not_cms("application/pkcs7-mime; smime-type=enveloped-data"),
        "processed/error: decryption-failed",
        ("not a CMS structure",),
    ),
    Case(
        "CMS of no kind",
        lambda: not_cms("application/pkcs7-mime"),
        "processed/error: unexpected-processing-error",
        ("not a CMS structure", "Send the stored request to Amazon"),
        code="malformed-message",
    ),
    Case(
        "a signature of megabytes",
        huge_signature,
        "processed/error: unexpected-processing-error",
        ("more than 1048576 octets", "Nothing beyond the limit was read"),
        code="limit-exceeded",
        settings=OPEN,
    ),
    Case(
        "a decompression bomb",
        bomb,
        "processed/error: decompression-failed",
        ("unpacks to more than 1000000 octets", "raise AS2_MAX_BODY"),
    ),
    Case(
        "compressed twice",
        compressed_twice,
        "processed/error: decompression-failed",
        ("compressed twice",),
        settings={**OPEN, "require_signature": False},
    ),
    Case(
        "an MDN format that is not known",
        lambda: asking("signed-receipt-protocol=required, pgp-signature"),
        "failed/failure: unsupported format",
        ("pkcs7-signature",),
        code="unsupported format",
    ),
    Case(
        "no MIC algorithm that is known",
        lambda: asking(
            "signed-receipt-protocol=optional, pkcs7-signature; "
            "signed-receipt-micalg=optional, whirlpool"
        ),
        "failed/failure: unsupported MIC-algorithms",
        ("signed-receipt-micalg sha-256",),
    ),
    Case(
        "no Message-ID",
        lambda: message().with_fields(Message_ID=None),
        "processed/error: unexpected-processing-error",
        ("has no Message-ID", "as RFC 4130 demands"),
        code="message-id-missing",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_message_that_is_not_as_agreed_is_refused(case: Case, settings: Settings) -> None:
    settings.AS2_MAX_BODY = 1_000_000 if case.name != "a signature of megabytes" else 2_000_000
    connection = factories.connection(**case.settings)
    case.arrange(connection)
    reply = case.sent().send()
    assert (reply.status, sender.disposition(reply)) == (200, case.disposition)
    row = Message.objects.get()
    assert row.state == "rejected"
    assert row.failure_code == (case.code or case.disposition.partition(": ")[2])
    text = row.failure_text.lower()
    assert [words for words in case.words if words.lower() not in text] == []
    assert_nothing_delivered(row)


def assert_nothing_delivered(row: Message) -> None:
    """No delivery and no payload, but the request and the MDN are kept for whoever asks why."""
    assert not Delivery.objects.exists()
    assert row.payload_key == ""
    mdn = MDN.objects.get()
    kept = {path.name for path in get_store().root.rglob("*") if path.is_file()}
    assert kept == {Path(row.raw_key).name, Path(mdn.body_key).name}
    assert (mdn.message, mdn.positive, mdn.state) == (row, False, "answered")


@pytest.mark.parametrize("case", CASES[:8], ids=str)
def test_the_partner_is_told_no_more_than_what_kind_of_fault_it_was(case: Case) -> None:
    connection = factories.connection(**case.settings)
    case.arrange(connection)
    text = sender.mdn_of(case.sent().send()).text
    assert "CN=" not in text
    assert "“" not in text
    assert str(get_store().root) not in text


def test_a_refusal_is_signed_if_that_was_asked_for() -> None:
    factories.connection()
    sent = message(**NONE)
    sender.verify(sent.send(), sent)


@pytest.mark.parametrize("name", ["signed by a stranger", "not encrypted"])
def test_what_was_refused_may_come_again(name: str) -> None:
    connection = factories.connection()
    case = next(case for case in CASES if case.name == name)
    case.sent().send()
    factories.partner_certificate(connection, STRANGER.certificate)
    connection.require_encryption = False
    connection.save()
    assert sender.disposition(case.sent().send()) == "processed"
    assert sorted(Message.objects.values_list("state", flat=True)) == ["accepted", "rejected"]


def test_who_asks_for_no_mdn_is_refused_all_the_same() -> None:
    factories.connection()
    sent = message(**NONE).with_fields(Disposition_Notification_To=None)
    reply = sent.send()
    assert (reply.status, reply.body) == (200, b"")
    assert Message.objects.get().state == "rejected"
    assert not Delivery.objects.exists()


def test_a_message_without_id_that_asks_for_nothing_is_accepted_once() -> None:
    factories.connection()
    sent = message().with_fields(Message_ID=None, Disposition_Notification_To=None)
    replies = [sent.send(), sent.send()]
    assert [reply.body for reply in replies] == [b"", b""]
    row = Message.objects.get()
    assert row.state == "accepted"
    assert "digest of its body stands in" in row.notes[0]
    assert b"".join(get_store().chunks(row.payload_key)) == PAYLOAD
