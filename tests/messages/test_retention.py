"""Retention: what is old goes, what is still needed stays, and what proves a message stays too."""

import datetime as dt
import errno

import pytest
from django.core.management import call_command
from django.utils import timezone
from pytest_django import Settings

from audit.models import AuditEvent
from messages import retention
from messages.models import Delivery, Message, State
from messages.models.deliveries import DeliveryState
from messages.retention import Purged, purge
from messages.sending import resend
from messages.store import Store, get_store
from partners.models import Connection
from tests import factories
from tests.messages import made_up
from tests.messages.arrange import stored_files
from tests.messages.sender import message

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("home")]


@pytest.fixture
def old(connection: Connection) -> Message:
    """A message that came, was handed over, and ended forty days ago."""
    connection.keep_days = 30
    connection.save()
    message().send()
    Delivery.objects.update(state=DeliveryState.DONE, due_at=None)
    age(40)
    return Message.objects.get()


def age(days: int) -> None:
    Message.objects.update(finished_at=timezone.now() - dt.timedelta(days=days))


def test_old_files_go_and_facts_digests_and_mdn_stay(old: Message) -> None:
    facts = (old.payload_sha256, old.wire_sha256, old.mics, old.headers)
    assert purge(timezone.now()).messages == 1
    old.refresh_from_db()
    assert (old.raw_key, old.payload_key, old.purged_at is not None) == ("", "", True)
    assert (old.payload_sha256, old.wire_sha256, old.mics, old.headers) == facts
    assert [key.rpartition(".")[2] for key in stored_files()] == ["mdn"]


@pytest.mark.parametrize(("days", "kept"), [(30, False), (40, False), (41, True), (0, True)])
def test_each_connection_says_how_long(old: Message, days: int, kept: bool) -> None:
    old.connection.keep_days = days
    old.connection.save()
    purge(timezone.now())
    old.refresh_from_db()
    assert bool(old.payload_key) is kept


@pytest.mark.parametrize("days", [999_999, 2**31 - 1])
def test_who_keeps_for_longer_than_there_are_dates_keeps_all_and_holds_up_no_other(
    old: Message, days: int
) -> None:
    other = factories.bare_connection(
        old.connection.organization, factories.partner("Other"), as2_id="Q", keep_days=1
    )
    made_up.message(other, State.DELIVERED)
    age(40)
    Connection.objects.filter(pk=old.connection_id).update(keep_days=days)
    assert purge(timezone.now()).messages == 1
    assert Message.objects.get(purged_at__isnull=True) == old


@pytest.mark.parametrize(("days", "kept"), [(-1, True), (0, True), (30, False)])
def test_the_installation_says_it_for_the_others(
    old: Message, settings: Settings, days: int, kept: bool
) -> None:
    settings.AS2_KEEP_DAYS = days
    Connection.objects.update(keep_days=None)
    purge(timezone.now())
    old.refresh_from_db()
    assert bool(old.payload_key) is kept


@pytest.mark.parametrize("state", [DeliveryState.QUEUED, DeliveryState.HELD])
def test_what_was_not_handed_over_stays(old: Message, state: DeliveryState) -> None:
    due_at = timezone.now() if state is DeliveryState.QUEUED else None
    Delivery.objects.update(state=state, due_at=due_at)
    assert purge(timezone.now()) == Purged()


def test_a_crash_between_files_and_row_is_finished_by_the_next_run(
    old: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_args: object, **_kwargs: object) -> None:
        raise OSError("the machine went down")

    with monkeypatch.context() as patched:
        patched.setattr("messages.retention.transaction.atomic", crash)
        with pytest.raises(OSError, match="went down"):
            purge(timezone.now())
    old.refresh_from_db()
    assert old.purged_at is None
    assert purge(timezone.now()).messages == 1
    old.refresh_from_db()
    assert old.purged_at is not None


def test_many_are_purged_in_batches(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    Connection.objects.update(keep_days=1)
    for _ in range(5):
        made_up.message(connection, State.DELIVERED)
    age(2)
    assert purge(timezone.now()).messages == 5
    assert purge(timezone.now()) == Purged()


def test_files_that_cannot_be_deleted_hold_up_no_others(
    old: Message, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    owner, partner = old.connection.organization, factories.partner("Other")
    other = factories.bare_connection(owner, partner, as2_id="Q", keep_days=1)
    for connection in (old.connection, other, other):
        made_up.message(connection, State.DELIVERED)
    age(40)
    held, delete = old.payload_key, Store.delete

    def refuses(store: Store, key: str) -> None:
        if key == held:
            raise PermissionError(errno.EACCES, "it is under legal hold")
        delete(store, key)

    monkeypatch.setattr(retention, "BATCH", 1)
    with monkeypatch.context() as patch:
        patch.setattr(Store, "delete", refuses)
        assert purge(timezone.now()).messages == 3
    assert Message.objects.get(purged_at__isnull=True) == old
    assert "files of 1 messages could not be deleted" in caplog.text
    assert purge(timezone.now()).messages == 1
    assert not Message.objects.filter(purged_at__isnull=True).exists()


def test_a_purge_is_an_audit_event(old: Message) -> None:
    purge(timezone.now())
    event = AuditEvent.objects.get(tag="message:files:purged")
    assert (event.subject_pk, event.data["messages"]) == (str(old.connection_id), 1)


def test_a_copy_of_a_purged_message_gets_its_mdn_again_and_is_not_delivered(old: Message) -> None:
    purge(timezone.now())
    sent = message()
    reply = sent.with_body(sent.body).send()
    assert reply.status == 200
    assert Message.objects.filter(state=State.ACCEPTED).count() == 1
    assert Delivery.objects.count() == 1


def test_a_purged_message_is_not_sent_again(connection: Connection) -> None:
    row = made_up.message(connection, State.FAILED)
    Connection.objects.update(keep_days=1)
    age(2)
    purge(timezone.now())
    row.refresh_from_db()
    with pytest.raises(ValueError, match="purged"):
        resend(row, "ann")


def test_a_dry_run_says_what_would_go_and_leaves_it(
    old: Message, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("purge", "--dry-run")
    assert "1 messages would be purged: 2 files" in capsys.readouterr().out
    assert get_store().size(old.payload_key) == old.payload_size
    call_command("purge")
    assert "1 messages purged: 2 files" in capsys.readouterr().out
