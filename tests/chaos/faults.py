"""Faults: everything that is done to two gateways while they work, at random."""

import os
import random
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.clock import Clock
from tests.chaos.servers import Postgres, Redis
from tests.functional.pair import Pair, Side
from tests.gateway_process import Program

_PROGRAMS: tuple[Program, ...] = ("web", "worker", "beat")
_OWN: tuple[Program, ...] = ("web", "worker")


@dataclass
class Faults:
    """What can be broken, by whom, and how often it was."""

    pair: Pair
    chance: random.Random
    clocks: Sequence[Clock]
    disks: Sequence["Disk"]
    redis: Redis | None = None
    postgres: Postgres | None = None
    done: Counter[str] = field(default_factory=Counter)
    #: a gateway is killed and started as a whole by one thread at a time
    _whole: threading.Lock = field(default_factory=threading.Lock)

    def kill(self) -> None:
        """Kill one process of a gateway: mostly one that serves, now and then one that leads."""
        share = self.chance.random()
        side = self._side()
        if share < 0.004:
            self._crash(side)
        elif share < 0.04:
            program = self.chance.choice(_PROGRAMS)
            self._count("programs killed", _signal(_leader(side, program), signal.SIGKILL))
        else:
            served = self.chance.choice(_OWN)
            pids = children(_leader(side, served))
            self._count("kills", _signal(self._one(pids), signal.SIGKILL))

    def disturb(self) -> None:
        """Do one of the other things."""
        deeds: list[tuple[int, Callable[[], None]]] = [
            (4, self._freeze),
            (2, self._fill_disk),
            (2, self._jump),
        ]
        if self.redis is not None:
            deeds += [(4, self._flush), (1, self._end_redis)]
        if self.postgres is not None:
            deeds += [(1, self._restart_postgres)]
        weights, choices = zip(*deeds, strict=True)
        self.chance.choices(choices, weights)[0]()

    def _side(self) -> Side:
        return self.chance.choice([self.pair.a, self.pair.b])

    def _one(self, pids: list[int]) -> int | None:
        return self.chance.choice(pids) if pids else None

    def _count(self, name: str, done: object = True) -> None:
        self.done[name] += bool(done)

    def _crash(self, side: Side) -> None:
        with self._whole:
            side.gateway.crash()
            time.sleep(self.chance.uniform(0, 1))
            side.gateway.start()
        self._count("crashes")

    def _freeze(self) -> None:
        side = self._side()
        pids = [p for program in _OWN for p in [*children(_leader(side, program))]]
        pid = self._one(pids)
        if _signal(pid, signal.SIGSTOP):
            time.sleep(self.chance.choice([1, 3, 25]))  # the last one is longer than a lease
            _signal(pid, signal.SIGCONT)
            self._count("freezes")

    def _fill_disk(self) -> None:
        disk = self.chance.choice(self.disks)
        with disk.full(self.chance.choice([0, 4096, 20_000, 200_000])):
            time.sleep(self.chance.uniform(1, 4))
        self._count("disks full")

    def _jump(self) -> None:
        """Set a clock ahead or back, for some seconds or until the next jump."""
        clock = self.chance.choice(self.clocks)
        clock.jump(self.chance.choice([-1, 1]) * self.chance.uniform(60, 1200))
        self._count("clock jumps")

    def _flush(self) -> None:
        if self.redis is not None:
            self.redis.forget()
            self._count("Redis emptied")

    def _end_redis(self) -> None:
        if self.redis is not None:
            self.redis.stop(signal.SIGKILL)
            time.sleep(self.chance.uniform(0, 3))
            self.redis.start()
            self._count("Redis killed")

    def _restart_postgres(self) -> None:
        if self.postgres is not None:
            # In order, or as after a crash: it then has to recover.
            self.postgres.stop(self.chance.choice([signal.SIGINT, signal.SIGQUIT]))
            time.sleep(self.chance.uniform(0, 2))
            self.postgres.start()
            self._count("PostgreSQL restarts")


class Disk:
    """The store's disk, which can be made full: a file system in memory with a size.

    Mounting one takes root; else writes to the store are made to fail by a failpoint.
    """

    #: Bytes while it is not full.
    _SIZE = 8 * 1024**3

    def __init__(self, home: Path) -> None:
        self.folder = home / "store"
        self._failpoint = home / "run" / "failpoints" / "fs.write"
        self.mounted = False

    def mount(self) -> None:
        """Give the store a disk of its own, if that is allowed."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.mounted = self._mount("-t", "tmpfs", "-o", f"size={self._SIZE},mode=700", "chaos")

    def unmount(self) -> None:
        """Let go of it, with all that it holds."""
        if self.mounted:
            subprocess.run(["umount", "-l", self.folder], check=False)

    @contextmanager
    def full(self, left: int) -> Iterator[None]:
        """Leave so many bytes free while the block runs."""
        if not self.mounted:
            self._failpoint.parent.mkdir(parents=True, exist_ok=True)
            self._failpoint.touch()
            yield
            return
        facts = os.statvfs(self.folder)
        used = (facts.f_blocks - facts.f_bfree) * facts.f_frsize
        self._mount("-o", f"remount,size={used + left + 4096}")
        try:
            yield
        finally:
            if not self._mount("-o", f"remount,size={self._SIZE}"):
                raise RuntimeError(f"{self.folder} cannot be freed")

    def _mount(self, *options: str) -> bool:
        command = ["mount", *options, str(self.folder)]
        with suppress(FileNotFoundError):
            return subprocess.run(command, capture_output=True, check=False).returncode == 0
        return False


def children(pid: int | None) -> list[int]:
    """Processes that a process has started and that have not ended."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            # The name of the program may hold anything; behind it stand state and parent.
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
            if state != "Z" and int(parent) == pid:
                found.append(int(stat.parent.name))
    return found


def _leader(side: Side, program: Program) -> int | None:
    note = side.gateway.home / "run" / f"{program}.pid"
    with suppress(OSError, ValueError):
        return int(note.read_text())
    return None


def _signal(pid: int | None, number: signal.Signals) -> bool:
    if pid is None:
        return False
    with suppress(ProcessLookupError):
        os.kill(pid, number)
        return True
    return False
