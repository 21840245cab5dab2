"""Syncing several descriptors at once: all of them, and no failure is lost."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from messages.syncing import STEP, Ahead, sync_all


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


@pytest.fixture
def descriptor(tmp_path: Path) -> Iterator[int]:
    (opened_one,) = opened(tmp_path, 1)
    yield opened_one
    os.close(opened_one)


class Disk:
    """A disk whose syncs last until they are let go, and then may fail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun: list[int] = []
        self.go = threading.Event()
        self.fails = False
        monkeypatch.setattr(os, "fdatasync", self._sync)

    def _sync(self, descriptor: int) -> None:
        self.begun.append(descriptor)
        assert self.go.wait(20)
        if self.fails:
            raise OSError(5, "failing disk")


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


def test_a_large_file_is_synced_while_it_is_written_once_at_a_time(
    descriptor: int, disk: Disk
) -> None:
    ahead = Ahead(descriptor)
    ahead.written(STEP - 1)
    ahead.finish()
    assert disk.begun == []
    for size in (STEP, 3 * STEP, 9 * STEP):
        ahead.written(size)
    disk.go.set()
    ahead.finish()
    assert disk.begun == [descriptor]
    ahead.written(9 * STEP)
    ahead.finish()
    assert disk.begun == [descriptor] * 2


@pytest.mark.parametrize("told", ["the next octets", "the end"])
def test_a_sync_that_failed_is_told_of(descriptor: int, disk: Disk, told: str) -> None:
    disk.fails = True
    ahead = Ahead(descriptor)
    ahead.written(STEP)
    disk.go.set()
    ahead.wait()
    with pytest.raises(OSError, match="failing disk"):
        ahead.written(2 * STEP) if told == "the next octets" else ahead.finish()
