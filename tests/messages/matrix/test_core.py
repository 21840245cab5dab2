"""The core of the matrix (G0) in the whole application: stored, answered, delivered once."""

from pathlib import Path

import pytest

from as2gateway.algorithms import DigestAlgorithm
from as2gateway.policy import MDNMode
from messages.delivering import deliver_due
from messages.mdns import take_mdn
from messages.models import MDN, MDNState, Message, State
from messages.sending import enqueue, send
from partners.models import Connection
from tests import factories
from tests.gateway.matrix.rows import Row, run
from tests.gateway.matrix.runs import LAYERS, outbound
from tests.gateway.matrix.wire import Wire, open_mdn, open_message
from tests.messages.matrix.far_end import (
    AMAZON,
    PAYLOAD,
    VENDOR,
    connect,
    exchange,
    posted,
    request,
    request_of,
    wire_of,
)
from tests.messages.partner import Partner
from tests.messages.sender import Sent
from tests.messages.servers import answer, serve

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("home")]


@run("G0", "recv")
def test_a_message_is_delivered_once_and_answered_alike(row: Row, home: Path) -> None:
    connect(row)
    sent = request(row)
    if row.asks.asked:
        first = exchange(row, sent)
        check_mdn(row, sent, first)
        assert answer_again(row, sent).body == first.body
    else:
        for _ in range(2):
            reply = sent.send()
            assert (reply.status, reply.headers.fields, reply.body) == (200, (), b"")
    deliver_due()
    (path,) = (home / "inbox" / "VENDOR" / "AMAZON").iterdir()
    assert path.read_bytes() == PAYLOAD
    assert (Message.objects.count(), MDN.objects.count()) == (1, row.asks.asked)


def check_mdn(row: Row, sent: Sent, mdn: Wire) -> None:
    """The MDN is good, by openssl."""
    found = open_mdn(mdn, VENDOR.certificate)
    mic = open_message(wire_of(sent), VENDOR, AMAZON.certificate).mic()
    assert (found.disposition, found.mic) == ("processed", (mic, "sha-256"))
    assert found.signed is row.asks.signed
    assert found.fields["Original-Message-ID"] == "<1@amazon.example>"
    assert (mdn["AS2-From"], mdn["AS2-To"]) == ("VENDOR", "AMAZON")


def answer_again(row: Row, sent: Sent) -> Wire:
    """Send the same octets again; what is answered."""
    again = sent.send()
    if row.asks.mode is MDNMode.SYNC:
        return Wire(again.headers, again.body)
    assert again.body == b""
    return posted()


def link_to(url: str, row: Row) -> Connection:
    """A connection that packs and asks as the row says."""
    policy = outbound(row)
    return factories.connection(
        url=url,
        sign=policy.sign or "none",
        encrypt=policy.encrypt or "none",
        compress=policy.compress,
        mdn=policy.mdn,
        mdn_signed=policy.mdn_signed,
    )


@run("G0", "send")
def test_a_document_is_sent_and_proven(row: Row) -> None:
    asks, partner = row.asks, Partner(signs=row.asks.signed)
    with serve(partner.answers if asks.mode is MDNMode.SYNC else answer()) as peer:
        message = enqueue(link_to(peer.url, row), [PAYLOAD], "order.edi")
        send(message.pk)
    opened = open_message(request_of(peer.requests[0]), AMAZON, VENDOR.certificate)
    assert (opened.payload, opened.layers) == (PAYLOAD, LAYERS[row.packaging])
    message.refresh_from_db()
    assert message.kept_mics[DigestAlgorithm.SHA256] == opened.mic()
    if asks.mode is MDNMode.ASYNC:
        assert message.state == State.WAITING
        built = partner.mdn_for(peer.requests[0])
        take_mdn(built.headers, built.body, None)
        message.refresh_from_db()
    assert (message.state, message.failure_text) == (State.DELIVERED, "")
    proofs = [(mdn.state, mdn.signed) for mdn in message.mdns.all()]
    assert proofs == ([(MDNState.VERIFIED, asks.signed)] if asks.asked else [])
