"""Syncing several files and folders at once: the disk is waited for once, not once for each.

Where their order does not matter, a file system writes them by one commit of its journal; one by
one they cost a commit each. Threads do it, since a sync holds no lock of Python's. So a large file
can go to the disk while it is still being written, and there is little to wait for at its end.
"""

import functools
import os
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Final

#: A thread waits and does nothing else; as many as there are requests at work, several times over.
_THREADS = 32
#: Bytes of a file that are synced while more are written: each sync costs the disk a journal entry.
STEP: Final = 16 * 1024 * 1024


def sync_all(descriptors: Sequence[int]) -> None:
    """Make files and folders durable. Raises OSError when all are done and one has failed."""
    if not descriptors:
        return
    first, *others = descriptors
    # Looked up for each call: the process may have been forked since.
    pool = _pool(os.getpid()) if others else None
    futures = [pool.submit(os.fsync, each) for each in others] if pool else []
    try:
        os.fsync(first)
    finally:
        # Nobody may close a descriptor that is being synced.
        wait(futures)
    for future in futures:
        future.result()


def sync_directory(directory: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Ahead:
    """Syncs a file from time to time while it is being written, one sync at once.

    Its descriptor may be closed only after ``finish``, or by ``wait``.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._begun = 0
        self._running: Future[None] | None = None

    def written(self, size: int) -> None:
        """Note how many bytes have been written. Raises OSError if the last sync has failed."""
        if size - self._begun < STEP or (self._running and not self._running.done()):
            return
        self.finish()
        self._begun = size
        self._running = _pool(os.getpid()).submit(os.fdatasync, self._descriptor)

    def finish(self) -> None:
        """Wait for what is running. Raises OSError: a kernel tells of a failure only once."""
        running, self._running = self._running, None
        if running is not None:
            running.result()

    def wait(self) -> None:
        """Wait for what is running, whatever comes of it."""
        if self._running is not None:
            wait([self._running])


@functools.lru_cache(maxsize=1)
def _pool(_process: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_THREADS, thread_name_prefix="sync")
