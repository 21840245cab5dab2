"""Figures: what was measured, printed as it comes and written to a file for other programs."""

import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from os import cpu_count, getloadavg
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table."""

    name: str
    value: float
    unit: str
    #: times another figure of the same run, which ``to`` names
    ratio: float | None = None
    to: str = ""
    goal: str = ""
    note: str = ""

    def __str__(self) -> str:
        ratio = f"{self.ratio:6.2f} x {self.to}" if self.ratio is not None else ""
        goal = f"goal {self.goal}" if self.goal else ""
        value = f"{self.value:9.2f}" if self.value < 100 else f"{self.value:9.0f}"  # noqa: PLR2004  three digits say enough
        words = "   ".join(word for word in (ratio, goal, self.note) if word)
        return f"{self.name:<44}{value} {self.unit:<6} {words}".rstrip()


@dataclass(slots=True)
class Report:
    """All figures of one run, and what was left out of it."""

    figures: list[Figure] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    started: datetime = field(default_factory=lambda: datetime.now(UTC))

    def begin(self) -> None:
        """Say where and when; a busy machine makes every figure worse, ratios less so."""
        print(f"{self._machine()}, load {getloadavg()[0]:.1f}, {self.started:%Y-%m-%d %H:%M} UTC")

    def title(self, words: str) -> None:
        """Begin a part of the table."""
        print(f"\n{words}", flush=True)

    def add(self, figure: Figure) -> Figure:
        """Print a figure and keep it."""
        print(f"  {figure}", flush=True)
        self.figures.append(figure)
        return figure

    def leave_out(self, what: str, why: str) -> None:
        """Say that something was not measured."""
        print(f"  LEFT OUT: {what}: {why}", flush=True)
        self.left_out.append(f"{what}: {why}")

    def save(self, path: Path) -> None:
        """Write everything as JSON."""
        path.write_text(json.dumps(self._plain(), indent=1) + "\n")

    def _plain(self) -> Mapping[str, object]:
        return {
            "machine": self._machine(),
            "started": self.started.isoformat(timespec="seconds"),
            "load": getloadavg()[0],
            "figures": [asdict(figure) for figure in self.figures],
            "left_out": self.left_out,
        }

    def _machine(self) -> str:
        return f"{platform.machine()}, {cpu_count()} cores, Python {platform.python_version()}"
