"""Unmatched MDNs: they go when they are old, and nothing else does."""

import datetime as dt

import pytest
from django.utils import timezone
from pytest_django import Settings

from audit.models import AuditEvent
from messages import tasks, unmatched
from messages.models import MDN, MDNState, State
from messages.store import Kind, get_store
from tests.messages import made_up
from tests.messages.arrange import stored_files

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("home")]

UNMATCHED = MDNState.UNMATCHED


@pytest.fixture(autouse=True)
def kept_for_a_month(settings: Settings) -> None:
    settings.AS2_KEEP_DAYS = 30


def came(days_ago: int, state: MDNState = UNMATCHED, *, matched: bool = False) -> MDN:
    sent = made_up.message(made_up.connection(), State.DELIVERED) if matched else None
    row = made_up.mdn(sent, state, body_key=made_up.stored(Kind.MDN))
    at = timezone.now() - dt.timedelta(days=days_ago)
    MDN.objects.filter(pk=row.pk).update(created_at=at)
    return row


def test_old_ones_go_with_their_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unmatched, "_BATCH", 2)
    fresh = came(29)
    for _ in range(5):
        came(31)
    tasks.purge()
    assert MDN.objects.get() == fresh
    assert [*get_store().chunks(fresh.body_key)] != []
    assert len(stored_files()) == 1
    told = AuditEvent.objects.get(tag="message:files:purged")
    assert told.text.startswith("Purged 5 MDNs that matched nothing")


@pytest.mark.parametrize("state", [UNMATCHED, MDNState.VERIFIED])
def test_those_of_a_message_stay(state: MDNState) -> None:
    came(400, state, matched=True)
    assert unmatched.purge(timezone.now()) == 0
    assert MDN.objects.count() == len(stored_files()) == 1


@pytest.mark.parametrize("days", [0, -1, 10**9])
def test_they_are_kept_where_documents_are_kept_for_ever(settings: Settings, days: int) -> None:
    settings.AS2_KEEP_DAYS = days
    came(400)
    assert unmatched.purge(timezone.now()) == 0


def test_a_crash_between_the_file_and_its_row_is_finished_by_the_next_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    came(31)

    def crash() -> None:
        raise OSError("power cut")

    with monkeypatch.context() as patched:
        patched.setattr("messages.unmatched.transaction.atomic", crash)
        with pytest.raises(OSError, match="power cut"):
            unmatched.purge(timezone.now())
    assert (MDN.objects.count(), len(stored_files())) == (1, 0)
    assert unmatched.purge(timezone.now()) == 1


def test_a_run_that_takes_long_is_finished_by_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    came(31)
    monkeypatch.setattr(unmatched, "_ENOUGH", -1.0)
    assert unmatched.purge(timezone.now()) == 0
