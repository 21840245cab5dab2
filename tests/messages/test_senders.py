import datetime as dt

import pytest
from django.utils import timezone

from messages import senders
from messages.models import UnknownSender
from messages.senders import note_unknown
from messages.sightings import Throttle

pytestmark = pytest.mark.django_db


class Clock:
    """Time that moves when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(senders, "_throttle", Throttle(clock))
    return clock


def test_an_unknown_sender_is_listed(clock: Clock) -> None:
    note_unknown("NOBODY", "VENDOR", "192.0.2.7")
    row = UnknownSender.objects.get()
    assert (row.as2_from, row.as2_to, row.address) == ("NOBODY", "VENDOR", "192.0.2.7")
    assert (row.count, row.first_seen) == (1, row.last_seen)


def test_what_comes_often_is_counted_and_seldom_written(clock: Clock) -> None:
    for _ in range(100):
        note_unknown("NOBODY", "VENDOR", None)
    assert UnknownSender.objects.get().count == 1
    clock.now += 10
    note_unknown("NOBODY", "VENDOR", "192.0.2.8")
    row = UnknownSender.objects.get()
    assert (row.count, row.address) == (101, "192.0.2.8")
    assert row.last_seen > row.first_seen


def test_made_up_names_cost_few_writes(clock: Clock) -> None:
    for number in range(500):
        note_unknown(f"NOBODY-{number}", "VENDOR", None)
    assert UnknownSender.objects.count() == 20
    clock.now += 5
    for number in range(500):
        note_unknown(f"SOMEBODY-{number}", "VENDOR", None)
    assert UnknownSender.objects.count() == 25


def test_the_list_is_bounded_and_the_oldest_go_first(clock: Clock) -> None:
    now = timezone.now()
    UnknownSender.objects.bulk_create(
        UnknownSender(
            as2_from=f"OLD-{number}",
            as2_to="VENDOR",
            first_seen=now,
            last_seen=now - dt.timedelta(days=number),
        )
        for number in range(1000)
    )
    note_unknown("NOBODY", "VENDOR", None)
    assert UnknownSender.objects.count() == 1000
    assert UnknownSender.objects.filter(as2_from="NOBODY").exists()
    assert not UnknownSender.objects.filter(as2_from="OLD-999").exists()


def test_memory_is_bounded_too(clock: Clock) -> None:
    throttle = Throttle(clock)
    for number in range(3000):
        throttle.see((f"NOBODY-{number}", "VENDOR"))
    assert len(throttle._written) == 1000


def test_another_process_may_be_faster(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    now = timezone.now()
    create = UnknownSender.objects.create

    def twice(**fields: object) -> UnknownSender:
        create(as2_from="NOBODY", as2_to="VENDOR", first_seen=now, last_seen=now)
        return create(**fields)

    monkeypatch.setattr(UnknownSender.objects, "create", twice)
    note_unknown("NOBODY", "VENDOR", None)
    assert UnknownSender.objects.count() <= 1
