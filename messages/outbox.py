"""Outbox: files that the business side drops into a connection's folder become messages.

Folders are ``<outbox>/<organization>/<partner's AS2 id>``, made by the scan. A file is renamed to
``.taken-<key>-<name>`` in its folder, stored, committed under that key, and only then deleted. A
crash in between leaves the renamed file, which the next scan finishes: the key in the row says
whether it is a message already (threats SD1). Nothing is taken while it is being written (SD2).
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
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from django.conf import settings
from django.db import IntegrityError

from audit.recording import Subject, record
from audit.tags import Tag
from messages.failpoints import hit
from messages.literals import Literal
from messages.models import Message
from messages.safe_names import folder_name
from messages.sending import Origin, enqueue
from messages.store import CHUNK
from partners.models import Connection, ConnectionState

logger = logging.getLogger(__name__)

#: Seconds since the last change of a file until it is taken: what a writer may pause where we
#: cannot see whether a program has the file open (network file systems).
QUIET = 2.0
_TAKEN = re.compile(r"\.taken-(?P<key>[0-9a-f]{32})-(?P<name>.+)", re.DOTALL)
#: What programs call a file that they have not finished.
_UNFINISHED = (".tmp", ".part", ".partial", ".filepart", ".crdownload", "~")


class Busy(Exception):
    """Somebody is writing the file, or another worker is taking it."""


def scan() -> int:
    """Take over the files for active connections; how many became messages."""
    active = Connection.objects.filter(state=ConnectionState.ACTIVE)
    connections = active.select_related("organization", "partner").order_by("pk")
    return sum(_scan_folder(connection) for connection in connections)


def folder_of(connection: Connection) -> Path:
    """The folder whose files go to this connection."""
    ours, theirs = folder_name(connection.organization.as2_id), folder_name(connection.as2_id)
    return Path(settings.AS2_OUTBOX) / ours / theirs


def _scan_folder(connection: Connection) -> int:
    folder = folder_of(connection)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        candidates = _candidates(folder)
    except OSError as error:
        _complaints.make(connection, folder, error)
        return 0
    taken = 0
    for path in candidates:
        try:
            taken += _take(connection, path)
        except (Busy, FileNotFoundError):
            continue  # the next scan looks again, or somebody else has it
        except OSError as error:
            _complaints.make(connection, path, error)
    return taken


def _candidates(folder: Path) -> list[Path]:
    """Files to take, the oldest first, so that strict order is the order of dropping."""
    found: list[tuple[int, str, Path]] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):
                facts = entry.stat(follow_symlinks=False)
                if stat.S_ISREG(facts.st_mode) and _is_ready(entry.name, facts):
                    found.append((facts.st_mtime_ns, entry.name, Path(entry.path)))
    return [path for *_, path in sorted(found)]


def _is_ready(name: str, facts: os.stat_result) -> bool:
    if _TAKEN.fullmatch(name):
        return True
    if name.startswith(".") or name.lower().endswith(_UNFINISHED):
        return False
    # By the time of the last change to the file or its name; a copying program may set the other.
    age = time.time() - facts.st_ctime
    return not 0 <= age < QUIET  # negative: the clock was set back


def _take(connection: Connection, path: Path) -> int:
    """Make one file a message, or finish what a crash left; 1 if it became a message now."""
    with path.open("rb", buffering=0) as file:
        _hold(file, path)
        match = _TAKEN.fullmatch(path.name)
        if match is None:
            _check_unused(file)
            path = path.rename(path.with_name(f".taken-{uuid.uuid4().hex}-{path.name}"))
            match = _TAKEN.fullmatch(path.name)
            hit("tx.taken")
        new = match is not None and _enqueue_once(connection, file, match["key"], match["name"])
        path.unlink(missing_ok=True)
    return int(new)


def _enqueue_once(connection: Connection, file: BinaryIO, key: str, name: str) -> bool:
    if _is_known(key):
        return False
    # A name need not be UTF-8 on disk; the database takes nothing else.
    filename = os.fsencode(name).decode("utf-8", "replace")
    try:
        enqueue(connection, _read(file), filename, origin=Origin("outbox", outbox_key=key))
    except IntegrityError:
        if _is_known(key):
            return False
        raise  # it was another constraint, and the file is not a message
    return True


def _is_known(key: str) -> bool:
    """Whether a file with that key is a message already."""
    return Message.objects.exclude(outbox_key=Literal("")).filter(outbox_key=key).exists()


def _read(file: BinaryIO) -> Iterator[bytes]:
    while chunk := file.read(CHUNK):
        yield chunk


def _hold(file: BinaryIO, path: Path) -> None:
    """Keep other workers off while the file is being stored; a crash lets go by itself."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise Busy from error
    # Between our look and our lock another worker may have stored and deleted it.
    if not os.path.samestat(os.fstat(file.fileno()), path.stat(follow_symlinks=False)):
        raise Busy


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
        self._made: set[tuple[Path, int | None]] = set()

    def make(self, connection: Connection, path: Path, error: OSError) -> None:
        """Log and record it; the file, or what should be a folder, stays where it is."""
        if (path, error.errno) in self._made:
            return
        self._made.add((path, error.errno))
        text = (
            f"{path.name!r} in the outbox could not be taken over: "
            f"{error.strerror or error}. It stays where it is."
        )
        logger.error("%s: %s", connection, text)
        record(Tag.OUTBOX_FILE_FAILED, Subject.of(connection), text)


_complaints = _Complaints()
