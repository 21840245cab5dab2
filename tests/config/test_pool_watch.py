"""A pool that takes no calls any more does not stop the work for good."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.pool_watch import Unread
from tests.chaos.faults import children
from tests.gateway_process import Gateway, wait_for

#: Seconds.
_PATIENCE = 120.0
#: read(2) among the system calls of Linux
_READ = {"x86_64": "0", "aarch64": "63"}


@pytest.mark.parametrize(
    ("looks", "ends"),
    [
        ([(0, True), (10, True), (19, True)], False),
        ([(0, True), (10, True), (20, True)], True),
        ([(0, True), (15, False), (20, True), (35, True)], False),
        ([(0, False), (100, True)], False),
    ],
)
def test_calls_that_nobody_reads_end_the_worker(
    looks: list[tuple[float, bool]], ends: bool
) -> None:
    ended: list[bool] = []
    moments, found = iter([t for t, unread in looks if unread]), iter([u for _, u in looks])
    watch = Unread(lambda: next(found), lambda: ended.append(True), lambda: next(moments))
    for _ in looks:
        watch.look()
    assert ended == [True] * ends


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    with Gateway(tmp_path / "home", env={"AS2_WORKER_CONCURRENCY": "2"}) as served:
        yield served


def holder(worker: int) -> int | None:
    """The process of the pool that holds the lock: it waits in a read of the pipe (Linux)."""
    for pid in children(worker):
        words = Path(f"/proc/{pid}/syscall").read_text().split()
        if words[0] == _READ[os.uname().machine]:
            return pid
    return None


def test_a_worker_goes_on_after_the_process_with_the_lock_was_killed(gateway: Gateway) -> None:
    worker = gateway.pid("worker")
    wait_for(lambda: holder(worker), _PATIENCE, "a process of the pool that waits for calls")
    victim = holder(worker)
    assert victim is not None
    os.kill(victim, signal.SIGKILL)
    wait_for(lambda: gateway.pid("worker") != worker, _PATIENCE, "another worker")
    wait_for(lambda: holder(gateway.pid("worker")), _PATIENCE, "its pool to wait for calls")
    assert "the pool takes no calls" in gateway.log.read_text()
