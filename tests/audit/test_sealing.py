"""Events come into the chain once each, whatever order they are committed in."""

import datetime as dt
import logging
from collections.abc import Callable

import pytest
from django.db import connection
from django.db.models import Model
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audit import sealing, tasks
from audit.models import AuditEvent, AuditGap, AuditSeal
from audit.sealing import GENESIS, LATE, seal
from audit.verifying import verify
from tests.audit.events import event, sealed_ids

pytestmark = pytest.mark.django_db


def test_a_seal_continues_the_one_before() -> None:
    event()
    seal()
    event()
    seal()
    second, first = AuditSeal.objects.all()
    assert (first.number, first.previous) == (1, GENESIS)
    assert (second.number, second.previous) == (2, first.digest)


def test_nothing_new_makes_no_seal() -> None:
    event()
    assert (seal(), seal()) == (1, 0)
    assert AuditSeal.objects.count() == 1


def test_the_task_seals() -> None:
    event()
    tasks.seal()
    assert AuditSeal.objects.count() == 1


def test_events_are_not_written_to() -> None:
    row = event()
    seal()
    fresh = AuditEvent.objects.get()
    fresh._state = row._state
    assert fresh.__dict__ == row.__dict__


def test_an_event_that_commits_late_is_sealed_by_the_next_seal() -> None:
    event(pk=10)
    event(pk=12)
    seal()
    event(pk=11)  # its transaction took the id before, and committed now
    event(pk=9)
    event(pk=13)
    seal()
    assert sealed_ids() == [[[10, 10], [12, 12]], [[9, 9], [11, 11], [13, 13]]]


def test_a_seal_of_late_events_only_keeps_the_top() -> None:
    event(pk=12)
    seal()
    event(pk=11)
    seal()
    event(pk=13)
    seal()
    assert sealed_ids() == [[[12, 12]], [[11, 11]], [[13, 13]]]
    assert [row.top for row in AuditSeal.objects.order_by("number")] == [12, 12, 13]


def test_gaps_are_not_looked_at_for_ever() -> None:
    event(pk=10)
    sealing._seal_batch(timezone.now() - LATE - dt.timedelta(seconds=1))
    event(pk=9)
    assert seal() == 0


def test_gaps_that_nobody_fills_are_forgotten() -> None:
    event(pk=10)
    sealing._seal_batch(timezone.now() - LATE - dt.timedelta(seconds=1))
    event(pk=12)
    seal()
    assert [str(gap) for gap in AuditGap.objects.all()] == ["11-11"]


def test_what_is_left_of_a_gap_waits_on() -> None:
    event(pk=10)
    seal()
    event(pk=5)
    seal()
    assert [str(gap) for gap in AuditGap.objects.order_by("first")] == ["1-4", "6-9"]


def cost(monkeypatch: pytest.MonkeyPatch) -> tuple[int, int]:
    """Seal one event: the queries that this takes, and the rows that it reads."""
    rows: list[str] = []
    event_above()
    with monkeypatch.context() as patch, CaptureQueriesContext(connection) as queries:
        for model in (AuditEvent, AuditGap, AuditSeal):
            patch.setattr(model, "__init__", noting(model.__init__, rows))
        assert seal() == 1
    return len(queries), len(rows)


def event_above() -> None:
    """Record an event above all others, wherever PostgreSQL's sequence stands by now."""
    event(pk=AuditEvent.objects.latest("pk").pk + 1)


def noting(made: Callable[..., None], rows: list[str]) -> Callable[..., None]:
    """Note each row that is made, be it read or new."""

    def note(self: Model, *given: object, **named: object) -> None:
        rows.append(type(self).__name__)
        made(self, *given, **named)

    return note


def test_a_seal_costs_the_same_however_long_the_chain_is(monkeypatch: pytest.MonkeyPatch) -> None:
    event(pk=5)
    seal()
    short = cost(monkeypatch)
    for _ in range(40):
        event_above()
        seal()
    assert cost(monkeypatch) == short
    # The seal before, the gap below the first event, the event; and those that are made.
    assert short[1] <= 5


def test_many_events_take_several_seals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "BATCH", 3)
    for _ in range(7):
        event()
    assert seal() == 7
    assert AuditSeal.objects.count() == 3
    assert not verify(timezone.now()).findings


def test_a_run_leaves_the_rest_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "BATCH", 1)
    monkeypatch.setattr(sealing, "BATCHES", 2)
    for _ in range(3):
        event()
    assert (seal(), seal()) == (2, 1)


def test_many_gaps_are_asked_for_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "SPANS_A_QUERY", 2)
    for pk in range(2, 20, 2):
        event(pk=pk)
    seal()
    for pk in range(19, 0, -2):
        event(pk=pk)
    assert seal() == 10
    assert not verify(timezone.now()).findings


def test_the_head_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    event()
    with caplog.at_level(logging.INFO, "audit.sealing"):
        seal()
    assert str(AuditSeal.objects.get()) in caplog.text
