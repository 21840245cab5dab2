"""The ledger: what the business side gave to be sent, and what it got, outside of the products."""

import hashlib
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.functional.pair import Pair

#: Bytes of usual documents, of large ones and of the few very large ones, by their shares.
SIZES = ((0.85, 2_000, 20_000), (0.14, 20_000, 500_000), (0.01, 500_000, 5_000_000))
LARGEST = 20_000_000


@dataclass(frozen=True, slots=True)
class Document:
    """One document as it was given to be sent."""

    name: str
    direction: str
    relation: str
    size: int
    sha256: str


class Ledger:
    """What was sent, and how often each content was found in an inbox of its receiver.

    Each entry is written to a file at once, so that a run that ends badly can be looked into.
    """

    def __init__(self, file: Path) -> None:
        self._file = file.open("a", buffering=1)
        self._lock = threading.Lock()
        self.sent: dict[str, Document] = {}
        self.arrived: Counter[tuple[str, str]] = Counter()
        self.last_arrival = time.monotonic()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def note_sent(self, document: Document) -> None:
        """Write down a document before it is given away."""
        with self._lock:
            self.sent[document.name] = document
        self._write("sent", document.direction, document.name, document.size, document.sha256)

    def note_arrived(self, direction: str, path: Path, size: int, sha256: str) -> None:
        """Write down what was taken out of an inbox."""
        with self._lock:
            self.arrived[direction, sha256] += 1
            self.last_arrival = time.monotonic()
        self._write("arrived", direction, path.name, size, sha256)

    def times(self, document: Document) -> int:
        """How often a document has arrived."""
        return self.arrived[document.direction, document.sha256]

    @property
    def missing(self) -> list[Document]:
        """What has not arrived, the oldest first."""
        with self._lock:
            return [d for d in self.sent.values() if not self.times(d)]

    def _write(self, *words: object) -> None:
        self._file.write(" ".join(map(str, (f"{time.time():.3f}", *words))) + "\n")


def make(pair: Pair, count: int, relations: list[str], chance: random.Random) -> Iterator[Document]:
    """Make documents, each when it is asked for, and drop each into its sender's outbox."""
    largest = chance.randrange(count)
    for number in range(count):
        name = f"{number:06}.edi"
        direction, relation = chance.choice(["a to b", "b to a"]), chance.choice(relations)
        payload = _content(name, LARGEST if number == largest else _size(chance), chance)
        digest = hashlib.sha256(payload).hexdigest()
        document = Document(name, direction, relation, len(payload), digest)
        yield document
        pair.ends(direction)[0].drop(relation, name, payload)


def _size(chance: random.Random) -> int:
    share = chance.random()
    for part, least, most in SIZES:
        if share < part:
            return chance.randint(least, most)
        share -= part
    return SIZES[0][1]


def _content(name: str, size: int, chance: random.Random) -> bytes:
    head = f"ISA*00*{name}*CHAOS~\r\n".encode()
    return head + chance.randbytes(size - len(head))


def collect(pair: Pair, ledger: Ledger) -> int:
    """Take everything out of the inboxes, as the business side does; how many files."""
    taken = 0
    for direction in ("a to b", "b to a"):
        inbox = pair.ends(direction)[1].gateway.inbox
        for path in visible(inbox):
            with suppress(FileNotFoundError):
                octets = path.read_bytes()
                digest = hashlib.sha256(octets).hexdigest()
                ledger.note_arrived(direction, path, len(octets), digest)
                path.unlink()
                taken += 1
    return taken


def visible(folder: Path) -> list[Path]:
    """Files whose names are not hidden, at any depth."""
    return [p for p in folder.rglob("*") if not p.name.startswith(".") and p.is_file()]


def repeat(work: Callable[[], object], seconds: float, end: threading.Event) -> None:
    """Do something again and again until the end is set."""
    while not end.wait(seconds):
        work()
