"""Message-IDs that may come again: after how long, and what is held back even then (REL-06)."""

import datetime as dt

import pytest
import time_machine
from django.utils import timezone

from messages.models import Delivery, DeliveryState, Message
from messages.processing import process
from partners.models import Connection
from tests import factories
from tests.messages.arrange import PAYLOAD
from tests.messages.sender import asking_async, disposition, message

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("home")]

DAY = dt.timedelta(days=1)
ANOTHER = PAYLOAD + b"another"


@pytest.fixture(autouse=True)
def connection() -> Connection:
    return factories.connection(duplicate_days=30)


def after(days: float) -> time_machine.travel:
    return time_machine.travel(timezone.now() + days * DAY, tick=False)


def test_a_message_id_may_come_again_after_its_days() -> None:
    message().send()
    with after(30):
        assert disposition(message(ANOTHER).send()) == "processed"
    assert Message.objects.filter(state="accepted", lapsed_at=None).count() == 1
    assert Message.objects.filter(state="accepted").count() == 2
    assert {row.state for row in Delivery.objects.all()} == {DeliveryState.QUEUED}


@pytest.mark.parametrize(("days", "known"), [(30, 29.9), (None, 300.0)])
def test_before_that_or_without_them_it_is_refused(days: int | None, known: float) -> None:
    Connection.objects.update(duplicate_days=days)
    message().send()
    with after(known):
        reply = message(ANOTHER).send()
    assert disposition(reply) == "processed/error: unexpected-processing-error"
    assert Message.objects.filter(state="accepted").count() == 1


def test_more_days_than_can_be_counted_are_for_ever() -> None:
    Connection.objects.update(duplicate_days=1_000_000_000)
    message().send()
    reply = message(ANOTHER).send()
    assert disposition(reply) == "processed/error: unexpected-processing-error"


def test_a_repetition_within_the_days_gets_the_stored_mdn() -> None:
    asked = message()
    first = asked.send()
    with after(29):
        assert asked.send().body == first.body
    assert Message.objects.count() == 1


def test_the_very_octets_of_an_old_message_are_held_back() -> None:
    asked = message()
    asked.send()
    with after(31):
        assert disposition(asked.send()) == "processed"
    states = list(Delivery.objects.order_by("pk").values_list("state", flat=True))
    assert states == [DeliveryState.QUEUED, DeliveryState.HELD]


def test_the_new_one_is_known_from_then_on() -> None:
    message().send()
    with after(31):
        asked = message(ANOTHER)
        first = asked.send()
        assert asked.send().body == first.body
        assert disposition(message(b"a third").send()).startswith("processed/error")


def test_with_an_async_mdn_too() -> None:
    message().send()
    with after(31):
        asking_async(payload=ANOTHER).send()
        row = Message.objects.latest("pk")
        process(row.pk)
    row.refresh_from_db()
    assert row.state == "accepted"
