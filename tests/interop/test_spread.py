"""What a default run takes of the matrix."""

from dataclasses import astuple
from itertools import combinations

import pytest

from tests.interop.matrix import ALL, COMPRESS, ENCRYPT, MDN, NOTABLE, SIGN, spread

COLUMNS = (SIGN, ENCRYPT, COMPRESS, MDN)


@pytest.mark.parametrize(("one", "other"), list(combinations(range(4), 2)))
def test_every_two_values_meet(one: int, other: int) -> None:
    met = {(astuple(row)[one], astuple(row)[other]) for row in spread(ALL)}
    assert met == {(a, b) for a in COLUMNS[one] for b in COLUMNS[other]}


def test_the_spread_is_small_and_has_each_row_once() -> None:
    chosen = spread(ALL)
    assert len(set(chosen)) == len(chosen) <= 40
    assert set(NOTABLE) <= set(chosen) <= set(ALL)
