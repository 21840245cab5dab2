"""Test processes that share a run collect the same tests; a name made of chance would part them."""

import os
import subprocess
import sys

from tests.maps import ROOT

#: two processes; each makes keys and certificates of its own, too
HASH_SEEDS = ("1", "2")
#: not shuffled, so that the order of what is drawn from a set shows
COLLECTING = ["--collect-only", "-q", "--no-cov", "-p", "no:randomly", "-p", "no:cacheprovider"]


def _collecting(hash_seed: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "pytest", *COLLECTING, "tests"],
        cwd=ROOT,
        env=os.environ | {"PYTHONHASHSEED": hash_seed},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_names_and_order_of_tests_are_the_same_in_each_process() -> None:
    processes = [_collecting(seed) for seed in HASH_SEEDS]
    first, second = (
        [line for line in process.communicate()[0].splitlines() if "::" in line]
        for process in processes
    )
    assert [process.returncode for process in processes] == [0, 0]
    assert len(first) > 1000
    assert first == second
