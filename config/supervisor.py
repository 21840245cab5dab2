"""Keeping a few programs running as one: the web server, the worker and beat under ``serve``.

Each program leads a process group of its own. So Ctrl-C reaches only the supervisor, which then
stops everything once and in order; and when a program dies, what it left behind can be ended.
"""

import logging
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Final

from config.processes import die_with_parent

logger = logging.getLogger(__name__)

STOP_SIGNALS: Final = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
WATCHED: Final = STOP_SIGNALS | {signal.SIGCHLD}

# Seconds: a program that ran this long was well, and its next restart is quick again.
SETTLED: Final = 60.0


@dataclass(frozen=True, slots=True)
class Program:
    """A program to keep running.

    One with a pulse touches that file again and again while it is well (``config.pulse``).
    """

    name: str
    command: Sequence[str]
    pulse: Path | None = None


@dataclass(frozen=True, slots=True)
class Pace:
    """Times in seconds: the first and the longest gap before a restart, the time to stop in.

    Last, how long a program may be without a pulse; being started counts as one.
    """

    first_gap: float = 0.5
    longest_gap: float = 30.0
    grace: float = 25.0
    longest_silence: float = 180.0


@dataclass(slots=True)
class Child:
    """A program as it runs, or waits to be started again."""

    program: Program
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    start_at: float = 0.0
    failures: int = 0
    #: the pulse that was seen last, and when it had just changed, by the monotonic clock
    pulse: int = 0
    heard_at: float = 0.0


@dataclass(slots=True)
class Supervisor:
    """Runs programs until asked to stop, and starts again those that die."""

    programs: Sequence[Program]
    run_dir: Path
    pace: Pace = field(default_factory=Pace)
    on_start: Callable[[], None] = lambda: None
    _children: list[Child] = field(default_factory=list)

    def run(self) -> int:
        """Return 0 when every program ended in time after TERM, INT or HUP; 1 otherwise."""
        self._children = [Child(program) for program in self.programs]
        # Signals are taken by sigtimedwait alone. SIGCHLD must have a handler to be queued.
        before = signal.signal(signal.SIGCHLD, _nothing)
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)
        try:
            self._start_due()
            self.on_start()
            self._watch()
            return self._stop()
        finally:
            self._kill_all()
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            signal.signal(signal.SIGCHLD, before)

    def _watch(self) -> None:
        while True:
            waiting = [child.start_at for child in self._children if child.process is None]
            due = min(waiting, default=float("inf")) - time.monotonic()
            timeout = min(max(0.0, due), self.pace.longest_gap)
            received = signal.sigtimedwait(WATCHED, timeout)
            if received and received.si_signo in STOP_SIGNALS:
                logger.info("Asked to stop by %s.", signal.Signals(received.si_signo).name)
                return
            self._end_hung()
            self._bury()
            self._start_due()

    def _end_hung(self) -> None:
        """Kill whoever lives and has no pulse: what hangs in silence never ends by itself."""
        now = time.monotonic()
        for child in self._children:
            if child.program.pulse is None or child.process is None:
                continue
            pulse = _changed_at(child.program.pulse)
            if pulse != child.pulse:
                child.pulse, child.heard_at = pulse, now
            elif now - max(child.heard_at, child.started_at) > self.pace.longest_silence:
                logger.error("%s shows no sign of life and is killed.", child.program.name)
                child.process.kill()
                child.process.wait()

    def _bury(self) -> None:
        """Notice children that ended, and plan when to start them again."""
        for child in self._children:
            if child.process is None or child.process.poll() is None:
                continue
            now = time.monotonic()
            status = child.process.returncode
            self._end_group(child)
            child.failures = 0 if now - child.started_at > SETTLED else child.failures
            gap = min(self.pace.first_gap * 2**child.failures, self.pace.longest_gap)
            child.failures += 1
            child.start_at = now + gap
            logger.error(
                "%s ended with status %s; starting it again in %.2f s.",
                child.program.name,
                status,
                gap,
            )

    def _start_due(self) -> None:
        for child in self._children:
            if child.process is None and child.start_at <= time.monotonic():
                self._start(child)

    def _start(self, child: Child) -> None:
        parent = os.getpid()

        def prepare() -> None:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, WATCHED)
            # TERM, so that web and worker stop their own children, too.
            die_with_parent(signal.SIGTERM, parent)

        child.process = subprocess.Popen(  # noqa: S603 - our own programs
            child.program.command,
            stdin=subprocess.DEVNULL,
            process_group=0,
            preexec_fn=prepare,  # noqa: PLW1509 - this process has a single thread
        )
        child.started_at = time.monotonic()
        self._pid_file(child).write_text(f"{child.process.pid}\n")

    def _stop(self) -> int:
        """Ask all to end; whoever has not by the deadline, or at a second signal, is killed."""
        for child in self._children:
            if child.process is not None:
                child.process.terminate()
        deadline = time.monotonic() + self.pace.grace
        while self._running() and (left := deadline - time.monotonic()) > 0:
            received = signal.sigtimedwait(WATCHED, left)
            if received and received.si_signo in STOP_SIGNALS:
                break
        late = self._running()
        for child in late:
            logger.warning("%s did not end in time and is killed.", child.program.name)
        return 1 if late else 0

    def _running(self) -> list[Child]:
        return [child for child in self._children if child.process and child.process.poll() is None]

    def _kill_all(self) -> None:
        for child in self._children:
            self._end_group(child)

    def _end_group(self, child: Child) -> None:
        """End a child for good, with all that it started."""
        if child.process is None:
            return
        with suppress(ProcessLookupError):  # the group ended with its leader
            os.killpg(child.process.pid, signal.SIGKILL)
        child.process.wait()
        child.process = None
        self._pid_file(child).unlink(missing_ok=True)

    def _pid_file(self, child: Child) -> Path:
        return self.run_dir / f"{child.program.name}.pid"


def _changed_at(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def _nothing(_number: int, _frame: FrameType | None) -> None:
    """Stand as a handler, so that the kernel queues the signal."""
