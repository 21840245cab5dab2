"""Other people's AS2 products as processes, each behind the contract of ``peers/README.md``.

    install(Product.OPENAS2)
    with Peer(Product.OPENAS2, tmp_path / "peer", ends, [Relation("US", url)]) as peer:
        peer.drop("US", "order.x12", b"...")
        peer.events()

``bench`` starts a peer the same way.
"""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from tests import services
from tests.programs import Process, ProgramFailed, Started

PEERS = Path(__file__).resolve().parent / "peers"

#: What each peer is called in AS2, whoever it is.
PEER = "PEER"

# Seconds. Two of them are JVMs, and the machine may run other tests at the same time.
_INSTALL_TIMEOUT = 900.0
_START_TIMEOUT = 180.0
_STOP_TIMEOUT = 20.0

Event = dict[str, Any]


class Product(StrEnum):
    """The products that stand under ``peers/``; the value is the folder's name."""

    OPENAS2 = "openas2"
    AS2_LIB = "as2-lib"
    DJANGO_PYAS2 = "django-pyas2"

    @property
    def folder(self) -> Path:
        """Where its starter lies."""
        return PEERS / self.value

    @property
    def programs(self) -> Sequence[str]:
        """What must be installed for it."""
        return () if self is Product.DJANGO_PYAS2 else ("java", "javac", "mvn", "openssl")


class PeerFailed(ProgramFailed):
    """A product did not start or did not stop; the text holds what it printed."""


@dataclass(frozen=True, slots=True)
class Relation:
    """One partner as the product is told of it; the words are those of ``manage.py apply``."""

    as2_id: str
    url: str
    sign: str = "sha-256"
    encrypt: str = "aes-128-cbc"
    #: ``none``, ``before`` or ``after``: signing
    compress: str = "none"
    mdn: str = "sync"
    mdn_signed: bool = True


@dataclass(frozen=True, slots=True)
class Ends:
    """Files in PEM: the product's key and certificate, and its partners' one certificate."""

    key: Path
    certificate: Path
    partner: Path


@dataclass(slots=True)
class Peer(Started):
    """A product in folder ``home``; ``options`` are further keys of its configuration."""

    product: Product
    home: Path
    ends: Ends
    relations: Sequence[Relation]
    options: Mapping[str, object] = field(default_factory=dict)
    port: int = field(default_factory=services.free_port)
    mdn_port: int = field(default_factory=services.free_port)
    _process: Process = field(init=False)

    def __post_init__(self) -> None:
        starter = [self.product.folder / "run", self.home / "config.json"]
        said, log = self.home / "run.out", self.home / "run.err"
        env = _environment()
        self._process = Process(self.product, starter, self.home, env, said, log, PeerFailed)

    @property
    def url(self) -> str:
        """Where it takes messages."""
        return f"http://127.0.0.1:{self.port}/as2"

    def start(self) -> None:
        """Start it and wait until it listens; raises PeerFailed if it does not."""
        self.home.mkdir(parents=True, exist_ok=True)
        settings = self.home / "config.json"
        settings.write_text(json.dumps(self._settings(), indent=1))
        self._process.said.write_bytes(b"")  # nothing that an earlier start has said
        try:
            self._process.start(self._is_ready, _START_TIMEOUT)
        except PeerFailed:
            self.end()
            raise

    def end(self) -> None:
        """Stop it, and kill it if it does not stop."""
        with suppress(PeerFailed):
            self._process.stop(signal.SIGTERM, _STOP_TIMEOUT)

    def check(self) -> None:
        """Raise PeerFailed if it has ended by itself."""
        self._process.check()

    def drop(self, as2_id: str, filename: str, payload: bytes) -> None:
        """Give it a document for one of its partners: written aside, then renamed."""
        draft = self.home / f"{filename}.draft"
        draft.write_bytes(payload)
        draft.rename(self.home / "outbox" / as2_id / filename)

    def events(self, message_id: str = "", kind: str = "") -> list[Event]:
        """Return what it has judged so far, the oldest first."""
        wanted = {"message_id": message_id, "event": kind}
        given = {name: value for name, value in wanted.items() if value}
        return [event for event in self._events() if given.items() <= event.items()]

    def received(self, event: Event) -> bytes:
        """Return the payload that it has written down with an event ``received``."""
        file: str = event["file"]
        return (self.home / file).read_bytes()

    def output(self) -> str:
        """Return the last of what it printed."""
        return self._process.output()

    def _is_ready(self) -> bool:
        return "ready" in self._process.said.read_text(errors="replace").splitlines()

    def _events(self) -> Iterator[Event]:
        path = self.home / "events.jsonl"
        # The last line may be in the middle of being written.
        lines = path.read_text().split("\n")[:-1] if path.exists() else []
        yield from map(json.loads, lines)

    def _settings(self) -> Mapping[str, object]:
        own = {"as2_id": PEER, "key": str(self.ends.key), "certificate": str(self.ends.certificate)}
        return {
            "home": str(self.home),
            "port": self.port,
            "mdn_port": self.mdn_port,
            "own": own,
            "partner": {"certificate": str(self.ends.partner)},
            "relations": [asdict(relation) for relation in self.relations],
            # The one type that none of them rewrites.
            "content_type": "application/octet-stream",
            **self.options,
        }


def install(product: Product) -> None:
    """Resolve the product and its libraries, once, whoever else is about to.

    Raises ComponentMissing if a program for it is not there, or its packages cannot be had.
    """
    for program in product.programs:
        if shutil.which(program) is None:
            raise services.ComponentMissing(f"{program}, which {product} needs, is not installed")
    with _alone(product):
        done = subprocess.run(
            [product.folder / "install"],
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_INSTALL_TIMEOUT,
            check=False,
        )
    if done.returncode:
        told = done.stdout.decode(errors="replace")[-2000:]
        raise services.ComponentMissing(f"the packages of {product} do not resolve:\n{told}")


def _environment() -> Mapping[str, str]:
    # Their scripts ask for "python3": it is the one that runs this, and has pip.
    ours = Path(sys.executable).parent
    return {**os.environ, "PATH": f"{ours}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}


@contextmanager
def _alone(product: Product) -> Iterator[None]:
    """Hold back every other process that installs the same product."""
    locks = PEERS / ".deps"
    locks.mkdir(exist_ok=True)
    with (locks / f"{product}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
