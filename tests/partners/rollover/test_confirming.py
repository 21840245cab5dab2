"""Confirming: the first message that uses the new certificate, and what people say before."""

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from audit.models import AuditEvent
from partners.letters import CannotMail
from partners.models import Confirmation, Connection, Rollover
from partners.rollover import confirming, used
from partners.rollover.announcing import letter, mail, pretty, send
from partners.rollover.confirming import acknowledge, tell
from tests.factories import DAY
from tests.partners.rollover import moments
from tests.partners.rollover.moments import BY, NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def row() -> Connection:
    return moments.connection()


def new_of(rollover: Rollover) -> str:
    return rollover.new.fingerprint


def is_confirmed(rollover: Rollover) -> bool:
    return not rollover.confirmations.filter(confirmed_at=None).exists()


def test_the_first_message_under_the_new_certificate_confirms(row: Connection) -> None:
    [rollover] = moments.theirs(row)
    used([rollover.old.fingerprint, new_of(rollover)], row, NOW + DAY)
    assert Confirmation.objects.get().confirmed_at == NOW + DAY
    assert is_confirmed(rollover)


def test_a_message_under_the_old_one_confirms_nothing(row: Connection) -> None:
    [rollover] = moments.theirs(row)
    used([rollover.old.fingerprint], row, NOW)
    assert not is_confirmed(rollover)


def test_the_first_confirmation_stays(row: Connection) -> None:
    [rollover] = moments.theirs(row)
    for day in range(3):
        used([new_of(rollover)], row, NOW + day * DAY)
    assert Confirmation.objects.get().confirmed_at == NOW
    assert AuditEvent.objects.filter(tag="rollover:certificate:confirmed").count() == 1


def test_each_connection_confirms_for_itself(row: Connection) -> None:
    other = moments.connection_of(row, as2_id="WALMART")
    rollover = moments.ours(row.organization)
    used([new_of(rollover)], row, NOW)
    confirmed = {each.connection: each.confirmed_at for each in rollover.confirmations.all()}
    assert confirmed == {row: NOW, other: None}
    assert not is_confirmed(rollover)


def test_one_small_query_while_nothing_is_pending(row: Connection) -> None:
    fingerprints = [row.certificates.get().fingerprint]
    used(fingerprints, row, NOW)
    with CaptureQueriesContext(database) as queries:
        used(fingerprints, row, NOW)
    assert [each["sql"] for each in queries] == ["SELECT token FROM partners_revision"]


def test_what_is_planned_meanwhile_is_seen_at_once(row: Connection) -> None:
    used([], row, NOW)
    [rollover] = moments.theirs(row)
    used([new_of(rollover)], row, NOW)
    assert is_confirmed(rollover)


def test_a_partner_is_told_and_acknowledges_once(row: Connection) -> None:
    confirmation = moments.ours(row.organization).confirmations.get()
    assert [tell(confirmation, NOW, BY), tell(confirmation, NOW, BY)] == [True, False]
    assert [acknowledge(confirmation, NOW, BY), acknowledge(confirmation, NOW, BY)] == [True, False]
    confirmation.refresh_from_db()
    assert (confirmation.step, confirmation.acknowledged_by) == ("acknowledged", "anna")


def test_the_letter_says_all_that_a_partner_needs(row: Connection) -> None:
    rollover = moments.ours(row.organization)
    text = letter(rollover.confirmations.get())
    for word in (
        "VENDOR",
        "AMAZON",
        "CN=VENDOR-2",
        pretty(new_of(rollover)),
        "RSA 2048, sha256",
        "2027-03-11 15:00 UTC",
    ):
        assert word in text


def test_the_mail_brings_the_public_certificate_and_no_key(row: Connection) -> None:
    row.partner.email = "edi@amazon.example"
    rollover = moments.ours(row.organization)
    assert rollover.new_pair is not None
    confirmation = rollover.confirmations.get()
    confirmation.connection = row
    made = mail(confirmation, rollover.new_pair)
    assert made.to == ["edi@amazon.example"]
    text = made.message().as_string()
    assert 'filename="VENDOR-next.cer"' in text
    assert "PRIVATE KEY" not in text


def test_a_fingerprint_is_written_as_people_compare_it() -> None:
    assert pretty("00ff1a") == "00:FF:1A"


def test_of_two_messages_at_once_one_confirms(row: Connection) -> None:
    moments.theirs(row)
    pk = Confirmation.objects.get().pk
    # Both have read that it is open.
    confirming._confirm(pk, NOW)
    confirming._confirm(pk, NOW + DAY)
    assert Confirmation.objects.get().confirmed_at == NOW


def test_the_partners_own_certificate_needs_no_letter(row: Connection) -> None:
    [rollover] = moments.theirs(row)
    with pytest.raises(CannotMail, match="the partner's own certificate"):
        send(rollover.confirmations.get())


def test_a_mail_server_that_is_away_is_said(row: Connection, settings: Settings) -> None:
    settings.AS2_MAIL = True
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9  # nobody listens
    row.partner.email = "edi@amazon.example"
    row.partner.save()
    confirmation = moments.ours(row.organization).confirmations.get()
    with pytest.raises(CannotMail, match="The mail server did not take it"):
        send(confirmation)
