"""One run: two gateways exchange documents while everything around them breaks."""

import random
import shutil
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from tests import services
from tests.chaos import checks
from tests.chaos.clock import RATE, Clock
from tests.chaos.faults import Disk, Faults
from tests.chaos.ledger import Ledger, collect, make, repeat
from tests.chaos.proxy import Proxy
from tests.chaos.servers import Postgres, Redis
from tests.functional.pair import Pair, Relation, Side, apply, connection, records_of
from tests.functional.permutations import ASYNC, USUAL
from tests.gateway_process import Gateway

#: Documents under way at one time.
_AHEAD = 60
#: Seconds without any arrival after which the faults end, and until all has to be quiet then.
_STANDSTILL = 240.0
_QUIET = 600.0
#: Seconds of a gateway's clock between its settings and the first fault.
_SETTLED = 2 * 3600.0
#: Seconds of nothing after which the clocks are set ahead, and by how many seconds of theirs.
_SILENCE, _HELP = 12.0, 3600.0

#: Minutes are seconds here (``clock.RATE``); a partner that is away a hundred times is not lost.
_SETTINGS: Mapping[str, object] = {
    "first_gap_minutes": 1,
    "max_attempts": 100,
    "mdn_wait_minutes": 10,
    "parallel": 32,
    "connect_timeout": 5,
    "response_timeout": 15,
}
_ENV = {
    "DEBUG": "1",
    "AS2_FAILPOINTS": "fs.write=enospc:file",
    "AS2_WEB_WORKERS": "2",
    "AS2_WORKER_CONCURRENCY": "2",
    "AS2_SEND_LEASE": str(20 * RATE),
    "AS2_READ_TIMEOUT": "10",
    # Writes are to fail in their middle, too.
    "AS2_MIN_FREE_SPACE": "1",
    "AS2_LOG_LEVEL": "WARNING",
}


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be run."""

    messages: int
    seed: int
    embedded: bool = False
    #: seconds between two kills, and between two other faults, on average
    kill_every: float = 0.5
    disturb_every: float = 2.0
    #: after which no more documents are given to be sent
    minutes: float = 24 * 60
    folder: Path | None = None


@dataclass
class Result:
    """What came of it."""

    figures: str = ""
    differences: list[str] = field(default_factory=list)
    folder: Path = Path()


def run(plan: Plan) -> Result:
    """Run the plan; the folder with homes and ledger is kept only if there are differences."""
    folder = plan.folder or Path(tempfile.mkdtemp(prefix="as2-chaos-"))
    result = Result(folder=folder)
    with ExitStack() as stack:
        ledger = Ledger(folder / "ledger")
        stack.callback(ledger.close)
        world = stack.enter_context(_world(folder, plan))
        began = time.monotonic()
        _exchange(world, ledger, plan)
        calm = time.monotonic()
        _settle(world, ledger)
        result.differences = [*world.errors, *checks.differences(world.pair, ledger)]
        result.figures = _figures(world, ledger, plan, (calm - began, time.monotonic() - calm))
        if result.differences:
            _keep(world, folder)
    if not result.differences and plan.folder is None:
        shutil.rmtree(folder)
    return result


@dataclass
class World:
    """Everything that takes part."""

    pair: Pair
    faults: Faults
    proxies: list[Proxy]
    #: what went wrong with the run itself
    errors: list[str] = field(default_factory=list)
    helped_at: float = 0.0

    def help_time(self) -> None:
        """Let what has failed often, and waits for hours, be due soon."""
        self.helped_at = time.monotonic()
        for clock in self.faults.clocks:
            clock.jump(_HELP)


def _exchange(world: World, ledger: Ledger, plan: Plan) -> None:
    """Give and take documents while faults happen, until all have arrived or none does."""
    # The gateways may have taken minutes to start.
    began = ledger.last_arrival = time.monotonic()
    end, chance = threading.Event(), random.Random(plan.seed)
    faulty, errors = threading.Event(), world.errors
    threads = [
        _thread(lambda: collect(world.pair, ledger), 0.2, end, errors),
        _thread(world.faults.kill, plan.kill_every, faulty, errors),
        _thread(world.faults.disturb, plan.disturb_every, faulty, errors),
    ]
    try:
        for document in make(world.pair, plan.messages, [USUAL.name, ASYNC.name], chance):
            if time.monotonic() - began > plan.minutes * 60 or not _moves(world, ledger):
                break
            ledger.note_sent(document)
            while len(ledger.missing) > _AHEAD and _moves(world, ledger):
                time.sleep(0.1)
        while ledger.missing and _moves(world, ledger):
            time.sleep(0.2)
    finally:
        faulty.set()
        for thread in threads[1:]:
            thread.join()
        end.set()
        threads[0].join()


def _moves(world: World, ledger: Ledger) -> bool:
    """Whether anything has arrived lately; if it has not for some seconds, time is helped on."""
    silence = time.monotonic() - max(ledger.last_arrival, world.helped_at)
    if silence > _SILENCE:
        world.help_time()
    return time.monotonic() - ledger.last_arrival < _STANDSTILL


def _thread(
    work: Callable[[], object], seconds: float, end: threading.Event, errors: list[str]
) -> threading.Thread:
    def guarded() -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001  told at the end, whatever it is
            errors.append(f"the run itself failed: {type(error).__name__}: {error}")

    thread = threading.Thread(target=repeat, args=(guarded, seconds, end), daemon=True)
    thread.start()
    return thread


def _settle(world: World, ledger: Ledger) -> None:
    """Heal everything, and wait until nothing is left to do."""
    for proxy in world.proxies:
        proxy.calm.set()
    for side in (world.pair.a, world.pair.b):
        side.gateway.crash()
        side.gateway.start()
    deadline = time.monotonic() + _QUIET
    while time.monotonic() < deadline:
        collect(world.pair, ledger)
        with suppress(psycopg.OperationalError):
            if not ledger.missing and not checks.open_work(world.pair):
                return
        if time.monotonic() - world.helped_at > _SILENCE:
            world.help_time()
        time.sleep(1)


def _keep(world: World, folder: Path) -> None:
    """Copy what would go with the disks in memory and the database server."""
    for side, disk in zip((world.pair.a, world.pair.b), world.faults.disks, strict=True):
        side.gateway.crash()
        if disk.mounted:
            shutil.copytree(disk.folder, folder / f"{side.letter}-store", dirs_exist_ok=True)
        for table in ("message", "mdn", "delivery", "attempt"):
            rows = side.records.rows(f"SELECT * FROM as2_messages_{table} ORDER BY id")
            text = "\n".join(map(str, rows))
            (folder / f"{side.letter}-{table}.txt").write_text(text)


def _figures(world: World, ledger: Ledger, plan: Plan, seconds: tuple[float, float]) -> str:
    octets = sum(document.size for document in ledger.sent.values())
    repeated = _repetitions(world)
    sent, arrived = len(ledger.sent), sum(map(bool, map(ledger.times, ledger.sent.values())))
    doubled = sum(ledger.times(document) > 1 for document in ledger.sent.values())
    tricks = sum((proxy.done for proxy in world.proxies), start=Counter[str]())
    passed = tricks.pop("passed", 0)
    parts = [
        f"seed {plan.seed}, {'SQLite' if plan.embedded else 'PostgreSQL and Redis'}",
        f"{sent} messages of {octets / 1e6:.0f} MB in {seconds[0]:.0f} s + {seconds[1]:.0f} s",
        f"{sent - arrived} lost, {doubled} doubled",
        _listed(world.faults.done),
        f"{passed} requests passed, {_listed(tricks)}",
        f"{repeated} duplicates recognised",
        "disks by tmpfs" if all(d.mounted for d in world.faults.disks) else "disks by failpoint",
    ]
    return "; ".join(parts)


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {what}" for what, count in sorted(counts.items()))


def _repetitions(world: World) -> int:
    query = "SELECT count(*) AS n FROM audit_auditevent WHERE tag = 'message:inbound:duplicate'"
    return sum(side.records.rows(query)[0]["n"] for side in (world.pair.a, world.pair.b))


@dataclass(frozen=True, slots=True)
class _Place:
    """A gateway that is not started yet, with what stands around it."""

    side: Side
    clock: Clock
    disk: Disk
    proxy: Proxy

    @classmethod
    def within(cls, stack: ExitStack, home: Path, env: Mapping[str, str], seed: int) -> "_Place":
        """Make one in a folder; the stack ends it."""
        home.mkdir(mode=0o700)
        disk = Disk(home)
        stack.callback(disk.unmount)
        disk.mount()
        clock = Clock(home.with_name(f"{home.name}-clock"))
        port = services.free_port()
        proxy = stack.enter_context(Proxy(port, random.Random(seed)))
        own = {
            "AS2_CLOCK_FILE": str(clock.file),
            "AS2_BASE_URL": f"http://127.0.0.1:{proxy.port}",
        }
        gateway = Gateway(home, port, {**_ENV, **env, **own})
        stack.callback(gateway.crash)
        return cls(Side(home.name.upper(), gateway, records_of(gateway)), clock, disk, proxy)


@contextmanager
def _world(folder: Path, plan: Plan) -> Iterator[World]:
    with ExitStack() as stack:
        postgres = redis = None
        envs: list[dict[str, str]] = [{}, {}]
        if not plan.embedded:
            postgres, redis = stack.enter_context(Postgres()), stack.enter_context(Redis())
            envs = [
                {"DATABASE_URL": services.create_database(postgres.url), "REDIS_URL": redis.url(n)}
                for n in range(2)
            ]
        a, b = (
            _Place.within(stack, folder / letter, env, plan.seed + number)
            for number, (letter, env) in enumerate(zip("ab", envs, strict=True))
        )
        _introduce(a.side, b.side, b.proxy)
        _introduce(b.side, a.side, a.proxy)
        for place in (a, b):
            # Keys are used from when they were set up: no clock is set back to before that.
            place.clock.jump(_SETTLED)
        pair, chance = Pair(a.side, b.side), random.Random(plan.seed)
        broken = Faults(pair, chance, [a.clock, b.clock], [a.disk, b.disk], redis, postgres)
        yield World(pair, broken, [a.proxy, b.proxy])


def _introduce(side: Side, other: Side, proxy: Proxy) -> None:
    """Start a gateway, and tell it of the other one, which it reaches by a proxy."""
    side.gateway.start()
    relations: list[Relation] = [USUAL.relation, ASYNC.relation]
    url = f"http://127.0.0.1:{proxy.port}/as2"
    connections = [
        connection(side.as2_id(r.name), other.as2_id(r.name), url, {**r.settings, **_SETTINGS})
        for r in relations
    ]
    names = [side.as2_id(relation.name) for relation in relations]
    apply(side.gateway, names, side.identity, connections, other.identity)
