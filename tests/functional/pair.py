"""Two gateways that are each other's partner.

Each relation is a connection on both sides, with the same settings: ``A-<name>`` of the one gateway
and ``B-<name>`` of the other. So two gateways, started once, serve a whole file of tests.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests import factories
from tests.factories import Identity
from tests.functional.records import Records, Row
from tests.gateway_process import Gateway, wait_for

Settings = Mapping[str, object]

#: Seconds for anything to happen, on a machine that runs other tests as well.
PATIENCE = 90.0

#: Settings of every connection here; a test that is slow must not look like a partner who is.
_COMMON: Settings = {"environment": "test", "first_gap_minutes": 60, "max_attempts": 100}


@dataclass(frozen=True, slots=True)
class Relation:
    """One way in which the two sides exchange messages."""

    name: str
    settings: Settings = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two gateways."""

    letter: str
    gateway: Gateway
    records: Records

    @property
    def identity(self) -> Identity:
        """The key that it signs and decrypts with, in all relations."""
        return factories.identity(self.letter)

    def as2_id(self, relation: str) -> str:
        """What it is called in a relation."""
        return f"{self.letter}-{relation}"

    def outbox(self, relation: str) -> Path:
        """The folder whose files go to the other side; the gateway may not have made it yet."""
        folder = self.gateway.outbox / self.as2_id(relation) / self._other(relation)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def inbox(self, relation: str) -> Path:
        """The folder where what the other side has sent is handed over."""
        return self.gateway.inbox / self.as2_id(relation) / self._other(relation)

    def drop(self, relation: str, filename: str, payload: bytes) -> None:
        """Give it a document to send, in the way that is safe: written aside, then renamed."""
        folder = self.outbox(relation)
        draft = folder / f"{filename}.tmp"
        draft.write_bytes(payload)
        draft.rename(folder / filename)

    def handed_over(self, relation: str, filename: str) -> list[bytes]:
        """What the business side finds of a document: one file for each time it came."""
        stem, _, suffix = filename.rpartition(".")
        files = self.inbox(relation).glob(f"{stem}-????????.{suffix}")
        return [path.read_bytes() for path in files]

    def stored(self, key: str) -> bytes:
        """A file of its store."""
        return (self.gateway.home / "store" / key).read_bytes()

    def _other(self, relation: str) -> str:
        return f"{'B' if self.letter == 'A' else 'A'}-{relation}"


@dataclass(frozen=True, slots=True)
class Pair:
    """Both of them."""

    a: Side
    b: Side

    def ends(self, direction: str) -> tuple[Side, Side]:
        """Sender and receiver of ``a to b`` or ``b to a``."""
        return (self.a, self.b) if direction == "a to b" else (self.b, self.a)

    def wait_for(self, condition: Callable[[], object], what: str) -> None:
        """Wait until it holds; what the gateways say is in the error if it never does."""
        try:
            wait_for(condition, PATIENCE, what)
        except TimeoutError as error:
            raise AssertionError(f"{error}\n{self._story()}") from error

    def wait_until_sent(self, sender: Side, filename: str) -> Row:
        """Wait until nothing is to be done any more for a document; its message."""
        ends = ("delivered", "failed")
        rows = sender.records
        self.wait_for(
            lambda: any(m["state"] in ends for m in rows.messages(filename, "outbound")),
            f"{filename} to be settled",
        )
        return rows.message(filename, "outbound")

    def wait_until_handed_over(self, receiver: Side, relation: str, filename: str) -> list[bytes]:
        """Wait for a document in the inbox; all copies of it that there are."""
        self.wait_for(lambda: receiver.handed_over(relation, filename), f"{filename} in the inbox")
        return receiver.handed_over(relation, filename)

    def _story(self) -> str:
        columns = "direction, state, filename, attempts, failure_text"
        query = f"SELECT {columns} FROM as2_messages_message ORDER BY id DESC LIMIT 10"
        parts = []
        for side in (self.a, self.b):
            rows = "\n".join(str(tuple(row.values())) for row in side.records.rows(query))
            parts.append(f"--- {side.letter}\n{rows}\n{side.gateway.output()}")
        return "\n".join(parts)


def records_of(gateway: Gateway) -> Records:
    """Where a gateway keeps its records."""
    return Records(gateway.env.get("DATABASE_URL") or gateway.home / "db.sqlite3")


@contextmanager
def running_pair(
    folder: Path, relations: Iterable[Relation], *envs: Mapping[str, str]
) -> Iterator[Pair]:
    """Run both gateways; ``envs`` are variables of the one and of the other."""
    env_a, env_b = envs or ({}, {})
    gateways = [Gateway(folder / "a", env=env_a), Gateway(folder / "b", env=env_b)]
    a, b = (
        Side(letter, gateway, records_of(gateway))
        for letter, gateway in zip("AB", gateways, strict=True)
    )
    asked = list(relations)
    # Before there are threads: two could make two keys of one name.
    factories.identity("A"), factories.identity("B")
    with ExitStack() as stack:
        for gateway in gateways:
            stack.callback(gateway.crash)
        with ThreadPoolExecutor() as pool:
            list(pool.map(_start, [a, b], [b, a], [asked, asked]))
        yield Pair(a, b)


def _start(side: Side, other: Side, relations: list[Relation]) -> None:
    side.gateway.start()
    url = f"{other.gateway.url}/as2"
    connections = [
        connection(side.as2_id(r.name), other.as2_id(r.name), url, r.settings) for r in relations
    ]
    names = [side.as2_id(relation.name) for relation in relations]
    apply(side.gateway, names, side.identity, connections, other.identity)


def connection(ours: str, theirs: str, url: str, settings: Settings) -> dict[str, object]:
    """A connection as a file of settings has it."""
    return {**_COMMON, "organization": ours, "as2_id": theirs, "url": url, **settings}


def apply(
    gateway: Gateway,
    names: Iterable[str],
    identity: Identity,
    connections: Iterable[Mapping[str, Any]],
    partner: Identity,
) -> None:
    """Give a gateway organizations with that key, and connections with that partner."""
    folder = gateway.home / "settings"
    folder.mkdir(exist_ok=True)
    (folder / "ours.key").write_bytes(identity.key_pem)
    (folder / "ours.pem").write_text(identity.certificate.pem())
    (folder / "theirs.pem").write_text(partner.certificate.pem())
    key = {"name": "key", "private_key": "ours.key", "certificate": "ours.pem"}
    certificates = [{"file": "theirs.pem", "roles": ["verify", "encrypt"]}]
    wanted = {
        "organizations": [{"as2_id": n, "name": n, "keys": [key]} for n in names],
        "partners": [
            {
                "name": "The other side",
                "connections": [{**each, "certificates": certificates} for each in connections],
            }
        ],
    }
    # Whatever is JSON is YAML.
    (folder / "settings.yaml").write_text(json.dumps(wanted, indent=1))
    gateway.manage("apply", str(folder / "settings.yaml"))
