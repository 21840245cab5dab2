"""Store: octets under our own names, never a partner's. What the database points to is on disk.

A file begins in quarantine, where nothing refers to it. ``commit_all`` makes several durable at
once: their contents, their final names, and the directory that holds the names. Only after that may
a row name them, so a row never points to nothing. What a crash leaves in
quarantine is swept. A failed fsync is final: the file counts as lost and is never synced again.
"""

import datetime as dt
import functools
import hashlib
import logging
import os
import re
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from pkgutil import resolve_name
from types import TracebackType
from typing import BinaryIO, Self

from django.conf import settings

from messages import failpoints
from messages.syncing import Ahead, sync_all, sync_directory

logger = logging.getLogger(__name__)

#: Bytes read at once; big enough for the digests and ciphers to run outside Python.
CHUNK = 256 * 1024
#: Bytes that a file may have while it stays in memory until it is committed: a usual document
#: that is refused never touches the disk, and one that is accepted is not read back from it.
_IN_MEMORY = 64 * 1024

_QUARANTINE = "quarantine"
_DAYS = "[0-9][0-9][0-9][0-9]/[0-9][0-9]/[0-9][0-9]"
#: An empty file in a day's folder: nothing is put there any more, so one look is enough.
SWEPT = "swept"
#: Orphans of one day that are not suspicious; crashes leave a handful.
_MANY = 100
_KEY = re.compile(r"\d{4}/\d\d/\d\d/[0-9a-f]{32}\.(?:raw|payload|wire|mdn)")


class Kind(StrEnum):
    """What a file is; the suffix of its name."""

    RAW = "raw"
    PAYLOAD = "payload"
    WIRE = "wire"
    MDN = "mdn"


@dataclass(frozen=True, slots=True)
class StoredFile:
    """What is known of a file without reading it: bytes, and when it was written (Unix time)."""

    size: int
    modified: float


class Writer:
    """A file being written. As a context manager it discards what was not committed."""

    def __init__(self, store: "Store", kind: Kind) -> None:
        name = f"{uuid.uuid4().hex}.{kind}"
        self.key = f"{dt.datetime.now(dt.UTC):%Y/%m/%d}/{name}"
        self.size = 0
        self.store = store
        self._path = store.quarantine / name
        self._digest = hashlib.sha256()
        self._pieces: list[bytes] = []
        self._file: BinaryIO | None = None
        self._ahead: Ahead | None = None
        self._committed = False

    @property
    def committed(self) -> bool:
        """Whether it is durable under its key."""
        return self._committed

    @property
    def sha256(self) -> str:
        """Digest of what has been written so far, hexadecimal."""
        return self._digest.hexdigest()

    def write(self, data: bytes) -> None:
        """Append octets."""
        failpoints.hit("fs.write")
        self.size += len(data)
        self._digest.update(data)
        if self._file is not None:
            self._file.write(data)
            if self._ahead is not None:
                self._ahead.written(self.size)
            return
        self._pieces.append(data)
        if self.size > _IN_MEMORY:
            self._spill()

    def chunks(self, size: int = CHUNK) -> Iterator[bytes]:
        """Read back what has been written; do not write meanwhile."""
        if self._file is None and not self._committed:
            yield from self._pieces
            return
        if self._file is not None:
            self._file.flush()
        with self._path.open("rb", buffering=0) as file:
            yield from _read(file, size)

    def head(self, size: int) -> bytes:
        """Read back the first octets, at most ``size``."""
        start = bytearray()
        for chunk in self.chunks(size):
            start += chunk
            if len(start) >= size:
                break
        return bytes(start[:size])

    def commit(self) -> None:
        """Make the file durable under its key."""
        self.store.commit([self])

    def discard(self) -> None:
        """Forget the file, unless it was committed."""
        with suppress(OSError):  # closing writes what is buffered: on a full disk that fails, too
            self.close()
        self._pieces.clear()
        if not self._committed:
            self._path.unlink(missing_ok=True)

    def close(self) -> None:
        """Release the descriptor; the file stays where it is."""
        file, self._file = self._file, None
        if self._ahead is not None:
            self._ahead.wait()
        if file is not None:
            file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.discard()

    def _spill(self) -> BinaryIO:
        """Put what is held in memory into the file in quarantine."""
        if self._file is None:
            self._file = _create(self._path)
            if self.store.syncs:
                self._ahead = Ahead(self._file.fileno())
            for piece in self._pieces:
                self._file.write(piece)
            self._pieces.clear()
        return self._file

    def _place(self) -> int:
        """Take the final name; the descriptor that is to be synced."""
        file = self._spill()
        file.flush()
        failpoints.hit("fs.fsync")
        if self._ahead is not None:
            self._ahead.finish()
        final = self.store.root / self.key
        self.store.ensure_directory(final.parent)
        self._path = self._path.rename(final)
        return file.fileno()

    def _settle(self) -> None:
        self.close()
        self._committed = True


def commit_all(writers: Iterable[Writer]) -> None:
    """Make several files of one store durable; some may be so already.

    Raises OSError; none of the others then counts as committed, and discarding removes them.
    """
    batch = [writer for writer in writers if not writer.committed]
    if batch:
        batch[0].store.commit(batch)


class Store:
    """Files under one root, by key. Nothing outside this module knows that they are files."""

    #: whether what is written here is to be durable here
    syncs: bool = True

    def __init__(self, root: Path) -> None:
        self.root = root
        self._known: set[Path] = set()
        #: days that were looked at: one that cannot be swept must not keep others from it
        self._passed: set[str] = set()

    @property
    def quarantine(self) -> Path:
        """Where files are written that nothing refers to."""
        return self.root / _QUARANTINE

    def writer(self, kind: Kind) -> Writer:
        """Begin a file."""
        return Writer(self, kind)

    def commit(self, batch: Sequence[Writer]) -> None:
        """Make files durable: contents, names and their directory in one pass. Raises OSError.

        A row names them only when all of it has succeeded. So the order does not matter: what a
        crash leaves half done is an orphan under either name.
        """
        with ExitStack() as opened:
            descriptors = [
                writer._place()  # noqa: SLF001  a writer's own module: the batch is its commit
                for writer in batch
            ]
            for directory in {(self.root / writer.key).parent for writer in batch}:
                descriptors.append(os.open(directory, os.O_RDONLY | os.O_DIRECTORY))
                opened.callback(os.close, descriptors[-1])
            sync_all(descriptors)
        for writer in batch:
            writer._settle()  # noqa: SLF001  the same

    def open(self, key: str) -> BinaryIO:
        """Open a committed file for reading; FileNotFoundError if it is gone."""
        return self._path(key).open("rb", buffering=0)

    def chunks(self, key: str, size: int = CHUNK) -> Iterator[bytes]:
        """Read a file in pieces of at most ``size`` bytes."""
        with self.open(key) as file:
            yield from _read(file, size)

    def read(self, key: str, limit: int) -> bytes:
        """Read a small file whole; ValueError if it has more than ``limit`` bytes."""
        if self.size(key) > limit:
            raise ValueError(f"{key} has more than {limit} bytes")
        return b"".join(self.chunks(key))

    def size(self, key: str) -> int:
        """Bytes of a file."""
        return self._path(key).stat().st_size

    def has_lost(self, key: str) -> bool:
        """Whether a file is gone while its folder is there; an unmounted store has lost nothing."""
        path = self._path(key)
        return path.parent.is_dir() and not path.exists()

    def delete(self, key: str) -> None:
        """Remove a file if it is there; the caller sees to it that no row names it."""
        self._path(key).unlink(missing_ok=True)

    def free_bytes(self) -> int:
        """Bytes that may still be written."""
        try:
            facts = os.statvfs(self.root)
        except FileNotFoundError:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            facts = os.statvfs(self.root)
        return facts.f_bavail * facts.f_frsize

    def probe(self) -> None:
        """Raise OSError if nothing can be written."""
        with tempfile.TemporaryFile(dir=self.root) as file:
            file.write(b"ready")

    def sweep_quarantine(self, older_than: dt.timedelta) -> int:
        """Remove what crashes left behind: files not written to for that long. How many."""
        limit = time.time() - older_than.total_seconds()
        swept = 0
        for path in self.quarantine.glob("*"):
            try:
                if path.stat().st_mtime < limit:
                    path.unlink()
                    swept += 1
            except FileNotFoundError:
                continue  # committed or swept by another process meanwhile
        return swept

    def sweep_orphans(self, older_than: dt.timedelta, named: Callable[[str], Iterable[str]]) -> int:
        """Remove what no row names among the files of one day, the oldest not swept yet. How many.

        A crash between a file and its row leaves such files. ``named`` is given the beginning of
        that day's keys and says which of them rows name.
        """
        limit = time.time() - older_than.total_seconds()
        day = self._day_to_sweep(dt.datetime.fromtimestamp(limit, dt.UTC).strftime("%Y/%m/%d"))
        if day is None:
            return 0
        self._passed.add(day)
        found = self.files_of(day)
        if any(file.modified >= limit for file in found.values()):
            return 0  # put back from a backup, and its rows may yet be
        orphans = found.keys() - {*named(f"{day}/")}
        if len(orphans) > max(_MANY, len(found) / 2):
            logger.error(
                "%d of %d files of %s are in no row and stay: are AS2_STORE and the database those "
                "of one gateway?",
                *(len(orphans), len(found), day),
            )
            return 0
        for key in orphans:
            self.delete(key)
        self._mark_swept(day)
        return len(orphans)

    def days(self) -> Iterator[str]:
        """The days that have files, as keys begin: ``2026/11/29``; the oldest first."""
        for folder in sorted(self.root.glob(_DAYS)):
            yield str(folder.relative_to(self.root))

    def files_of(self, day: str) -> dict[str, StoredFile]:
        """The files of one day by their keys."""
        found = {}
        for path in (self.root / day).iterdir():
            key = f"{day}/{path.name}"
            with suppress(FileNotFoundError):  # purged meanwhile
                if is_key(key):
                    facts = path.stat()
                    found[key] = StoredFile(facts.st_size, facts.st_mtime)
        return found

    def ensure_directory(self, directory: Path) -> None:
        """Make a directory that outlives a power cut, and remember it.

        Another process may have made it and not yet synced it: its parents are synced once a
        process in any case.
        """
        if directory in self._known:
            return
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for parent in directory.relative_to(self.root).parents:
            sync_directory(self.root / parent)
        self._known.add(directory)

    def _day_to_sweep(self, limit: str) -> str | None:
        """The first day before ``limit`` that has not been swept; those passed over come again."""
        days = [d for d in self.days() if d < limit and not self._is_swept(d)]
        if self._passed.issuperset(days):
            self._passed.clear()
        return next((d for d in days if d not in self._passed), None)

    def _is_swept(self, day: str) -> bool:
        return (self.root / day / SWEPT).exists()

    def _mark_swept(self, day: str) -> None:
        (self.root / day / SWEPT).touch()

    def _path(self, key: str) -> Path:
        # Keys come from our own rows; should one not, it names no file outside the store.
        check_key(key)
        return self.root / key


def is_key(name: str) -> bool:
    """Whether it is a name that we give to files."""
    return _KEY.fullmatch(name) is not None


def check_key(key: str) -> None:
    """Raise ValueError for what is no key, so that it can name nothing outside the store."""
    if not is_key(key):
        raise ValueError(f"not a key of the store: {key[:100]!r}")


def get_store() -> Store:
    """The store of this installation (AS2_STORE, AS2_STORE_URL)."""
    return _store_at(Path(settings.AS2_STORE), settings.AS2_STORE_URL)


@functools.lru_cache(maxsize=8)
def _store_at(root: Path, url: str) -> Store:
    if not url:
        return Store(root)
    # Its library takes time and memory, so that only who uses a bucket loads it.
    opened: Store = resolve_name("messages.object_store:open_store")(root, url)
    return opened


def _create(path: Path) -> BinaryIO:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    try:
        descriptor = os.open(path, flags, 0o600)
    except FileNotFoundError:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, flags, 0o600)
    return os.fdopen(descriptor, "wb")


def _read(file: BinaryIO, size: int) -> Iterator[bytes]:
    read: Callable[[], bytes] = functools.partial(file.read, size)
    yield from iter(read, b"")
