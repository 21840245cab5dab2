"""Syncing several files and folders at once: the disk is waited for once, not once for each.

Where their order does not matter, a file system writes them by one commit of its journal; one by
one they cost a commit each. Threads do it, since a sync holds no lock of Python's.
"""

import functools
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait

#: A thread waits and does nothing else; as many as there are requests at work, several times over.
_THREADS = 32


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


@functools.lru_cache(maxsize=1)
def _pool(_process: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_THREADS, thread_name_prefix="sync")
