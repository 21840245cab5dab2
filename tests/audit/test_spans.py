"""Sets of ids as ranges."""

import pytest

from audit.spans import Span, gaps, spans


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        ([], []),
        ([4], [Span(4, 4)]),
        ([1, 2, 3, 7, 9, 10], [Span(1, 3), Span(7, 7), Span(9, 10)]),
    ],
)
def test_consecutive_ids_join(ids: list[int], expected: list[Span]) -> None:
    assert spans(ids) == expected


@pytest.mark.parametrize(
    ("covered", "expected"),
    [
        ([], [Span(1, 9)]),
        ([Span(1, 9)], []),
        ([Span(7, 8), Span(2, 4)], [Span(1, 1), Span(5, 6), Span(9, 9)]),
        ([Span(0, 20)], []),
        ([Span(15, 20)], [Span(1, 9)]),
        ([Span(2, 2), Span(30, 31), Span(40, 41)], [Span(1, 1), Span(3, 9)]),
    ],
)
def test_gaps_are_what_no_span_covers(covered: list[Span], expected: list[Span]) -> None:
    assert list(gaps(covered, 1, 9)) == expected
