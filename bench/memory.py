"""Memory of a gateway's processes, as Linux accounts it."""

from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Peak:
    """The most memory that one process has had resident."""

    name: str
    megabytes: float


def descendants(pid: int) -> list[int]:
    """Return a process and all that it has started, and they."""
    parents: dict[int, list[int]] = {}
    for entry in _PROC.glob("[0-9]*"):
        try:
            stat = (entry / "stat").read_text()
        except OSError:
            continue  # it has ended meanwhile
        parent = int(stat.rpartition(")")[2].split()[1])
        parents.setdefault(parent, []).append(int(entry.name))
    found = [pid]
    for known in found:
        found.extend(parents.get(known, []))
    return found


def peaks(pid: int) -> list[Peak]:
    """Return the peak of each process of a tree, the largest first."""
    found = [peak for each in descendants(pid) if (peak := _peak(each)) is not None]
    return sorted(found, key=lambda peak: -peak.megabytes)


def _peak(pid: int) -> Peak | None:
    try:
        status = (_PROC / str(pid) / "status").read_text()
        command = (_PROC / str(pid) / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return None
    for line in status.splitlines():
        if line.startswith("VmHWM:"):
            return Peak(_role(command), int(line.split()[1]) / 1024)
    return None


def _role(command: list[bytes]) -> str:
    words = b" ".join(command).decode(errors="replace")
    for role in ("gunicorn", "worker", "beat", "serve"):
        if role in words:
            return "web" if role == "gunicorn" else role
    return words[:20]
