"""A copy of a gateway that another one can start from, made while it works.

The database is copied first and the files after it, so that every file that a row of the copy names
was there to be copied. A second backup into the same folder copies only the files that are new:
those of the store never change.
"""

import shutil
import sqlite3
import subprocess
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from django.conf import settings

from config.home import Home

#: Where the copy of a PostgreSQL database is, for ``pg_restore``.
DUMP: Final = "database.dump"
#: Folders of the home that are copied, in this order.
_FOLDERS: Final = ("store", "inbox", "outbox", "profiles", "secrets")
#: What no row names, and what is being written.
_LEFT_OUT: Final = ("quarantine",)


class BackupFailed(Exception):
    """The copy is not complete; the text says why."""


@dataclass(frozen=True, slots=True)
class Copied:
    """What a backup has written this time."""

    database: str
    files: int = 0
    bytes: int = 0


def back_up(target: Path) -> Copied:
    """Copy this gateway into a folder. Raises BackupFailed or OSError."""
    home = Path(settings.AS2_HOME)
    if target.resolve().is_relative_to(home):
        raise BackupFailed(f"{target} is inside AS2_HOME: a copy belongs on another disk.")
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    database = _copy_database(settings.DATABASES["default"], target)
    files = size = 0
    for name in _FOLDERS:
        for source in _files(home / name):
            copy = target / source.relative_to(home)
            if copy.exists() and copy.stat().st_size == source.stat().st_size:
                continue
            copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                shutil.copy2(source, copy)
            except FileNotFoundError:
                continue  # fetched, sent or purged meanwhile
            files += 1
            size += copy.stat().st_size
    return Copied(database, files, size)


def _files(folder: Path) -> list[Path]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return [path for path in found if not set(_LEFT_OUT) & {*path.relative_to(folder).parts}]


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
    # Options are ours and the settings'; none comes from a partner or a form.
    done = subprocess.run(  # noqa: S603
        [program, "--format=custom", f"--file={copy}", "--no-owner", *place],
        env={"PATH": "/usr/bin:/bin", **password},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BackupFailed(f"pg_dump: {done.stderr.strip()[-500:]}")
    return str(copy)
