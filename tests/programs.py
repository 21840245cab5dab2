"""Programs that tests start: waited for until they are ready, ended in time, or killed."""

import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self


class ProgramFailed(Exception):
    """A program did not start, or did not stop; the text holds the last of what it printed."""


class Started(ABC):
    """What is there as long as a block lasts."""

    __slots__ = ()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.end()

    @abstractmethod
    def start(self) -> None:
        """Start it, and wait until it is ready."""

    @abstractmethod
    def end(self) -> None:
        """End it, whatever state it is in."""


@dataclass(slots=True)
class Process:
    """One process. What it prints, and what it logs, goes to files that may be the same one."""

    name: str
    command: Sequence[str | Path]
    folder: Path
    env: Mapping[str, str]
    said: Path
    log: Path
    failure: type[ProgramFailed] = ProgramFailed
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self, is_ready: Callable[[], bool], seconds: float) -> None:
        """Start it and wait; it is killed if it does not become ready."""
        with self.said.open("ab") as said, self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self.command],
                cwd=self.folder,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=log,
            )

        def lives_and_is_ready() -> bool:
            self.check()
            return is_ready()

        try:
            wait_for(lives_and_is_ready, seconds, f"{self.name} to be ready")
        except TimeoutError as error:
            raise self.failure(f"{error}\n{self.output()}") from error

    def check(self) -> None:
        """Raise if it does not run."""
        if self._process is None or self._process.poll() is not None:
            raise self.failure(f"{self.name} ended by itself\n{self.output()}")

    def stop(self, number: signal.Signals, seconds: float) -> int:
        """Send it a signal and return its exit code; raises for what has to be killed."""
        process, self._process = self._process, None
        if process is None:
            return 0
        with suppress(ProcessLookupError):
            process.send_signal(number)
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired as error:
            process.kill()
            process.wait()
            raise self.failure(f"{self.name} did not stop\n{self.output()}") from error

    def kill(self) -> bool:
        """Kill it at once; False if it was not there any more."""
        process, self._process = self._process, None
        if process is None:
            return False
        process.kill()
        process.wait()
        return True

    def output(self) -> str:
        """Return the last of what it printed and logged."""
        files = dict.fromkeys([self.said, self.log])
        texts = [path.read_text(errors="replace")[-8000:] for path in files if path.exists()]
        return "\n".join([f"--- {self.name}", *texts])


def wait_for(condition: Callable[[], object], seconds: float, what: str = "it") -> None:
    """Wait until the condition holds; TimeoutError says what was waited for."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:.0f} s for {what}")
        time.sleep(0.05)
