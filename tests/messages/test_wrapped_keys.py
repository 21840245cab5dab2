"""Content keys that come again, and what does not decrypt too often (threats R14)."""

import datetime as dt
from http import HTTPStatus

import pytest
import time_machine
from django.db import Error
from django.db import connection as database
from django.utils import timezone

from audit.models import AuditEvent
from messages import sweeping, wrapped_keys
from messages.models import Delivery, Message, WrappedKey
from messages.wrapped_keys import Sightings
from partners.models import Connection
from tests.messages import sender
from tests.messages.sender import Sent, message

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("home")]

ALARM = "connection:decryption:failing"


def altered(sent: Sent, message_id: str = "<2@amazon.example>") -> Sent:
    """The same encryption in other octets: BER has a longer form of its length."""
    assert sent.body[:2] == b"\x30\x82"
    other = sent.with_fields(Message_ID=message_id)
    other = other.with_body(b"\x30\x83\x00" + sent.body[2:])
    return other.with_fields(Content_Length=str(len(other.body)))


def test_other_octets_around_the_same_content_key_are_refused(connection: Connection) -> None:
    sent = message()
    sent.send()
    assert sender.disposition(altered(sent).send()) == "processed/error: decryption-failed"
    refused = Message.objects.get(message_id="<2@amazon.example>")
    assert "our private key was not used" in refused.failure_text
    assert "Ask Amazon whether they sent this message" in refused.failure_text
    assert Delivery.objects.get().message != refused


def test_what_did_not_decrypt_counts_too(connection: Connection) -> None:
    sent = message()
    sent.with_broken_padding().send()
    assert sender.disposition(sent.send()) == "processed/error: decryption-failed"
    assert "came before" in Message.objects.latest("pk").failure_text


def test_the_same_octets_again_are_read_again(connection: Connection) -> None:
    bad = message().with_broken_padding()
    bad.send()
    bad.send()
    assert not Message.objects.filter(failure_text__contains="came before").exists()
    assert (Message.objects.count(), WrappedKey.objects.count()) == (2, 1)


def test_a_resend_of_what_was_refused_is_accepted(connection: Connection) -> None:
    Connection.objects.update(require_signature=True)
    sent = message(sign=None, sign_with=None)
    sent.send()
    Connection.objects.update(require_signature=False)
    assert sender.disposition(sent.send()) == "processed"


def test_a_second_reading_is_no_other_request() -> None:
    seen = Sightings("a" * 64, timezone.now()).seen_elsewhere
    assert (seen(bytes(32)), seen(bytes(32))) == (False, False)
    assert Sightings("b" * 64, timezone.now()).seen_elsewhere(bytes(32))
    assert not seen(bytes(32))


def test_a_database_that_cannot_be_asked_is_no_verdict(connection: Connection) -> None:
    sent = message()
    with database.cursor() as cursor:
        cursor.execute("DROP TABLE as2_messages_wrappedkey")
    assert sent.send().status == HTTPStatus.SERVICE_UNAVAILABLE


def test_keys_are_forgotten_after_ninety_days(monkeypatch: pytest.MonkeyPatch) -> None:
    now = timezone.now()
    for days in (0, 89, 91):
        Sightings("a" * 64, now - dt.timedelta(days=days)).seen_elsewhere(bytes([days]) * 32)
    monkeypatch.setattr(sweeping, "_cleaning", sweeping._Cleaning())
    sweeping.sweep()
    kept = WrappedKey.objects.order_by("seen_at").values_list("sha256", flat=True)
    assert list(kept) == [(b"\x59" * 32).hex(), bytes(32).hex()]


def fail(connection: Connection, count: int) -> None:
    """Have messages refused that do not decrypt."""
    bad = message().with_broken_padding()
    for number in range(count):
        bad.with_fields(Message_ID=f"<{number}@amazon.example>").send()


def test_many_messages_that_do_not_decrypt_raise_one_alarm(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wrapped_keys, "_MANY", 3)
    fail(connection, 2)
    assert not AuditEvent.objects.filter(tag=ALARM).exists()
    fail(connection, 3)
    event = AuditEvent.objects.get(tag=ALARM)
    assert "3 messages under the name of Amazon could not be decrypted" in event.text
    assert sender.disposition(message().send()) == "processed"


def test_the_alarm_comes_again_after_an_hour(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wrapped_keys, "_MANY", 2)
    with time_machine.travel(timezone.now(), tick=False) as clock:
        fail(connection, 3)
        clock.shift(dt.timedelta(hours=2))
        fail(connection, 1)
        assert AuditEvent.objects.filter(tag=ALARM).count() == 1
        fail(connection, 1)
        assert AuditEvent.objects.filter(tag=ALARM).count() == 2


def durability() -> str:
    """What the database under test says of how it commits: 2 and on mean that it waits."""
    with database.cursor() as cursor:
        cursor.execute(
            "PRAGMA synchronous" if database.vendor == "sqlite" else "SHOW synchronous_commit"
        )
        return str(cursor.fetchone()[0])


@pytest.mark.django_db(transaction=True)
def test_a_sighting_that_does_not_wait_for_the_disk_leaves_the_next_commit_to_wait() -> None:
    before = durability()
    seen = Sightings("a" * 64, timezone.now())
    assert not seen.seen_elsewhere(bytes(32))
    assert durability() == before
    assert before in {"2", "on"}
    assert Sightings("b" * 64, timezone.now()).seen_elsewhere(bytes(32))


@pytest.mark.django_db(transaction=True)
def test_a_sighting_that_fails_leaves_the_next_commit_to_wait() -> None:
    before = durability()
    seen = Sightings("a" * 64, timezone.now())
    with database.cursor() as cursor:
        cursor.execute("ALTER TABLE as2_messages_wrappedkey RENAME TO away")
    try:
        assert seen.seen_elsewhere(bytes(32))
    finally:
        with database.cursor() as cursor:
            cursor.execute("ALTER TABLE away RENAME TO as2_messages_wrappedkey")
    with pytest.raises(Error):
        seen.check()
    assert durability() == before


@pytest.mark.django_db(transaction=True)
def test_the_time_of_a_sighting_is_kept_as_it_is() -> None:
    now = timezone.now()
    Sightings("a" * 64, now).seen_elsewhere(bytes(32))
    assert WrappedKey.objects.get().seen_at == now
