"""A gateway's clock, which goes faster than ours and can be set."""

import threading
import time
from pathlib import Path

#: Seconds of a gateway in one of ours: gaps are set in minutes, and a run ends in minutes.
RATE = 60


class Clock:
    """The file that a gateway's clock follows (``config.clock``)."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._since = time.time()
        self._ahead = 0.0
        self._lock = threading.Lock()
        self._write()

    def jump(self, seconds: float) -> None:
        """Set it ahead by so many seconds, or back."""
        with self._lock:
            self._ahead += seconds
            self._write()

    def _write(self) -> None:
        draft = self.file.with_suffix(".draft")
        draft.write_text(f"{self._since} {RATE} {self._ahead}")
        draft.rename(self.file)
