"""Silent partners: by a setting, or against their own habit."""

import datetime as dt

import pytest
from django.utils import timezone

from messages.models import State
from messages.silence import silences
from partners.models import Connection
from tests.messages import made_up

DAY = dt.timedelta(days=1)

pytestmark = pytest.mark.django_db


def connection(*ages: float, **fields: object) -> Connection:
    """Make a connection of long ago from which documents came so many days ago."""
    row = made_up.connection(**{"environment": "production", **fields})
    Connection.objects.filter(pk=row.pk).update(created_at=timezone.now() - 300 * DAY)
    for age in ages:
        made_up.message(row, State.ACCEPTED, age=age * DAY)
    return row


def silent() -> list[Connection]:
    return [each.connection for each in silences(Connection.objects.all(), timezone.now())]


@pytest.mark.parametrize(
    ("days", "ages", "found"),
    [
        (3, [5.0], True),
        (3, [5.0, 2.0], False),
        (7, [5.0], False),
        (3, [], True),
        (0, [50.0], False),
    ],
)
def test_a_setting_says_how_long_is_too_long(days: int, ages: list[float], found: bool) -> None:
    row = connection(*ages, silent_days=days)
    assert silent() == [row] * found


def test_a_new_connection_is_not_silent_yet() -> None:
    made_up.connection(silent_days=3, environment="production")
    assert silent() == []


@pytest.mark.parametrize(
    ("last", "gap", "found"),
    [(6, 1, True), (3.5, 1, False), (9, 3, False), (13, 3, True)],
    ids=["daily, six days", "daily, a long weekend", "each 3 days, nine", "each 3 days, thirteen"],
)
def test_without_one_a_partner_s_own_habit_counts(last: float, gap: float, found: bool) -> None:
    row = connection(*(last + gap * number for number in range(12)))
    assert silent() == [row] * found


def test_a_few_documents_make_no_habit() -> None:
    connection(*(20 + number for number in range(9)))
    assert silent() == []


@pytest.mark.parametrize("fields", [{"environment": "test"}, {"state": "paused"}])
def test_tests_and_what_rests_are_silent_by_nature(fields: dict[str, str]) -> None:
    connection(*(20 + number for number in range(12)), **fields)
    assert silent() == []


def test_rejected_documents_and_our_own_are_no_sign_of_life() -> None:
    row = connection(9, silent_days=3)
    made_up.message(row, State.REJECTED)
    made_up.message(row, State.DELIVERED)
    assert silent() == [row]
