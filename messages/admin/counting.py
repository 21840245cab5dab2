"""Counting: how many messages a list has, over time and by what they are."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from django.db.models import Count, Q, QuerySet
from django.db.models.functions import TruncDay, TruncMonth, TruncWeek
from django.http import HttpRequest

from messages.models import Message, State

#: Groups of a table: partners beyond that are found by filters.
MOST: Final = 50


class Step(StrEnum):
    """The length of a row of the table over time."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


_STEPS: Final = {
    Step.DAY: (TruncDay, dt.timedelta(days=31), "31 days", "%Y-%m-%d"),
    Step.WEEK: (TruncWeek, dt.timedelta(weeks=26), "26 weeks", "week of %Y-%m-%d"),
    Step.MONTH: (TruncMonth, dt.timedelta(days=731), "24 months", "%Y-%m"),
}
_COUNTS: Final = {
    "received": Q(state=State.ACCEPTED),
    "rejected": Q(state=State.REJECTED),
    "delivered": Q(state=State.DELIVERED),
    "failed": Q(state=State.FAILED),
    "open": Q(state__in=[State.RECEIVED, State.QUEUED, State.SENDING, State.WAITING]),
}
_GOOD: Final = ("received", "delivered")
_BAD: Final = ("rejected", "failed")


@dataclass(frozen=True, slots=True)
class Row:
    """Numbers of a time, or of a group."""

    name: str
    numbers: tuple[int, ...]
    #: how much of what has ended ended well, in per cent; "" if nothing has
    rate: str


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a title; the last one may be the sum."""

    title: str
    rows: list[Row]


@dataclass(frozen=True, slots=True)
class Counts:
    """All that the page shows."""

    step: Step
    steps: list[tuple[Step, str]]
    titles: list[str]
    tables: list[Table]
    #: the time that is counted, in words; empty if it is that of the list's own filter
    span: str


def counts(request: HttpRequest, rows: QuerySet[Message], step: Step, now: dt.datetime) -> Counts:
    """Count the rows of a list; without a filter by time, those of late."""
    _, span, words, _ = _STEPS[step]
    by_filter = any(name.startswith("created_at") for name in request.GET)
    rows = rows.prefetch_related(None).order_by()
    if not by_filter:
        rows = rows.filter(created_at__gte=now - span)
    return Counts(
        step=step,
        steps=[(each, _address(request, each)) for each in Step],
        titles=[*_COUNTS, "went well"],
        tables=[
            Table(f"By {step}", _over_time(rows, step)),
            Table("By partner", _by(rows, "partner_name")),
            Table("By kind of document", _by(rows, "edi_standard", "edi_type")),
            Table("By failure", _by(rows.exclude(failure_code=""), "failure_code")),
        ],
        span="" if by_filter else words,
    )


def _address(request: HttpRequest, step: Step) -> str:
    query = request.GET.copy()
    query["step"] = step
    return f"?{query.urlencode()}"


def _over_time(rows: QuerySet[Message], step: Step) -> list[Row]:
    truncate, _, _, words = _STEPS[step]
    found = rows.annotate(period=truncate("created_at")).values("period")
    ordered = found.annotate(**_aggregates()).order_by("-period")
    return [_row(f"{each['period']:{words}}", each) for each in ordered]


def _by(rows: QuerySet[Message], *fields: str) -> list[Row]:
    found = rows.values(*fields).annotate(total=Count("pk"), **_aggregates())
    ordered = found.order_by("-total", *fields)[:MOST]
    return [
        _row(" ".join(filter(None, (each[name] for name in fields))) or "unknown", each)
        for each in ordered
    ]


def _aggregates() -> dict[str, Count]:
    return {name: Count("pk", filter=wanted) for name, wanted in _COUNTS.items()}


def _row(name: str, found: Mapping[str, Any]) -> Row:
    good, bad = (sum(found[each] for each in names) for names in (_GOOD, _BAD))
    rate = f"{100 * good / (good + bad):.1f} %" if good + bad else ""
    return Row(name, tuple(found[each] for each in _COUNTS), rate)
