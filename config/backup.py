"""A copy of a gateway that another one can start from, made while it works.

The database is copied first and the files after it, so that every file that a row of the copy names
was there to be copied. A second backup into the same folder copies of the store only the files that
are new, since those never change. The other folders are copied anew, so that no secret stays old
and no document comes back that was sent or fetched meanwhile.
"""

import shutil
import sqlite3
import subprocess
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from django.conf import settings

from config.home import Home

#: Where the copy of a PostgreSQL database is, for ``pg_restore``.
DUMP: Final = "database.dump"
#: Says that a folder is a backup, whose folders may be replaced.
MARK: Final = "backup.txt"
_MARK_TEXT: Final = "A backup of an AS2 gateway, written by manage.py backup.\n"
#: Of the store: what no row names, and what is being written.
_LEFT_OUT: Final = "quarantine"


class BackupFailed(Exception):
    """The copy is not complete; the text says why."""


@dataclass(slots=True)
class Copied:
    """What a backup has written this time."""

    database: str
    files: int = 0
    bytes: int = 0

    def copy(self, source: Path, copy: Path) -> None:
        """Copy a file, unless it was fetched, sent or purged meanwhile."""
        copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            shutil.copy2(source, copy)
        except FileNotFoundError:
            return
        self.files += 1
        self.bytes += copy.stat().st_size


def back_up(target: Path) -> Copied:
    """Copy this gateway into a folder. Raises BackupFailed or OSError."""
    home = Home(Path(settings.AS2_HOME))
    # Inbox and outbox may be elsewhere; in the copy they lie where a home has them.
    folders = {
        "inbox": Path(settings.AS2_INBOX),
        "outbox": Path(settings.AS2_OUTBOX),
        "profiles": home.profiles,
        "secrets": home.secrets,
    }
    _claim(target, [home.root, *folders.values()])
    copied = Copied(_copy_database(settings.DATABASES["default"], target))
    _add_new(home.store, target / "store", copied)
    for name, folder in folders.items():
        _replace(folder, target / name, copied)
    return copied


def _claim(target: Path, ours: Iterable[Path]) -> None:
    """Make the folder of the copy. Raises BackupFailed for one that holds something else."""
    if any(target.resolve().is_relative_to(folder.resolve()) for folder in ours):
        raise BackupFailed(f"{target} is inside AS2_HOME: a copy belongs on another disk.")
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    mark = target / MARK
    # A restored copy has the mark, too; once it has run it is a home and no backup.
    if Home(target).run.exists() or (any(target.iterdir()) and not mark.exists()):
        raise BackupFailed(
            f"{target} is not empty and no backup. Name an empty folder, or one of a backup."
        )
    mark.write_text(_MARK_TEXT)


def _add_new(folder: Path, target: Path, copied: Copied) -> None:
    for source in _files(folder):
        path = source.relative_to(folder)
        copy = target / path
        if _LEFT_OUT in path.parts or (copy.exists() and _same_size(copy, source)):
            continue
        copied.copy(source, copy)


def _same_size(copy: Path, source: Path) -> bool:
    try:
        return copy.stat().st_size == source.stat().st_size
    except FileNotFoundError:
        return True  # purged meanwhile


def _replace(folder: Path, target: Path, copied: Copied) -> None:
    """Copy a folder as it is now; a backup that breaks off leaves the copy before."""
    if not folder.is_dir():
        return
    fresh = target.with_name(f"{target.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    for source in _files(folder):
        copied.copy(source, fresh / source.relative_to(folder))
    if target.exists():
        shutil.rmtree(target)
    fresh.rename(target)


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def _copy_database(database: dict[str, Any], target: Path) -> str:
    if str(database["ENGINE"]).endswith("sqlite3"):
        copy = target / Home(target).database.name
        with (
            closing(sqlite3.connect(f"file:{database['NAME']}?mode=ro", uri=True)) as source,
            closing(sqlite3.connect(copy)) as destination,
        ):
            source.backup(destination)
        return str(copy)
    return _dump(database, target / DUMP)


def _dump(database: dict[str, Any], copy: Path) -> str:
    """Copy a PostgreSQL database with its own program."""
    program = shutil.which("pg_dump")
    if program is None:
        raise BackupFailed("pg_dump is not installed here: it comes with PostgreSQL's client.")
    names = {"host": "HOST", "port": "PORT", "username": "USER", "dbname": "NAME"}
    place = [f"--{option}={database[key]}" for option, key in names.items() if database.get(key)]
    password = {"PGPASSWORD": str(database["PASSWORD"])} if database.get("PASSWORD") else {}
    done = subprocess.run(  # noqa: S603 - options are ours and the settings', none comes from a form
        [program, "--format=custom", f"--file={copy}", "--no-owner", *place],
        env={"PATH": "/usr/bin:/bin", **password},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BackupFailed(f"pg_dump: {done.stderr.strip()[-500:]}")
    return str(copy)
