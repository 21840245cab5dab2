"""Several sealers at once, and events written meanwhile."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.utils import timezone

from audit import sealing
from audit.models import AuditEvent, AuditSeal
from audit.sealing import seal
from audit.verifying import verify
from tests.audit.events import event

pytestmark = pytest.mark.django_db(transaction=True)

EVENTS = 40


def _run(work: Callable[[], object]) -> None:
    try:
        work()
    finally:
        connection.close()


def test_sealers_and_writers_at_once_leave_a_sound_chain(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sealing, "BATCH", 5)
    start = threading.Barrier(4)

    def write() -> None:
        start.wait()
        for _ in range(EVENTS):
            event()

    def keep_sealing() -> None:
        start.wait()
        for _ in range(20):
            seal()

    with ThreadPoolExecutor(4) as pool:
        work = [pool.submit(_run, job) for job in (write, write, keep_sealing, keep_sealing)]
        for done in work:
            done.result(timeout=60)
    seal()
    report = verify(timezone.now())
    assert (report.findings, report.events, report.unsealed) == ([], 2 * EVENTS, 0)
    assert AuditEvent.objects.count() == 2 * EVENTS


def test_the_slower_of_two_sealers_gives_way(monkeypatch: pytest.MonkeyPatch) -> None:
    event()
    find = sealing._unsealed

    def find_slowly(*given: object) -> list[AuditEvent]:
        monkeypatch.setattr(sealing, "_unsealed", find)
        found = find(*given)  # type: ignore[arg-type]  # passes its own arguments on
        faster()
        return found

    def faster() -> None:
        """Take the number that the slow one is about to take."""
        row = AuditSeal(number=1, sealed_at=timezone.now(), ranges=[[1, 1]], top=1)
        row.digests, row.previous, row.digest = b"", "", ""
        row.save(force_insert=True)

    monkeypatch.setattr(sealing, "_unsealed", find_slowly)
    assert seal() == 0
