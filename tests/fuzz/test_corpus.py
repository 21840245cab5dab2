"""The stored corpus and the recordings, through every fuzz target."""

import pytest

from tests.fuzz.seeds import CORPUS, seeds
from tests.fuzz.targets import TARGETS


@pytest.mark.parametrize("target", TARGETS)
def test_nothing_stored_is_a_finding(target: str) -> None:
    inputs = list(seeds(target))
    assert inputs
    for octets in inputs:
        TARGETS[target](octets)


@pytest.mark.parametrize("target", TARGETS)
def test_a_stored_input_cut_short_is_no_finding(target: str) -> None:
    for octets in seeds(target):
        for length in {0, 1, len(octets) // 3, len(octets) // 2, max(0, len(octets) - 1)}:
            TARGETS[target](octets[:length])


def test_every_folder_of_the_corpus_has_its_target() -> None:
    assert {path.name for path in CORPUS.glob("*")} <= set(TARGETS)
