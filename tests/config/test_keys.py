"""Secrets are made once, kept private, and never replaced behind an operator's back."""

import multiprocessing
import sqlite3
import stat
from pathlib import Path

import psycopg
import pytest
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured

from config import database, keys
from config.home import Home


@pytest.fixture(autouse=True)
def _nothing_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SECRET_KEY", "AS2_KEY_RING"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.create()
    return home


def _sqlite(home: Home) -> dict[str, object]:
    return database.configure("", 0, home)


def _with_keys(home: Home, rows: int) -> None:
    with sqlite3.connect(home.database) as connection:
        connection.execute("CREATE TABLE partners_keypair (id INTEGER)")
        connection.executemany(
            "INSERT INTO partners_keypair VALUES (?)", [(n,) for n in range(rows)]
        )
    connection.close()


def test_a_first_start_makes_secrets_that_stay(home: Home) -> None:
    first = (keys.secret_key(home), keys.key_ring(home, _sqlite(home)))
    assert (keys.secret_key(home), keys.key_ring(home, _sqlite(home))) == first
    assert len(first[1]) == 1


def test_secrets_are_readable_by_their_owner_only(home: Home) -> None:
    keys.secret_key(home)
    keys.key_ring(home, _sqlite(home))
    modes = {stat.S_IMODE(path.stat().st_mode) for path in home.secrets.iterdir()}
    assert modes == {0o600}


def test_given_secrets_leave_nothing_in_the_home(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring = [Fernet.generate_key().decode() for _ in range(2)]
    monkeypatch.setenv("AS2_KEY_RING", ", ".join(ring))
    monkeypatch.setenv("SECRET_KEY", "given")
    assert (keys.secret_key(home), keys.key_ring(home, _sqlite(home))) == ("given", ring)
    assert list(home.secrets.iterdir()) == []


def test_a_value_that_is_no_key_is_refused(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AS2_KEY_RING", "password")
    with pytest.raises(ImproperlyConfigured, match="no Fernet key"):
        keys.key_ring(home, _sqlite(home))


def test_a_missing_ring_is_not_replaced_when_there_are_keys(home: Home) -> None:
    _with_keys(home, 1)
    with pytest.raises(ImproperlyConfigured, match="from your backup"):
        keys.key_ring(home, _sqlite(home))
    assert list(home.secrets.iterdir()) == []


def test_a_database_without_keys_may_get_a_ring(home: Home) -> None:
    _with_keys(home, 0)
    assert keys.key_ring(home, _sqlite(home))


def test_a_database_that_cannot_be_read_makes_no_ring(home: Home) -> None:
    home.database.write_bytes(b"no database" * 100)
    with pytest.raises(sqlite3.DatabaseError):
        keys.key_ring(home, _sqlite(home))
    assert list(home.secrets.iterdir()) == []


def test_keys_in_postgresql_are_seen_too(home: Home, postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE TABLE partners_keypair AS SELECT 1 AS id")
    with pytest.raises(ImproperlyConfigured, match="from your backup"):
        keys.key_ring(home, database.configure(postgres_url, 0, home))


def test_an_empty_postgresql_may_get_a_ring(home: Home, postgres_url: str) -> None:
    assert keys.key_ring(home, database.configure(postgres_url, 0, home))


def test_a_database_that_is_down_makes_no_ring(home: Home) -> None:
    nobody = database.configure("postgres://nobody@127.0.0.1:1/none", 0, home)
    with pytest.raises(ImproperlyConfigured, match="Start the database first"):
        keys.key_ring(home, nobody)


def test_processes_that_start_together_agree(home: Home) -> None:
    with multiprocessing.get_context("fork").Pool(4) as pool:
        assert len(set(pool.map(keys.secret_key, [home] * 16))) == 1
    assert [path.name for path in home.secrets.iterdir()] == ["secret_key"]
