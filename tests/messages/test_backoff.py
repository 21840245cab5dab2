"""Back-off: growing gaps, and what a partner asks for."""

import datetime as dt

import pytest

from messages import backoff

MINUTE = dt.timedelta(minutes=1)
NOW = dt.datetime(2026, 3, 1, 12, 0, tzinfo=dt.UTC)


@pytest.mark.parametrize(("tries", "minutes"), [(1, 5), (2, 10), (3, 20), (4, 40), (7, 320)])
def test_each_gap_is_twice_the_one_before(tries: int, minutes: int) -> None:
    assert minutes * MINUTE <= backoff.gap(5 * MINUTE, tries) <= minutes * MINUTE * 1.1


@pytest.mark.parametrize("tries", [8, 100, 100_000])
def test_no_gap_is_longer_than_the_cap(tries: int) -> None:
    assert backoff.CAP <= backoff.gap(5 * MINUTE, tries) <= backoff.CAP * 1.1


def test_gaps_are_spread_by_chance() -> None:
    assert len({backoff.gap(5 * MINUTE, 1) for _ in range(10)}) > 1


def test_a_partner_may_ask_for_a_longer_gap_but_not_a_shorter_one() -> None:
    assert backoff.gap(5 * MINUTE, 1, 30 * MINUTE) >= 30 * MINUTE
    assert backoff.gap(5 * MINUTE, 1, dt.timedelta(seconds=1)) >= 5 * MINUTE


def test_a_partner_cannot_ask_for_more_than_the_cap() -> None:
    assert backoff.gap(MINUTE, 1, dt.timedelta(days=30)) <= backoff.CAP * 1.1


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120),
        (" 0 ", 0),
        ("Sun, 01 Mar 2026 12:01:00 GMT", 60),
        ("Sun, 01 Mar 2026 12:01:00 -0000", 60),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0),
        ("99999999999999999999", 6 * 3600),
        ("Mon, 01 Mar 2100 12:01:00 GMT", 6 * 3600),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(value: str, seconds: int) -> None:
    assert backoff.retry_after(value, NOW) == dt.timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "soon",
        "-5",
        "1.5",
        "٣",
        "Sun, 99 Mar 2026 99:00:00",
        "Sun, 01 Mar 99999999999999 12:01:00 GMT",
        "Sun, 01 Mar 2026 12:01:00 +99999999999999999999",
    ],
)
def test_a_retry_after_that_says_nothing_is_passed_over(value: str | None) -> None:
    assert backoff.retry_after(value, NOW) is None
