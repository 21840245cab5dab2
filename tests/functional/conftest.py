"""Two gateways that all tests of plain exchange share, since starting one takes seconds."""

from collections.abc import Iterator

import pytest

from tests.functional.pair import Pair, running_pair
from tests.functional.permutations import RELATIONS


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Both with the embedded broker and SQLite, as they come."""
    with running_pair(tmp_path_factory.mktemp("pair"), RELATIONS) as pair:
        yield pair
