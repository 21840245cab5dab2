"""Failpoints: places where a test stops, kills or breaks the process, to see what a crash does.

``AS2_FAILPOINTS="tx.posted=kill:3;fs.fsync=eio:0.01"`` reads: the third time ``tx.posted`` is
passed, kill the process; one time in a hundred, let ``fs.fsync`` fail. The process that replaces a
killed one counts from the beginning; so ``tx.posted=kill:file`` kills whoever passes while there is
a file ``tx.posted`` in ``AS2_HOME/run/failpoints``, and takes that file away.

They are always compiled in, so that what is tested is what runs; without DEBUG a
process that is given some refuses to start.
"""

import errno
import os
import random
import signal
import time
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Self

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

VARIABLE = "AS2_FAILPOINTS"

#: What stands for a number where a file decides.
_BY_FILE = "file"

#: Seconds of a ``hang``: longer than any lease.
_HANG = 3600.0


class Action(StrEnum):
    """What happens at a failpoint."""

    KILL = "kill"
    STOP = "stop"
    HANG = "hang"
    EIO = "eio"
    ENOSPC = "enospc"


class Failpoint:
    """One armed place: what happens there, and at which time of passing or how often."""

    def __init__(self, action: Action, when: float, file: Path | None = None) -> None:
        self.action = action
        self.when = when
        self.file = file
        self.passed = 0

    @classmethod
    def parse(cls, name: str, text: str) -> Self:
        """Read ``action``, ``action:nth``, ``action:probability`` or ``action:file``.

        Raises ValueError for others.
        """
        action, _, when = text.partition(":")
        if when == _BY_FILE:
            return cls(Action(action), 1, folder() / name)
        number = float(when or 1)
        if number <= 0:
            raise ValueError(f"failpoint {text!r} would never be hit")
        return cls(Action(action), number)

    def is_hit(self) -> bool:
        """Count one passing; whether it is the one."""
        if self.file is not None:
            return _taken(self.file)
        self.passed += 1
        if self.when < 1:
            return random.random() < self.when  # noqa: S311  chance, not secrecy
        return self.passed == self.when


def folder() -> Path:
    """Where the files lie that failpoints with ``file`` wait for."""
    return Path(settings.AS2_HOME) / "run" / "failpoints"


def _taken(file: Path) -> bool:
    # Of two processes that pass at once only one can remove it.
    try:
        file.unlink()
    except FileNotFoundError:
        return False
    return True


def _signal(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)


_DEEDS: Mapping[Action, Callable[[], None]] = {
    Action.KILL: lambda: _signal(signal.SIGKILL),
    Action.STOP: lambda: _signal(signal.SIGSTOP),
    Action.HANG: lambda: time.sleep(_HANG),
}
_ERRORS: Mapping[Action, int] = {Action.EIO: errno.EIO, Action.ENOSPC: errno.ENOSPC}

_armed: dict[str, Failpoint] = {}


def arm(text: str) -> None:
    """Replace the armed failpoints by those of ``text``; empty disarms.

    Raises ImproperlyConfigured where failpoints are not allowed, or for text that cannot be read.
    """
    if text and not settings.DEBUG:
        raise ImproperlyConfigured(
            f"{VARIABLE} is set, which breaks this process on purpose: unset it. "
            "It is accepted only together with DEBUG, on a machine that is for tests."
        )
    try:
        items = [item.partition("=") for item in text.split(";") if item]
        parts = [(name.strip(), what.strip()) for name, _, what in items]
        points = {name: Failpoint.parse(name, what) for name, what in parts}
    except ValueError as error:
        raise ImproperlyConfigured(f"{VARIABLE} cannot be read: {error}") from error
    _armed.clear()
    _armed.update(points)


def hit(name: str) -> None:
    """Pass the failpoint of that name: nothing happens unless it is armed. May raise OSError."""
    point = _armed.get(name)
    if point is None or not point.is_hit():
        return
    if point.action in _ERRORS:
        raise OSError(_ERRORS[point.action], f"failpoint {name}")
    _DEEDS[point.action]()
