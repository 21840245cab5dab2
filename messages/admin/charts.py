"""Charts of the start page: traffic, failures and how long MDNs take, by day.

Each is a handful of rectangles in SVG, placed here and coloured by the style sheet, so that it is
readable in light and dark. What it shows is also said in words.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Final

from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import TruncDay

from audit.badges import Tone
from messages.models import MDN, Attempt, MDNState, Message, State

DAYS: Final = 14
#: MDNs that are looked at, the latest: enough for a median, and bounded however busy a gateway is.
MOST_MDNS: Final = 1000
#: The drawing's own units: it is stretched to the width of its place.
WIDTH: Final = 100.0
HEIGHT: Final = 40.0
#: Part of a day's width that its bar takes.
_BAR: Final = 0.72


@dataclass(frozen=True, slots=True)
class Series:
    """Numbers by day, under a name."""

    name: str
    tone: Tone
    values: Sequence[float]


@dataclass(frozen=True, slots=True)
class Bar:
    """One rectangle, and what it says."""

    x: float
    y: float
    width: float
    height: float
    tone: Tone
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars under a title, on one scale."""

    title: str
    words: str
    series: Sequence[Series]
    bars: list[Bar]
    first: str
    last: str


def charts(messages: QuerySet[Message], mdns: QuerySet[MDN], now: dt.datetime) -> list[Chart]:
    """Draw the last days of these messages and MDNs, in two queries; nothing without traffic."""
    today = now.astimezone(dt.UTC).date()
    days = [today - dt.timedelta(days=back) for back in reversed(range(DAYS))]
    start = dt.datetime.combine(days[0], dt.time(), dt.UTC)
    counts = _counts(messages, start)
    if not counts:
        return []
    drawn = [_traffic(days, counts), _failures(days, counts)]
    waits = _waits(mdns, start)
    return [*drawn, _latency(days, waits)] if waits else drawn


_Counts = dict[tuple[dt.date, str], int]
_Waits = dict[dt.date, list[float]]


def _counts(rows: QuerySet[Message], start: dt.datetime) -> _Counts:
    found = rows.filter(created_at__gte=start).order_by()
    by_day = found.annotate(day=TruncDay("created_at", tzinfo=dt.UTC)).values("day", "state")
    return {
        (each["day"].date(), each["state"]): each["total"]
        for each in by_day.annotate(total=Count("pk"))
    }


def _waits(rows: QuerySet[MDN], start: dt.datetime) -> _Waits:
    """Seconds from the attempt that an MDN answers to the MDN."""
    attempts = Attempt.objects.filter(
        message=OuterRef("message"), started_at__lte=OuterRef("created_at")
    )
    latest = Subquery(attempts.order_by("-started_at").values("started_at")[:1])
    verified = rows.filter(state=MDNState.VERIFIED, created_at__gte=start).annotate(sent=latest)
    found: _Waits = defaultdict(list)
    pairs = verified.order_by("-created_at").values_list("created_at", "sent")[:MOST_MDNS]
    for came, sent in pairs:
        if sent is not None:
            found[came.astimezone(dt.UTC).date()].append((came - sent).total_seconds())
    return found


def _traffic(days: Sequence[dt.date], counts: _Counts) -> Chart:
    received = [counts.get((day, State.ACCEPTED), 0) for day in days]
    sent = [counts.get((day, State.DELIVERED), 0) for day in days]
    words = f"{sum(received)} received, {sum(sent)} delivered"
    series = [Series("received", Tone.GOOD, received), Series("delivered", Tone.BUSY, sent)]
    return _draw("Traffic", words, days, series)


def _failures(days: Sequence[dt.date], counts: _Counts) -> Chart:
    rejected = [counts.get((day, State.REJECTED), 0) for day in days]
    failed = [counts.get((day, State.FAILED), 0) for day in days]
    words = f"{sum(failed)} failed, {sum(rejected)} rejected"
    series = [Series("failed", Tone.BAD, failed), Series("rejected", Tone.WARN, rejected)]
    return _draw("Failures", words, days, series)


def _latency(days: Sequence[dt.date], waits: _Waits) -> Chart:
    middle = [median(waits[day]) if waits.get(day) else 0.0 for day in days]
    slow = [_slow(waits.get(day, [])) for day in days]
    above = [max(high - low, 0.0) for high, low in zip(slow, middle, strict=True)]
    everything = [each for some in waits.values() for each in some]
    words = f"half within {_seconds(median(everything))}"
    series = [Series("half", Tone.BUSY, middle), Series("95 %", Tone.PLAIN, above)]
    return _draw("Time to the MDN", words, days, series, seconds=True)


def _slow(values: Sequence[float]) -> float:
    """The time that 95 of 100 need at most; the longest of a few."""
    few = 20
    return quantiles(values, n=20)[-1] if len(values) >= few else max(values, default=0.0)


def _draw(
    title: str,
    words: str,
    days: Sequence[dt.date],
    series: Sequence[Series],
    *,
    seconds: bool = False,
) -> Chart:
    """Stack the series of each day; the highest day fills the height."""
    highest = max(sum(values) for values in zip(*(s.values for s in series), strict=True))
    step = WIDTH / len(days)
    bars = []
    for place, day in enumerate(days):
        top = HEIGHT
        for each in series:
            value = each.values[place]
            height = HEIGHT * value / highest if highest else 0.0
            top -= height
            shown = _seconds(value) if seconds else f"{value:g}"
            text = f"{day:%Y-%m-%d}: {shown} {each.name}"
            x = place * step + step * (1 - _BAR) / 2
            if height:
                bars.append(Bar(_2(x), _2(top), _2(step * _BAR), _2(height), each.tone, text))
    scale = _seconds(highest) if seconds else f"{highest:g}"
    first, last = (f"{day:%m-%d}" for day in (days[0], days[-1]))
    return Chart(title, f"{words}; highest {scale}", series, bars, first, last)


def _2(value: float) -> float:
    """Round to what can be seen."""
    return round(value, 2)


def _seconds(value: float) -> str:
    minute = 60
    return f"{value:.1f} s" if value < minute else f"{value / minute:.1f} min"
