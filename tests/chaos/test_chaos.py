"""Short runs of chaos, with a seed of their own each time: nothing is lost and nothing doubled.

The seed is in the figures, and so a run can be made again: ``python -m tests.chaos --seed …``.
"""

import random
from pathlib import Path

import pytest

from tests.chaos.run import Plan, run


def assert_nothing_differs(plan: Plan) -> None:
    result = run(plan)
    assert result.differences == [], result.figures


@pytest.mark.chaos
@pytest.mark.usefixtures("redis_server", "postgres_server")
def test_nothing_is_lost_on_postgresql_and_redis(tmp_path: Path) -> None:
    seed = random.randrange(10**6)
    assert_nothing_differs(Plan(300, seed, kill_every=1.5, minutes=1.5, folder=tmp_path))


@pytest.mark.chaos
def test_nothing_is_lost_on_sqlite_and_files(tmp_path: Path) -> None:
    seed = random.randrange(10**6)
    assert_nothing_differs(
        Plan(60, seed, embedded=True, kill_every=1.5, minutes=1, folder=tmp_path)
    )
