"""The two secrets of an installation: Django's SECRET_KEY and the ring that encrypts private keys.

Both come from the environment or, on a first start, are made and kept in ``AS2_HOME/secrets``.
A ring that has gone missing is never replaced silently: with a new one the private keys in the
database could not be read, and partners' messages not be decrypted.
"""

import os
import secrets
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final
from uuid import uuid4

import psycopg
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured

from config import env
from config.home import Home

# The table of private keys. Asked before Django knows its models, hence by name.
QUERY: Final = "SELECT 1 FROM partners_keypair LIMIT 1"

# libpq's words for Django's.
LIBPQ: Final = {
    "dbname": "NAME",
    "user": "USER",
    "password": "PASSWORD",
    "host": "HOST",
    "port": "PORT",
}


def secret_key(home: Home) -> str:
    """Return SECRET_KEY, made on first start. Losing it only ends sessions."""
    given = env.secret("SECRET_KEY")
    return given or _kept(home.secrets / "secret_key", lambda: secrets.token_urlsafe(50))


def key_ring(home: Home, database: Mapping[str, object]) -> list[str]:
    """Return the Fernet keys that encrypt private keys at rest; the first one writes.

    Raises ImproperlyConfigured when a key is no Fernet key, and when there is no ring though
    the database holds private keys.
    """
    path = home.secrets / "key_ring"
    given = env.secret("AS2_KEY_RING")
    if not given and not path.exists():
        _refuse_to_replace(path, database)
    text = given or _kept(path, lambda: Fernet.generate_key().decode())
    ring = [key for key in text.replace(",", " ").split() if key]
    for key in ring:
        _check_key(key)
    return ring


def _check_key(key: str) -> None:
    try:
        Fernet(key)
    except ValueError as error:
        raise ImproperlyConfigured(
            "AS2_KEY_RING holds a value that is no Fernet key (32 bytes in URL-safe base64). "
            "Separate several keys by commas or spaces."
        ) from error


def _refuse_to_replace(path: Path, database: Mapping[str, object]) -> None:
    if not _holds_keys(database):
        return
    raise ImproperlyConfigured(
        f"The database holds private keys, but the key ring that encrypts them is missing: "
        f"neither AS2_KEY_RING nor AS2_KEY_RING_FILE is set and {path} does not exist. "
        f"Put the key ring back from your backup. Without it the private keys are lost and "
        f"must be replaced at every partner."
    )


def _holds_keys(database: Mapping[str, object]) -> bool:
    if str(database["ENGINE"]).endswith("sqlite3"):
        return _sqlite_holds_keys(Path(str(database["NAME"])))
    return _postgres_holds_keys(database)


def _sqlite_holds_keys(path: Path) -> bool:
    if not path.exists():
        return False
    connection = sqlite3.connect(path, timeout=20)
    try:
        return bool(connection.execute(QUERY).fetchall())
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            return False
        raise
    finally:
        connection.close()


def _postgres_holds_keys(database: Mapping[str, object]) -> bool:
    options = database["OPTIONS"]
    parameters = dict(options) if isinstance(options, dict) else {}
    for ours, django in LIBPQ.items():
        if database[django]:
            parameters[ours] = str(database[django])
    try:
        with psycopg.connect(**parameters) as connection:
            return bool(connection.execute(QUERY).fetchall())
    except psycopg.errors.UndefinedTable:
        return False
    except psycopg.OperationalError as error:
        raise ImproperlyConfigured(
            "There is no key ring yet, and the database cannot be asked whether it already holds "
            "private keys that need one. Start the database first, or set AS2_KEY_RING."
        ) from error


def _kept(path: Path, make: Callable[[], str]) -> str:
    """Return what the file says; the first of several processes to come makes it."""
    if not path.exists():
        _create(path, make())
    return path.read_text().strip()


def _create(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}-{uuid4().hex}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        # A link, unlike a rename, never replaces the file of a process that was faster.
        path.hardlink_to(draft)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
