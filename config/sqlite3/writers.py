"""Writers take turns: SQLite has one at a time, and whoever waits for it looks again and again.

SQLite's own waiting sleeps ever longer between two looks, up to a tenth of a second, while nobody
writes; whoever happens to look first is next. Here the next writer is woken at once, by the kernel:
threads of one process wait for a lock of theirs, and one of each process for a lock on a file. What
keeps the data whole is still SQLite's lock, which is free for whoever has the turn. Somebody who
has not queued, such as the ``sqlite3`` shell, is waited for as before. The turn of a process that
is killed ends with it.
"""

import fcntl
import os
import threading
from contextlib import suppress
from pathlib import Path

from django.db import OperationalError


class Writers:
    """The queue of those who write to one database."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._descriptor: int | None = None
        self._process = os.getpid()

    def take_turn(self, timeout: float) -> None:
        """Wait for the turn; OperationalError after ``timeout`` seconds behind other threads.

        Behind another process there is no such limit: ``flock`` knows none.
        """
        if not self._lock.acquire(timeout=timeout):
            raise OperationalError("database is locked")
        try:
            fcntl.flock(self._open(), fcntl.LOCK_EX)
        except BaseException:
            self._lock.release()
            raise

    def end_turn(self) -> None:
        """Let the next one write. Does nothing in a child forked meanwhile, which has no turn."""
        if self._process == os.getpid() and self._descriptor is not None:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
            self._lock.release()

    def leave(self) -> None:
        """Close the file in a process that was forked, whose lock would be its parent's."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _open(self) -> int:
        if self._descriptor is None:
            path = self._database.with_name(f"{self._database.name}-writers")
            try:
                self._descriptor = os.open(path, os.O_RDONLY | os.O_CREAT, 0o600)
                self._share(self._descriptor)
            except OSError as error:
                raise OperationalError(f"unable to open {path}: {error}") from error
        return self._descriptor

    def _share(self, descriptor: int) -> None:
        """Let the database's owner lock a file that root has made, as SQLite does with its own."""
        if os.geteuid() == 0:
            with suppress(OSError):  # such as where there is no database yet
                owner = self._database.stat()
                os.fchown(descriptor, owner.st_uid, owner.st_gid)


_queues: dict[Path, Writers] = {}


def writers_of(database: Path) -> Writers:
    """The queue of a database: in each process there is one."""
    queue = _queues.get(database)
    if queue is None:
        queue = _queues.setdefault(database, Writers(database))
    return queue


def _forget() -> None:
    for queue in _queues.values():
        queue.leave()
    _queues.clear()


os.register_at_fork(after_in_child=_forget)
