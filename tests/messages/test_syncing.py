"""Syncing several descriptors at once: all of them, and no failure is lost."""

import os
from pathlib import Path

import pytest

from messages.syncing import sync_all


def opened(folder: Path, count: int) -> list[int]:
    return [os.open(folder / str(number), os.O_CREAT | os.O_WRONLY) for number in range(count)]


@pytest.mark.parametrize("count", [0, 1, 2, 50])
def test_each_is_synced_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    done: list[int] = []
    monkeypatch.setattr(os, "fsync", done.append)
    descriptors = opened(tmp_path, count)
    sync_all(descriptors)
    assert sorted(done) == sorted(descriptors)
    for each in descriptors:
        os.close(each)


@pytest.mark.parametrize("failing", [0, 1, 4])
def test_a_failure_is_told_after_all_are_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    done: list[int] = []
    descriptors = opened(tmp_path, 5)

    def fail(descriptor: int) -> None:
        done.append(descriptor)
        if descriptor == descriptors[failing]:
            raise OSError(5, "failing disk")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="failing disk"):
        sync_all(descriptors)
    assert len(done) == 5
    for each in descriptors:
        os.close(each)
