"""Certificate exchange messages (G16): asked, answered and used, in both directions."""

import datetime as dt
from dataclasses import dataclass

import pytest
import time_machine
from django.utils import timezone

from messages import exchanges
from messages.models import Delivery, Message, State
from messages.sending import send
from messages.store import get_store
from partners import exchanging
from partners.models import (
    CertificateAnnouncement,
    CertificateOffer,
    Confirmation,
    Connection,
)
from partners.rollover.planning import plan_ours
from partners.rollover.recording import By
from tests import factories
from tests.gateway.cem import written
from tests.gateway.matrix.rows import Row, run
from tests.gateway.matrix.wire import open_mdn
from tests.gateway.wrapping import Entity
from tests.messages.matrix.far_end import connect, exchange, pack, request
from tests.messages.partner import Partner
from tests.messages.sender import disposition, message
from tests.messages.servers import serve

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("home")]

BY = By("alice")
#: what both sides can do with a request, in the order of the rows
ANSWERED = {"response accepted", "response rejected", "RespondByDate passed"}
IN_USE = {"new signing cert used at once", "old and new in parallel"}
REFUSED = {"sender id differs", "attachment missing"}


def entity(root: bytes, **parts: bytes) -> Entity:
    """A certificate exchange message before it is packed."""
    content_type, body = written.related(root, **parts)
    return Entity((f"Content-Type: {content_type}",), body)


def new() -> bytes:
    """AMAZON's next certificate, packed by openssl."""
    return written.p7c(factories.identity("AMAZON-2").certificate)


def trust() -> str:
    return written.trust(factories.identity("AMAZON-2").certificate)


def take(row: Row, content: Entity, us: str = "VENDOR") -> str:
    """Let the gateway receive it; what its MDN says, signed by that key."""
    mdn = exchange(row, request(row, pack(row, content)))
    return open_mdn(mdn, factories.identity(us).certificate).disposition


# Receiving -----------------------------------------------------------------------------------


@pytest.fixture
def connection(row: Row) -> Connection:
    """A connection that exchanges certificates."""
    made = connect(row)
    Connection.objects.update(certificate_exchange=True)
    return made


def offered(row: Row) -> CertificateOffer:
    """AMAZON has asked to trust its next certificate."""
    assert take(row, entity(written.request(trust()), new=new())) == "processed"
    return CertificateOffer.objects.select_related("request__connection").get()


def signed_by(name: str) -> str:
    """What a document that AMAZON signs by that key is answered with."""
    key = factories.identity(name).signing_key
    return disposition(message(message_id=f"<{name}@amazon.example>", sign_with=key).send())


@run("G16", only={"request"})
def test_a_request_waits_for_an_operator(row: Row, connection: Connection) -> None:
    assert offered(row).state == "pending"
    assert connection.certificates.count() == 1
    assert not Delivery.objects.exists()


@run("G16", only=ANSWERED)
def test_what_was_decided_goes_back(row: Row, connection: Connection) -> None:
    offer, later = offered(row), written.RESPOND_BY + dt.timedelta(days=1)
    with time_machine.travel(later if "Date" in row.variant else timezone.now(), tick=True):
        assert exchanges.send_due() == 0
        if "accepted" in row.variant:
            exchanging.accept(offer, timezone.now(), BY)
        else:
            exchanging.reject(offer, "no", timezone.now(), BY)
        assert exchanges.send_due() == 1
    status = b"Accepted" if "accepted" in row.variant else b"Rejected"
    sent = Message.objects.get(direction="outbound")
    assert b"<CertStatus>%b</CertStatus>" % status in b"".join(get_store().chunks(sent.payload_key))
    assert connection.certificates.count() == (2 if "accepted" in row.variant else 1)


@run("G16", only=IN_USE)
def test_what_is_accepted_verifies_at_once(row: Row, connection: Connection) -> None:
    offer = offered(row)
    assert signed_by("AMAZON-2") == "processed/error: authentication-failed"
    exchanging.accept(offer, timezone.now(), BY)
    names = ["AMAZON-2", "AMAZON"] if "parallel" in row.variant else ["AMAZON-2"]
    assert [signed_by(name) for name in names] == ["processed"] * len(names)


@run("G16", only=REFUSED)
def test_what_does_not_fit_is_refused(row: Row, connection: Connection) -> None:
    if "sender" in row.variant:
        content = entity(written.request(trust(), sender="MALLORY"), new=new())
    else:
        content = entity(written.request(trust()))
    assert take(row, content) == "processed/error: unexpected-processing-error"
    assert Message.objects.get().failure_code == "certificate-exchange"
    assert not CertificateOffer.objects.exists()


# Sending -------------------------------------------------------------------------------------


@dataclass
class Asked:
    """Our request, as AMAZON has it."""

    row: CertificateAnnouncement
    partner: Partner

    @property
    def confirmation(self) -> Confirmation:
        return Confirmation.objects.get()

    def answer(self, row: Row, status: str = "Accepted", **words: str) -> str:
        """Send AMAZON's answer; our MDN for it."""
        serial = factories.identity("VENDOR-2").certificate.serial
        said = {"request_id": self.row.request_id, **words}
        # From the date on that we gave, the new key signs.
        us = "VENDOR-2" if timezone.now() >= self.row.respond_by else "VENDOR"
        return take(row, entity(written.response(serial, status, **said)), us)


@pytest.fixture
def asked(connection: Connection) -> Asked:
    """We ask AMAZON to trust our next key pair, which signs in ten days."""
    key, now, partner = factories.identity("VENDOR-2"), timezone.now(), Partner()
    start = now + dt.timedelta(days=10)
    material = factories.material(key)
    plan_ours(connection.organization, "next", material, start=start, now=now, by=BY)
    row = exchanging.announce(Confirmation.objects.get(), now, BY)
    exchanges.send_due()
    with serve(partner.answers) as peer:
        Connection.objects.update(url=peer.url)
        send(Message.objects.get(direction="outbound").pk)
    row.refresh_from_db()
    return Asked(row, partner)


@run("G16", only={"request"})
def test_our_request_reaches_the_partner(row: Row, asked: Asked) -> None:
    assert factories.identity("VENDOR-2").certificate.der in asked.partner.payloads[0]
    assert Message.objects.get(direction="outbound").state == State.DELIVERED
    assert asked.confirmation.told_at is not None


@run("G16", only=ANSWERED | IN_USE)
def test_their_answer_is_the_acknowledgement(row: Row, asked: Asked) -> None:
    passed = "Date" in row.variant
    late = asked.row.respond_by + dt.timedelta(days=1)
    with time_machine.travel(late if passed else timezone.now(), tick=True):
        refused = "rejected" in row.variant
        assert asked.answer(row, "Rejected" if refused else "Accepted") == "processed"
    assert (asked.confirmation.acknowledged_at is None) == refused
    asked.row.refresh_from_db()
    assert asked.row.answer == ("rejected" if refused else "accepted")


@run("G16", only=IN_USE)
def test_we_decrypt_by_the_new_key_from_the_request_on(row: Row, asked: Asked) -> None:
    names = ["VENDOR-2", "VENDOR"] if "parallel" in row.variant else ["VENDOR-2"]
    for name in names:
        to = factories.identity(name).certificate
        sent = message(message_id=f"<to-{name}@amazon.example>", encrypt_to=to)
        assert disposition(sent.send()) == "processed"


@run("G16", only={"sender id differs"})
def test_an_answer_of_somebody_else_acknowledges_nothing(row: Row, asked: Asked) -> None:
    assert asked.answer(row, sender="MALLORY") == "processed/error: unexpected-processing-error"
    assert asked.confirmation.acknowledged_at is None


@run("G16", only={"attachment missing"})
def test_our_request_has_each_certificate_that_it_names(row: Row, asked: Asked) -> None:
    payload = asked.partner.payloads[0]
    named = payload.partition(b"<CertificateContentID>")[2].partition(b"<")[0]
    assert b"Content-ID: <%b>" % named in payload
