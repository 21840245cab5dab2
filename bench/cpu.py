"""Processor time of a gateway's programs, as Linux accounts it."""

import os
from pathlib import Path

from bench.memory import descendants
from tests.gateway_process import Gateway, Program

_PROGRAMS: tuple[Program, ...] = ("web", "worker", "beat")
_TICKS = os.sysconf("SC_CLK_TCK")


def seconds(gateway: Gateway) -> float:
    """Return what all programs of a gateway have used so far, in seconds."""
    return sum(_used(pid) for name in _PROGRAMS for pid in descendants(gateway.pid(name)))


def _used(pid: int) -> float:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0.0  # it has ended meanwhile
    # 14th and 15th field: user and system time; the name before may hold spaces
    user, system = stat.rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / _TICKS
