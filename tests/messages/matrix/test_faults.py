"""What is wrong with a message is told in its MDN, sync or async; nothing is delivered (G13a)."""

import datetime as dt
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from as2gateway.policy import MDNMode
from messages import failpoints, processing
from messages.models import MDN, Delivery, Message
from partners.models import Connection
from tests import factories, openssl
from tests.gateway.matrix.rows import Row, run
from tests.gateway.matrix.wire import OpenedMDN, Wire, open_mdn
from tests.gateway.wrapping import (
    Entity,
    compressed,
    compressed_data,
    document,
    encrypted,
    multipart,
    pkcs7,
    signature,
    signed,
)
from tests.messages.matrix.far_end import (
    AMAZON,
    PAYLOAD,
    VENDOR,
    connect,
    exchange,
    identity,
    posted,
    request,
)
from tests.messages.sender import Sent

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("home")]

STRANGER = identity("STRANGER")
#: a document that unpacks to more than is taken
LIMIT = 1_000_000


def packed(inside: Entity) -> Entity:
    """Compress and encrypt."""
    return encrypted(compressed(inside), VENDOR)


def corrupt_signature() -> Entity:
    part = signature(document(PAYLOAD).octets, AMAZON)
    return packed(multipart(document(PAYLOAD).octets, part[:-1] + bytes((part[-1] ^ 1,))))


def altered() -> Entity:
    part = signature(document(PAYLOAD).octets, AMAZON)
    return packed(multipart(document(PAYLOAD + b"!").octets, part))


def expired() -> openssl.Identity:
    """The partner's key under a certificate that has expired yesterday."""
    start = timezone.now() - dt.timedelta(days=366)
    certificate = factories.certificate("AMAZON", start=start)
    return openssl.Identity(factories.rsa_key("AMAZON"), certificate)


def corrupt_ciphertext() -> Entity:
    entity = packed(signed(document(PAYLOAD), AMAZON))
    # In CBC this changes the octet that counts the padding, to more than a block has.
    at = len(entity.body) - 17
    changed = bytes((entity.body[at] ^ 0x80,))
    return Entity(entity.fields, entity.body[:at] + changed + entity.body[at + 1 :])


def corrupt_compression() -> Entity:
    data = zlib.compress(signed(document(PAYLOAD), AMAZON).octets)
    middle = len(data) // 2
    damaged = data[:middle] + bytes(8) + data[middle + 8 :]
    return encrypted(pkcs7("compressed-data", compressed_data(damaged)), VENDOR)


def accept_expired(connection: Connection) -> None:
    connection.certificates.all().delete()
    factories.partner_certificate(connection, expired().certificate)


def as_it_is(_connection: Connection) -> None:
    """Change nothing."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is sent, and what is answered."""

    disposition: str
    build: Callable[[], Entity] | None = None
    arrange: Callable[[Connection], None] = as_it_is
    fields: dict[str, Any] = field(default_factory=dict)
    #: whether it is known which octets were meant (MIC-14)
    mic: bool = False
    signed: bool = True


_PROTOCOL = "signed-receipt-protocol"
FAULTS = {
    "signature value corrupt": Fault("processed/error: authentication-failed", corrupt_signature),
    "content altered": Fault("processed/error: integrity-check-failed", altered),
    "signer unknown": Fault(
        "processed/error: authentication-failed",
        lambda: packed(signed(document(PAYLOAD), STRANGER)),
    ),
    "signer certificate expired": Fault(
        "processed/error: authentication-failed",
        lambda: packed(signed(document(PAYLOAD), expired())),
        accept_expired,
        mic=True,
    ),
    "ciphertext corrupt": Fault("processed/error: decryption-failed", corrupt_ciphertext),
    "not encrypted to us": Fault(
        "processed/error: decryption-failed",
        lambda: encrypted(compressed(signed(document(PAYLOAD), AMAZON)), STRANGER),
    ),
    "compressed data corrupt": Fault("processed/error: decompression-failed", corrupt_compression),
    "compression bomb": Fault(
        "processed/error: decompression-failed",
        lambda: packed(signed(document(bytes(2 * LIMIT)), AMAZON)),
    ),
    "signature missing": Fault(
        "processed/error: insufficient-message-security",
        lambda: packed(document(PAYLOAD)),
        mic=True,
    ),
    "encryption missing": Fault(
        "processed/error: insufficient-message-security",
        lambda: compressed(signed(document(PAYLOAD), AMAZON)),
        mic=True,
    ),
    "only unsupported MIC algorithms, required": Fault(
        "failed/failure: unsupported MIC-algorithms",
        fields={
            "Disposition_Notification_Options": f"{_PROTOCOL}=required, pkcs7-signature; "
            "signed-receipt-micalg=required, whirlpool, rot13"
        },
    ),
    "receipt protocol unsupported, required": Fault(
        "failed/failure: unsupported format",
        fields={"Disposition_Notification_Options": f"{_PROTOCOL}=required, pgp-signature"},
        signed=False,
    ),
}


@run("G13a", only=FAULTS)
def test_a_fault_is_told_and_nothing_is_delivered(row: Row, settings: Settings) -> None:
    settings.AS2_MAX_BODY = LIMIT
    fault = FAULTS[row.variant]
    fault.arrange(connect(row))
    sent = request(row, fault.build() if fault.build else None).with_fields(**fault.fields)
    mdn = open_mdn(exchange(row, sent), VENDOR.certificate)
    assert (mdn.disposition, mdn.signed) == (fault.disposition, fault.signed)
    assert (mdn.mic is not None) is fault.mic
    assert mdn.fields["Original-Message-ID"] == "<1@amazon.example>"
    message = Message.objects.get()
    assert (message.state, message.payload_key) == ("rejected", "")
    assert message.failure_text
    assert not Delivery.objects.exists()


@run("G13a", only={"duplicate Message-ID"})
def test_a_message_id_is_accepted_once(row: Row) -> None:
    connect(row)
    first = exchange(row, request(row))
    assert open_mdn(first, VENDOR.certificate).disposition == "processed"
    other = request(row, packed(signed(document(b"another document"), AMAZON)))
    reply = other.send()
    if row.asks.mode is MDNMode.ASYNC:
        processing.process(Message.objects.get(state="received").pk)
    mdn = MDN.objects.get(message=Message.objects.get(state="rejected"))
    assert mdn.disposition.endswith("; processed/error: unexpected-processing-error")
    assert bool(reply.body) is (row.asks.mode is MDNMode.SYNC)
    assert Delivery.objects.count() == 1


@pytest.mark.parametrize("known", [True, False])
@run("G13a", only={"unknown AS2 names", "AS2-From = AS2-To"})
def test_names_that_are_no_pair_get_an_unsigned_mdn_or_none(row: Row, known: bool) -> None:
    connect(row)
    ours = "VENDOR" if known else "NOBODY"
    same = row.variant == "AS2-From = AS2-To"
    theirs = ours if same else "MALLORY"
    reply = request(row, AS2_From=theirs, AS2_To=ours).send()
    assert not Message.objects.exists()
    if row.asks.mode is MDNMode.ASYNC:
        assert reply.status == HTTPStatus.FORBIDDEN  # nobody is called who is not known
        return
    mdn = open_mdn(Wire(reply.headers, reply.body), VENDOR.certificate)
    assert mdn.disposition == (
        "failed/failure: sender-equals-receiver"
        if same
        else "processed/error: unexpected-processing-error"
    )
    assert (mdn.signed, mdn.mic) == (False, None)


@run("G13a", only={"backend failure"})
def test_a_fault_of_ours_is_no_verdict_and_costs_only_time(row: Row) -> None:
    connect(row)
    sent = request(row)
    if row.asks.mode is MDNMode.ASYNC:
        assert sent.send().status == HTTPStatus.OK
    failpoints.arm("fs.fsync=enospc")
    if row.asks.mode is MDNMode.ASYNC:
        processing.process(Message.objects.get().pk)
        assert Message.objects.get().state == "received"
        Message.objects.update(due_at=timezone.now())
    else:
        assert sent.send().status == HTTPStatus.SERVICE_UNAVAILABLE
        assert not Message.objects.exists()
    failpoints.arm("")
    assert not MDN.objects.exists()
    mdn = answered(row, sent)
    assert (mdn.disposition, mdn.signed) == ("processed", True)
    assert Delivery.objects.count() == 1


def answered(row: Row, sent: Sent) -> OpenedMDN:
    """The MDN once the fault is over: of the message that waits, or of the one sent again."""
    if row.asks.mode is MDNMode.SYNC:
        return open_mdn(exchange(row, sent), VENDOR.certificate)
    processing.process(Message.objects.get().pk)
    return open_mdn(posted(), VENDOR.certificate)
