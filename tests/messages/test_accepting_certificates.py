"""A connection that accepts certificates by itself: what comes counts at once, and is told."""

import pytest
from django.utils import timezone

from audit.models import AuditEvent
from messages import exchanges
from messages.models import Message
from partners.models import CertificateOffer, CertificateRequest, Connection, Notice, Rollover
from tests import factories
from tests.factories import YEAR
from tests.gateway.cem import written
from tests.messages import exchanging as amazon
from tests.messages.exchanging import certificate
from tests.messages.sender import disposition, message

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("home")]


@pytest.fixture(autouse=True)
def connection() -> Connection:
    return factories.connection(certificate_exchange=True, accept_certificates=True)


def signed_by(name: str) -> str:
    """What we say to a document that AMAZON signs by that key."""
    key = factories.identity(name).signing_key
    return disposition(message(message_id=f"<{name}@{timezone.now()}>", sign_with=key).send())


def test_nothing_is_accepted_by_itself_by_default() -> None:
    assert not Connection().accept_certificates


def test_what_comes_counts_at_once_and_beside_the_old_one() -> None:
    assert disposition(amazon.ask()) == "processed"
    assert CertificateOffer.objects.get().state == "accepted"
    assert signed_by("AMAZON-2") == signed_by("AMAZON") == "processed"
    assert Rollover.objects.get().state == "active"
    event = AuditEvent.objects.get(tag="certificate:offer:accepted")
    assert event.actor == "certificate exchange"


def test_it_is_told_with_the_fingerprint_and_answered() -> None:
    amazon.ask()
    notice = Notice.objects.get()
    assert "trusted by itself" in notice.title
    assert certificate().fingerprint in notice.text
    assert exchanges.send_due() == 1
    assert CertificateRequest.objects.get().answered_at is not None
    assert Message.objects.filter(direction="outbound").count() == 1


@pytest.mark.parametrize("signer", ["AMAZON-2", "MALLORY"])
def test_what_is_not_signed_by_a_certificate_in_use_is_still_refused(signer: str) -> None:
    assert disposition(amazon.ask(signer=signer)) == "processed/error: authentication-failed"
    assert not CertificateOffer.objects.exists()


def test_what_cannot_be_accepted_waits_for_an_operator(connection: Connection) -> None:
    factories.partner_certificate(connection, certificate(), encrypts=False)
    assert disposition(amazon.ask()) == "processed"
    assert CertificateOffer.objects.get().state == "pending"
    assert "asks to trust" in Notice.objects.get().title
    assert exchanges.send_due() == 0


@pytest.mark.parametrize("fault", ["expired", "short"])
def test_an_expired_one_or_one_with_a_short_key_waits_too(fault: str) -> None:
    if fault == "expired":
        new = factories.certificate("AMAZON-3", start=timezone.now() - YEAR, lifetime=YEAR / 2)
    else:
        new = factories.certificate("AMAZON-3", key=factories.rsa_key("short", 1024))
    root = written.request(written.trust(new))
    assert disposition(amazon.send(root, new=written.p7c(new))) == "processed"
    assert CertificateOffer.objects.get().state == "pending"


def test_a_request_that_comes_again_changes_nothing() -> None:
    amazon.ask()
    amazon.ask()
    assert CertificateOffer.objects.count() == 1
    assert AuditEvent.objects.filter(tag="certificate:offer:accepted").count() == 1


def test_once_switched_off_again_the_next_one_waits(connection: Connection) -> None:
    amazon.ask()
    Connection.objects.update(accept_certificates=False)
    other = factories.identity("AMAZON-4").certificate
    root = written.request(written.trust(other), request_id="request-2")
    assert disposition(amazon.send(root, new=written.p7c(other))) == "processed"
    assert CertificateOffer.objects.latest("pk").state == "pending"
