"""Certificate exchange messages, from the door to the rows and back: nothing counts by itself."""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from email import message_from_bytes
from xml.etree import ElementTree as ET

import pytest
import time_machine
from django.utils import timezone
from pytest_django import Settings

from audit.models import AuditEvent
from messages import exchanges, failpoints
from messages.models import Delivery, Message, State
from messages.sending import enqueue, send
from messages.store import get_store
from messages.sweeping import sweep
from partners import exchanging
from partners.models import (
    CertificateAnnouncement,
    CertificateOffer,
    CertificateRequest,
    Confirmation,
    Connection,
    Notice,
    PartnerCertificate,
    Rollover,
)
from partners.rollover.dates import PlanError
from partners.rollover.planning import plan_ours
from partners.rollover.recording import By
from tests import factories
from tests.gateway.cem import written
from tests.messages import exchanging as amazon
from tests.messages import sender
from tests.messages.calls import Calls, empty_queue
from tests.messages.exchanging import OURS_NEXT, certificate
from tests.messages.partner import Partner
from tests.messages.sender import disposition, message
from tests.messages.servers import serve

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("home")]

ALICE = By("alice", "192.0.2.1")
NS = "{urn:ietf:params:xml:ns:ediintcertificateexchange}"


@pytest.fixture
def connection() -> Connection:
    return factories.connection(certificate_exchange=True)


def signed_by(name: str) -> str:
    """What we say to a document that AMAZON signs by that key."""
    new = factories.identity(name).signing_key
    return disposition(message(message_id=f"<{name}@{timezone.now()}>", sign_with=new).send())


def offer() -> CertificateOffer:
    return CertificateOffer.objects.select_related("request__connection").get()


def answer() -> ET.Element:
    """The XML of the one message that is about to go out."""
    row = Message.objects.get(direction="outbound")
    body = b"".join(get_store().chunks(row.payload_key))
    whole = message_from_bytes(f"Content-Type: {row.content_type}\r\n\r\n".encode() + body)
    _, root, *_ = whole.walk()
    octets = root.get_payload(decode=True)
    assert isinstance(octets, bytes)
    return ET.fromstring(octets)


# ------------------------------------------------------------------------- requests of partners


def test_a_request_waits_for_an_operator_and_is_no_document(connection: Connection) -> None:
    assert disposition(amazon.ask()) == "processed"
    row = offer()
    assert (row.state, row.fingerprint) == ("pending", certificate().fingerprint)
    assert (row.verifies, row.encrypts, row.tls) == (True, True, False)
    assert row.request.respond_by == written.RESPOND_BY
    assert row.request.message_id == Message.objects.get().message_id
    assert not Delivery.objects.exists()
    assert "nothing was put into the inbox" in Message.objects.get().notes[0]
    assert "asks to trust" in Notice.objects.get().title
    assert AuditEvent.objects.filter(tag="certificate:offer:received").count() == 1


def test_what_is_not_accepted_is_never_used(connection: Connection) -> None:
    amazon.ask()
    assert [row.fingerprint for row in connection.certificates.all()] == [
        certificate("AMAZON").fingerprint
    ]
    assert signed_by("AMAZON-2") == "processed/error: authentication-failed"


def test_what_is_accepted_counts_at_once_and_beside_the_old_one(connection: Connection) -> None:
    amazon.ask()
    exchanging.accept(offer(), timezone.now(), ALICE)
    assert signed_by("AMAZON-2") == "processed"
    assert signed_by("AMAZON") == "processed"
    assert Rollover.objects.get().state == "active"
    event = AuditEvent.objects.get(tag="certificate:offer:accepted")
    assert (event.actor, event.address) == ("alice", "192.0.2.1")


def test_an_accepted_one_is_encrypted_to_at_once(connection: Connection) -> None:
    amazon.ask()
    exchanging.accept(offer(), timezone.now(), ALICE)
    exchanges.send_due()
    row = Message.objects.get(direction="outbound")
    send(row.pk)  # to nobody: it is built
    row.refresh_from_db()
    assert row.settings["encrypt_to"] == certificate().fingerprint


def test_an_acceptance_goes_back_in_a_signed_message(connection: Connection) -> None:
    amazon.ask()
    assert exchanges.send_due() == 0
    exchanging.accept(offer(), timezone.now(), ALICE)
    sweep()
    tree = answer()
    assert tree.tag == f"{NS}EDIINTCertificateExchangeResponse"
    assert tree.get("requestId") == "request-1"
    assert tree.findtext(f"{NS}TradingPartnerInfo/{NS}Name") == "VENDOR"
    assert tree.findtext(f"{NS}TrustResponse/{NS}CertStatus") == "Accepted"
    issuer = "{http://www.w3.org/2000/09/xmldsig#}X509IssuerName"
    found = tree.findtext(f"{NS}TrustResponse/{NS}CertificateReference/{issuer}")
    assert found == "O=Amazon, CN=amazon & sons"
    row = CertificateRequest.objects.get()
    assert row.answer_message_id == Message.objects.get(direction="outbound").message_id


def test_a_rejection_goes_back_with_its_reason_and_nothing_is_kept(connection: Connection) -> None:
    amazon.ask()
    exchanging.reject(offer(), "The key\nis too short", timezone.now(), ALICE)
    exchanges.send_due()
    tree = answer()
    assert tree.findtext(f"{NS}TrustResponse/{NS}CertStatus") == "Rejected"
    said = tree.findtext(f"{NS}TrustResponse/{NS}ReasonForRejection")
    assert said == "The key is too short"
    assert PartnerCertificate.objects.count() == 1
    assert signed_by("AMAZON-2") == "processed/error: authentication-failed"


def test_an_answer_goes_out_once(connection: Connection) -> None:
    amazon.ask()
    exchanging.accept(offer(), timezone.now(), ALICE)
    assert [exchanges.send_due() for _ in range(3)] == [1, 0, 0]
    assert Message.objects.filter(direction="outbound").count() == 1


def test_an_answer_that_cannot_be_stored_holds_up_nothing_else(
    connection: Connection, calls: Calls, caplog: pytest.LogCaptureFixture
) -> None:
    sender.message().send()
    delivery = Delivery.objects.get()
    amazon.ask()
    exchanging.accept(offer(), timezone.now(), ALICE)
    empty_queue()
    failpoints.arm("fs.write=enospc")
    assert sweep() == 1
    assert calls() == [("messages.tasks.deliver", delivery.pk)]
    assert "was not queued" in caplog.text
    assert exchanges.send_due() == 1


def test_two_processes_that_answer_at_once_send_one_message(connection: Connection) -> None:
    amazon.ask()
    exchanging.accept(offer(), timezone.now(), ALICE)
    row = CertificateRequest.objects.get()
    exchanges.send_due()
    assert not exchanging.note_answered(row, "<another@vendor>", timezone.now())
    assert Message.objects.filter(direction="outbound").count() == 1


def test_a_date_that_has_passed_changes_nothing_by_itself(connection: Connection) -> None:
    amazon.ask()
    with time_machine.travel(written.RESPOND_BY + dt.timedelta(days=1), tick=False):
        sweep()
        assert offer().state == "pending"
        assert not Message.objects.filter(direction="outbound").exists()
        exchanging.reject(offer(), "too late", timezone.now(), ALICE)
        assert exchanges.send_due() == 1


def test_the_same_request_again_changes_nothing(connection: Connection) -> None:
    amazon.ask()
    exchanging.reject(offer(), "no", timezone.now(), ALICE)
    assert disposition(amazon.ask()) == "processed"
    assert (offer().state, CertificateRequest.objects.count()) == ("rejected", 1)


def test_an_id_is_not_used_again_for_another_certificate(connection: Connection) -> None:
    amazon.ask()
    other = certificate("AMAZON-3")
    reply = amazon.send(written.request(written.trust(other)), new=written.p7c(other))
    assert disposition(reply) == "processed/error: unexpected-processing-error"
    assert "came before, for other certificates" in Message.objects.latest("pk").failure_text


def refusal() -> str:
    row = Message.objects.latest("pk")
    assert row.state == State.REJECTED
    assert not CertificateOffer.objects.exists()
    assert not Delivery.objects.exists()
    return f"{row.failure_code}: {row.failure_text}"


def test_another_sender_in_the_xml_is_refused(connection: Connection) -> None:
    amazon.ask(sender="MALLORY")
    assert "certificate-exchange: It names 'MALLORY' as its sender" in refusal()


def test_a_missing_attachment_is_refused(connection: Connection) -> None:
    amazon.send(written.request(written.trust(certificate())))
    assert "'new@amazon' is not attached" in refusal()


def test_an_unsigned_request_is_refused_also_where_documents_may_be_unsigned(
    connection: Connection,
) -> None:
    Connection.objects.update(require_signature=False)
    new = certificate()
    root = written.request(written.trust(new))
    amazon.send_octets(amazon.unsigned(root, new=written.p7c(new)))
    assert "insufficient-message-security" in refusal()


def test_a_request_signed_by_the_new_certificate_itself_is_refused(
    connection: Connection,
) -> None:
    amazon.ask(signer="AMAZON-2")
    assert "authentication-failed" in refusal()


def test_a_request_signed_by_a_certificate_that_starts_later_is_refused(
    connection: Connection,
) -> None:
    later = timezone.now() + dt.timedelta(days=3)
    factories.partner_certificate(connection, certificate("AMAZON-3"), activates_at=later)
    amazon.ask(signer="AMAZON-3")
    assert "not signed by a certificate that is in use now" in refusal()
    assert signed_by("AMAZON-3") == "processed"  # a document may be (CEM-04)


def test_xml_that_attacks_is_refused(connection: Connection) -> None:
    new = certificate()
    root = written.request(written.trust(new)).replace(
        b"<EDIINT", b'<!DOCTYPE x [<!ENTITY a "b">]><EDIINT', 1
    )
    amazon.send(root, new=written.p7c(new))
    assert "document type declaration" in refusal()


def test_a_message_of_ten_megabytes_is_refused(connection: Connection) -> None:
    root = written.request(written.trust(certificate())) + b" " * 10_000_000
    amazon.send(root)
    assert "limit-exceeded" in refusal()


def test_where_the_switch_is_off_it_is_a_document_like_any(connection: Connection) -> None:
    Connection.objects.update(certificate_exchange=False)
    assert disposition(amazon.ask()) == "processed"
    assert not CertificateOffer.objects.exists()
    assert Delivery.objects.count() == 2


def test_documents_are_delivered_as_ever(connection: Connection) -> None:
    assert disposition(message().send()) == "processed"
    assert (
        disposition(
            sender.several(("a.edi", b"A"), ("b.edi", b"B"))
            .with_fields(Message_ID="<2@amazon.example>")
            .send()
        )
        == "processed"
    )
    assert Delivery.objects.count() == 3


# ------------------------------------------------------------------------- what may be decided


def test_what_is_decided_stays_so(connection: Connection) -> None:
    amazon.ask()
    exchanging.reject(offer(), "", timezone.now(), ALICE)
    with pytest.raises(PlanError, match="decided already"):
        exchanging.accept(offer(), timezone.now(), ALICE)
    assert PartnerCertificate.objects.count() == 1


def test_an_expired_certificate_is_not_accepted(connection: Connection) -> None:
    amazon.ask()
    with (
        time_machine.travel(timezone.now() + dt.timedelta(days=400), tick=False),
        pytest.raises(PlanError, match="has expired"),
    ):
        exchanging.accept(offer(), timezone.now(), ALICE)
    assert offer().state == "pending"


def test_a_connection_that_does_not_sign_cannot_answer(connection: Connection) -> None:
    amazon.ask()
    Connection.objects.update(sign="none")
    for decide in (exchanging.accept, lambda o, n, b: exchanging.reject(o, "", n, b)):
        with pytest.raises(PlanError, match="does not sign"):
            decide(offer(), timezone.now(), ALICE)


def test_the_other_engine_cannot_answer(connection: Connection) -> None:
    amazon.ask()
    Connection.objects.update(engine="pyas2lib")
    with pytest.raises(PlanError, match="another engine than native"):
        exchanging.accept(offer(), timezone.now(), ALICE)
    assert offer().state == "pending"


def test_one_that_was_put_in_by_hand_is_accepted_without_another(connection: Connection) -> None:
    amazon.ask()
    factories.partner_certificate(connection, certificate())
    exchanging.accept(offer(), timezone.now(), ALICE)
    assert (connection.certificates.count(), Rollover.objects.count()) == (2, 0)


def test_one_that_was_put_in_for_less_is_pointed_out(connection: Connection) -> None:
    amazon.ask()
    factories.partner_certificate(connection, certificate(), encrypts=False)
    with pytest.raises(PlanError, match="for fewer uses"):
        exchanging.accept(offer(), timezone.now(), ALICE)
    assert offer().state == "pending"


def test_a_certificate_for_a_new_use_needs_no_predecessor(connection: Connection) -> None:
    new = certificate()
    root = written.request(written.trust(new, usages=("tlsServer",)))
    amazon.send(root, new=written.p7c(new))
    exchanging.accept(offer(), timezone.now(), ALICE)
    row = connection.certificates.get(fingerprint=new.fingerprint)
    assert (row.tls, row.verifies, row.encrypts, Rollover.objects.count()) == (
        True,
        False,
        False,
        0,
    )


# ------------------------------------------------------------------------- what we ask


@pytest.fixture
def planned(connection: Connection) -> Confirmation:
    """Our next key pair, to be used in ten days."""
    key = factories.identity(OURS_NEXT)
    now = timezone.now()
    plan_ours(
        connection.organization,
        "next",
        factories.material(key),
        start=now + dt.timedelta(days=10),
        now=now,
        by=ALICE,
    )
    return Confirmation.objects.select_related("rollover__new_pair", "connection").get()


@contextmanager
def announced(planned: Confirmation) -> Iterator[tuple[CertificateAnnouncement, Partner]]:
    """Ask the partner, who takes the message."""
    partner = Partner()
    row = exchanging.announce(planned, timezone.now(), ALICE)
    assert exchanges.send_due() == 1
    with serve(partner.answers) as peer:
        Connection.objects.update(url=peer.url)
        send(Message.objects.get(direction="outbound").pk)
    row.refresh_from_db()
    yield row, partner


def say(row: CertificateAnnouncement, status: str = "Accepted", reason: str = "") -> str:
    serial = certificate(OURS_NEXT).serial
    return disposition(
        amazon.send(written.response(serial, status, reason, request_id=row.request_id))
    )


def test_our_request_is_signed_by_the_key_of_today(planned: Confirmation) -> None:
    with announced(planned) as (row, partner):
        pass
    sent = Message.objects.get(direction="outbound")
    assert (sent.state, row.message_id) == (State.DELIVERED, sent.message_id)
    assert sent.settings["sign_with"] == certificate("VENDOR").fingerprint
    tree = answer()
    assert tree.get("requestId") == row.request_id
    usages = [each.text for each in tree.iter(f"{NS}CertUsage")]
    assert usages == ["digitalSignature", "keyEncipherment"]
    start = planned.rollover.starts_at
    assert tree.findtext(f"{NS}TrustRequest/{NS}RespondByDate") == f"{start:%Y-%m-%dT%H:%M:%SZ}"
    assert partner.payloads[0].count(certificate(OURS_NEXT).der) == 1
    planned.refresh_from_db()
    assert planned.told_at is not None
    assert planned.acknowledged_at is None


def test_their_acceptance_is_the_acknowledgement(planned: Confirmation) -> None:
    with announced(planned) as (row, _):
        assert say(row) == "processed"
    planned.refresh_from_db()
    row.refresh_from_db()
    assert planned.acknowledged_at is not None
    assert (planned.acknowledged_by, row.answer) == ("certificate exchange", "accepted")
    assert not Delivery.objects.exists()


def test_their_refusal_is_told_and_acknowledges_nothing(planned: Confirmation) -> None:
    with announced(planned) as (row, _):
        assert say(row, "Rejected", "not today") == "processed"
    planned.refresh_from_db()
    row.refresh_from_db()
    assert planned.acknowledged_at is None
    assert (row.answer, row.reason) == ("rejected", "not today")
    assert "not today" in Notice.objects.get().text
    assert AuditEvent.objects.filter(tag="rollover:certificate:refused").count() == 1


def test_who_refused_may_accept_later_and_not_the_other_way_round(planned: Confirmation) -> None:
    with announced(planned) as (row, _):
        for word in ("Rejected", "Accepted", "Rejected"):
            assert say(row, word) == "processed"
    row.refresh_from_db()
    assert row.answer == "accepted"


def test_an_answer_to_nothing_is_refused(connection: Connection) -> None:
    amazon.send(written.response(4711, request_id="guessed"))
    assert "which we did not ask" in refusal()


def test_an_answer_for_another_certificate_is_refused(planned: Confirmation) -> None:
    with announced(planned) as (row, _):
        amazon.send(written.response(4711, request_id=row.request_id))
    assert "for another certificate" in refusal()


def test_an_answer_of_another_partner_is_refused(planned: Confirmation) -> None:
    owner, company = planned.connection.organization, planned.connection.partner
    with announced(planned) as (row, _):
        CertificateAnnouncement.objects.update(
            confirmation=Confirmation.objects.create(
                rollover=planned.rollover,
                connection=factories.connection(owner, company, as2_id="B"),
            )
        )
        say(row)
    assert "which we did not ask" in refusal()


def test_once_the_new_key_signs_it_is_too_late_to_ask(planned: Confirmation) -> None:
    late = planned.rollover.starts_at
    with time_machine.travel(late, tick=False), pytest.raises(PlanError, match="in use already"):
        exchanging.announce(planned, timezone.now(), ALICE)


def test_nobody_is_asked_twice_at_once_or_after_saying_yes(planned: Confirmation) -> None:
    exchanging.announce(planned, timezone.now(), ALICE)
    with pytest.raises(PlanError, match="about to go out"):
        exchanging.announce(planned, timezone.now(), ALICE)
    planned.acknowledged_at = timezone.now()
    with pytest.raises(PlanError, match="has the new certificate"):
        exchanging.announce(planned, timezone.now(), ALICE)


def test_a_switch_that_was_taken_back_meanwhile_is_named(planned: Confirmation) -> None:
    row = exchanging.announce(planned, timezone.now(), ALICE)
    Connection.objects.update(certificate_exchange=False)
    assert exchanges.send_due() == 0
    row.refresh_from_db()
    assert "switched off" in row.failure_text
    assert not Message.objects.exists()


@pytest.mark.parametrize("switch", [True, False])
def test_a_partner_who_exchanges_certificates_is_told_so_in_messages_and_mdns(
    connection: Connection, *, switch: bool
) -> None:
    Connection.objects.update(certificate_exchange=switch)
    mdn = message().send().headers
    with serve(b"") as peer:
        Connection.objects.update(url=peer.url)
        send(enqueue(Connection.objects.get(), [b"UNA"], "a.edi").pk)
    told = "AS2-Reliability, CEM, multiple-attachments" if switch else None
    assert (mdn.get("EDIINT-Features"), peer.header("EDIINT-Features")) == (told, told)
    assert peer.header("AS2-Version") == mdn.get("AS2-Version") == ("1.2" if switch else "1.1")


def test_the_limit_is_a_setting(connection: Connection, settings: Settings) -> None:
    settings.AS2_LIMITS = replace(settings.AS2_LIMITS, exchange=100)
    amazon.ask()
    assert "more than 100 bytes" in refusal()
