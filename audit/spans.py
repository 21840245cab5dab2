"""Spans: sets of row ids as ranges. Ids are mostly consecutive, so a seal names few of them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Ids from ``first`` to ``last``, both included."""

    first: int
    last: int


def spans(ids: Iterable[int]) -> list[Span]:
    """Join ascending ids into as few spans as they make."""
    joined: list[Span] = []
    for number in ids:
        if joined and joined[-1].last + 1 == number:
            joined[-1] = Span(joined[-1].first, number)
        else:
            joined.append(Span(number, number))
    return joined


def gaps(covered: Iterable[Span], first: int, last: int) -> Iterator[Span]:
    """Yield what no span covers of the ids from ``first`` to ``last``."""
    expected = first
    for span in sorted(covered):
        if span.first > expected:
            yield Span(expected, min(span.first - 1, last))
        expected = max(expected, span.last + 1)
        if expected > last:
            return
    if expected <= last:
        yield Span(expected, last)
