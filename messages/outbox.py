"""Outbox: files that the business side drops into a connection's folder become messages.

Folders are ``<outbox>/<organization>/<partner's AS2 id>``, made by the scan. A file is renamed to
``.taken-<key>-<name>`` in its folder, stored, committed under that key, and only then deleted. A
crash in between leaves the renamed file, which the next scan finishes: the key in the row says
whether it is a message already (threats SD1). So the new name is durable before the row is: a power
cut must not give a file its old name back once its key is in a row. Nothing is taken while it is
being written (SD2). Small files that lie ready are stored and committed together, each still before
it is deleted.
"""

import errno
import fcntl
import logging
import os
import re
import signal
import stat
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import BinaryIO

from django import db
from django.conf import settings
from django.db import IntegrityError

from audit.recording import Subject, record
from audit.tags import Tag
from messages.failpoints import hit
from messages.literals import Literal
from messages.models import Message
from messages.safe_names import folder_name
from messages.sending import Draft, Origin, enqueue, enqueue_all
from messages.store import CHUNK, Kind, get_store
from messages.syncing import sync_directory
from partners.models import Connection, ConnectionState

logger = logging.getLogger(__name__)

#: Seconds since the last change of a file until it is taken: what a writer may pause where we
#: cannot see whether a program has the file open (network file systems).
QUIET = 2.0
_TAKEN = re.compile(r"\.taken-(?P<key>[0-9a-f]{32})-(?P<name>.+)", re.DOTALL)
#: Files that become messages by one commit, and how many bytes each may have: the first one waits
#: for the last, and all are in memory meanwhile.
_TOGETHER = 20
_SMALL = 64 * 1024
#: A database that is away: no file is to blame, and every other would fail as well.
_AWAY = (db.OperationalError, db.InterfaceError)
#: What programs call a file that they have not finished.
_UNFINISHED = (".tmp", ".part", ".partial", ".filepart", ".crdownload", "~")


class Busy(Exception):
    """Somebody is writing the file, or another worker is taking it, or all of its folder."""


def scan() -> int:
    """Take over the files for active connections; how many became messages."""
    active = Connection.objects.filter(state=ConnectionState.ACTIVE)
    connections = active.select_related("organization", "partner").order_by("pk")
    return sum(_scan_apart(connection) for connection in connections)


def folder_of(connection: Connection) -> Path:
    """The folder whose files go to this connection."""
    ours, theirs = folder_name(connection.organization.as2_id), folder_name(connection.as2_id)
    return Path(settings.AS2_OUTBOX) / ours / theirs


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A file that is ready to be taken."""

    path: Path
    size: int


@dataclass(frozen=True, slots=True)
class _Taken:
    """A file that is ours, under a name that says so, and held against other workers."""

    file: BinaryIO
    path: Path
    key: str
    #: as the business side has called it
    name: str


def _scan_apart(connection: Connection) -> int:
    """Scan one folder, so that what goes wrong there holds up no other."""
    try:
        return _scan_folder(connection)
    except _AWAY:
        raise
    except Exception:
        logger.exception("%s: its outbox folder was not scanned to the end", connection)
        return 0


def _scan_folder(connection: Connection) -> int:
    folder = folder_of(connection)
    with ExitStack() as held:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if connection.ordered:
                _hold_folder(folder, held)
            candidates = _candidates(folder)
        except Busy:
            return 0
        except OSError as error:
            _complaints.make(connection, folder, error)
            return 0
        return sum(_take(connection, batch) for batch in _batches(candidates))


def _hold_folder(folder: Path, held: ExitStack) -> None:
    """Keep other scans off, which would take later files before earlier ones. Raises Busy.

    Only where the order counts: elsewhere several workers may empty a folder together. Over several
    hosts it holds where the file system shares locks of folders.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    held.callback(os.close, descriptor)
    _lock(descriptor)


def _candidates(folder: Path) -> list[_Candidate]:
    """Files to take, the oldest first, so that strict order is the order of dropping."""
    found: list[tuple[int, str, _Candidate]] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):
                facts = entry.stat(follow_symlinks=False)
                if stat.S_ISREG(facts.st_mode) and _is_ready(entry.name, facts):
                    candidate = _Candidate(Path(entry.path), facts.st_size)
                    found.append((facts.st_mtime_ns, entry.name, candidate))
    return [candidate for *_, candidate in sorted(found, key=itemgetter(0, 1))]


def _batches(candidates: Iterable[_Candidate]) -> Iterator[list[Path]]:
    """Put together what is taken together, in order: small files, some at a time."""
    batch: list[Path] = []
    for each in candidates:
        alone = each.size > _SMALL or _TAKEN.fullmatch(each.path.name) is not None
        if batch and (alone or len(batch) == _TOGETHER):
            yield batch
            batch = []
        batch.append(each.path)
        if alone:
            yield batch
            batch = []
    if batch:
        yield batch


def _is_ready(name: str, facts: os.stat_result) -> bool:
    if _TAKEN.fullmatch(name):
        return True
    if name.startswith(".") or name.lower().endswith(_UNFINISHED):
        return False
    # By the time of the last change to the file or its name; a copying program may set the other.
    age = time.time() - facts.st_ctime
    return not 0 <= age < QUIET  # negative: the clock was set back


def _take(connection: Connection, paths: Iterable[Path]) -> int:
    """Make files messages, or finish what a crash left; how many became messages now."""
    with ExitStack() as held:
        taken = []
        for path in paths:
            try:
                taken.append(_make_ours(path, held))
            except (Busy, FileNotFoundError):
                continue  # the next scan looks again, or somebody else has it
            except OSError as error:
                _complaints.make(connection, path, error)
        if not taken or not _names_last(connection, taken[0].path.parent):
            return 0
        if len(taken) > 1 and _enqueue_together(connection, taken):
            return len(taken)
        return sum(_finish(connection, each) for each in taken)


def _make_ours(path: Path, held: ExitStack) -> _Taken:
    """Hold a file and rename it, unless it was renamed before. Raises Busy, and OSError."""
    file = held.enter_context(path.open("rb", buffering=0))
    _hold(file, path)
    match = _TAKEN.fullmatch(path.name)
    if match is not None:
        return _Taken(file, path, match["key"], match["name"])
    _check_unused(file)
    key, name = uuid.uuid4().hex, path.name
    path = path.rename(path.with_name(f".taken-{key}-{name}"))
    hit("tx.taken")
    return _Taken(file, path, key, name)


def _names_last(connection: Connection, folder: Path) -> bool:
    """Whether the names in a folder are durable now; if not, the next scan finishes its files."""
    try:
        sync_directory(folder)
    except OSError as error:
        # Shared folders of VirtualBox sync files only: there a power cut may double a document.
        if error.errno != errno.EINVAL:
            _complaints.make(connection, folder, error)
            return False
    return True


def _enqueue_together(connection: Connection, files: Sequence[_Taken]) -> bool:
    """Store files that have just been taken, by one commit; False if that cannot be."""
    with ExitStack() as quarantine:
        try:
            enqueue_all(connection, [_draft(each, quarantine) for each in files])
        except _AWAY:
            raise
        except (OSError, db.Error) as error:
            logger.info("%s: files of the outbox are taken one by one: %s", connection, error)
            return False
    for each in files:
        _remove(connection, each)
    return True


def _draft(taken: _Taken, quarantine: ExitStack) -> Draft:
    payload = quarantine.enter_context(get_store().writer(Kind.PAYLOAD))
    for chunk in _read(taken.file):
        payload.write(chunk)
    return Draft(payload, _filename(taken), origin=_origin(taken))


def _finish(connection: Connection, taken: _Taken) -> int:
    """Make one file a message, if it is none yet; 1 if it became a message now."""
    try:
        new = _enqueue_once(connection, taken)
    except _AWAY:
        raise
    except (OSError, db.Error) as error:
        _complaints.make(connection, taken.path, error)
        return 0
    _remove(connection, taken)
    return int(new)


def _remove(connection: Connection, taken: _Taken) -> None:
    """Remove what is a message; should that fail, the next scan finds by its key that it is one."""
    try:
        taken.path.unlink(missing_ok=True)
    except OSError as error:
        _complaints.make(connection, taken.path, error)


def _enqueue_once(connection: Connection, taken: _Taken) -> bool:
    if _is_known(taken.key):
        return False
    taken.file.seek(0)
    try:
        enqueue(connection, _read(taken.file), _filename(taken), origin=_origin(taken))
    except IntegrityError:
        if _is_known(taken.key):
            return False
        raise  # it was another constraint, and the file is not a message
    return True


def _filename(taken: _Taken) -> str:
    # A name need not be UTF-8 on disk; the database takes nothing else.
    return os.fsencode(taken.name).decode("utf-8", "replace")


def _origin(taken: _Taken) -> Origin:
    return Origin("outbox", outbox_key=taken.key)


def _is_known(key: str) -> bool:
    """Whether a file with that key is a message already."""
    return Message.objects.exclude(outbox_key=Literal("")).filter(outbox_key=key).exists()


def _read(file: BinaryIO) -> Iterator[bytes]:
    while chunk := file.read(CHUNK):
        yield chunk


def _hold(file: BinaryIO, path: Path) -> None:
    """Keep other workers off while the file is being stored; a crash lets go by itself."""
    _lock(file.fileno())
    # Between our look and our lock another worker may have stored and deleted it.
    if not os.path.samestat(os.fstat(file.fileno()), path.stat(follow_symlinks=False)):
        raise Busy


def _lock(descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise Busy from error


def _check_unused(file: BinaryIO) -> None:
    """Raise Busy if any program has the file open for writing, as far as this can be seen.

    The kernel gives a read lease only on a file that nobody writes. Where it gives none at all
    (network file systems, files of other users) the quiet time has to do.
    """
    try:
        # A writer who opens it in this moment breaks the lease: by a signal that is ignored.
        fcntl.fcntl(file, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as error:
        if error.errno == errno.EAGAIN:
            raise Busy from error


class _Complaints:
    """Tells of a file that cannot be taken over, once in each process and not at every scan."""

    def __init__(self) -> None:
        self._made: set[tuple[Path, object]] = set()

    def make(self, connection: Connection, path: Path, error: Exception) -> None:
        """Log and record it; the file, or what should be a folder, stays where it is."""
        fault = getattr(error, "errno", None) or type(error)
        if (path, fault) in self._made:
            return
        self._made.add((path, fault))
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        text = (
            f"{path.name!r} in the outbox could not be taken over: {reason}. It stays where it is."
        )
        logger.error("%s: %s", connection, text)
        record(Tag.OUTBOX_FILE_FAILED, Subject.of(connection), text)


_complaints = _Complaints()
