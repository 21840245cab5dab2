"""Writers of SQLite: one at a time, the next one woken at once, and nobody's turn outlives him."""

import fcntl
import os
import signal
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from django.db import OperationalError
from django.db.backends.utils import CursorWrapper
from django.db.utils import ConnectionHandler
from pytest_django import DjangoDbBlocker

from config import database
from config.home import Home
from config.sqlite3.base import DatabaseWrapper
from config.sqlite3.writers import Writers, writers_of

INSERT = "INSERT INTO written (word) VALUES ('x')"
#: seconds
LONG, SHORT = 30.0, 0.1


@pytest.fixture(autouse=True)
def databases_of_their_own(django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    with django_db_blocker.unblock():
        yield


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    with closing(sqlite3.connect(home.database)) as made:
        made.execute("CREATE TABLE written (word TEXT)")
    return home


@pytest.fixture
def connection(home: Home) -> Iterator[DatabaseWrapper]:
    opened = connect(home)
    yield opened
    opened.close()


def connect(home: Home, timeout: float = LONG) -> DatabaseWrapper:
    """Open a connection as Django would."""
    settings = database.configure("", 60, home)
    options = settings["OPTIONS"]
    assert isinstance(options, dict)
    handler = ConnectionHandler(
        {"default": {**settings, "OPTIONS": options | {"timeout": timeout}}}
    )
    opened = handler["default"]
    assert isinstance(opened, DatabaseWrapper)
    opened.ensure_connection()
    return opened


def begin(connection: DatabaseWrapper) -> None:
    connection.set_autocommit(False, force_begin_transaction_with_broken_autocommit=True)


def write(connection: DatabaseWrapper) -> None:
    with connection.cursor() as cursor:
        cursor.execute(INSERT)


def in_a_thread(action: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=action, daemon=True)
    thread.start()
    return thread


def in_a_child(action: Callable[[], object]) -> int:
    """Do it in a forked process; how that ended."""
    child = os.fork()
    if child == 0:
        try:
            action()
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def is_free(home: Home) -> bool:
    """Whether somebody else could write now: a file that was opened anew has a lock of its own."""
    with home.database.with_name("db.sqlite3-writers").open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def written(home: Home) -> int:
    with closing(sqlite3.connect(home.database)) as reading:
        return int(reading.execute("SELECT count(*) FROM written").fetchone()[0])


@pytest.mark.parametrize("commits", [True, False])
def test_a_transaction_has_the_turn_until_it_ends(
    home: Home, connection: DatabaseWrapper, *, commits: bool
) -> None:
    begin(connection)
    write(connection)
    assert not is_free(home)
    connection.commit() if commits else connection.rollback()
    assert is_free(home)
    assert written(home) == int(commits)


def test_closing_amid_a_transaction_ends_the_turn(home: Home, connection: DatabaseWrapper) -> None:
    begin(connection)
    write(connection)
    connection.close()
    assert is_free(home)
    assert written(home) == 0


@pytest.mark.parametrize("statement", [INSERT, f"\n    {INSERT}", "DELETE FROM written"])
def test_a_single_write_waits_for_its_turn(home: Home, statement: str) -> None:
    one, other = connect(home), connect(home)
    done = threading.Event()

    def write_alone() -> None:
        other.inc_thread_sharing()
        with other.cursor() as cursor:
            cursor.execute(statement)
        done.set()

    begin(one)
    waiting = in_a_thread(write_alone)
    assert not done.wait(0.2)
    one.commit()
    waiting.join(LONG)
    assert done.is_set()


@pytest.mark.parametrize(
    "fetch",
    [
        lambda cursor: [cursor.fetchone(), cursor.fetchone()],
        lambda cursor: [*cursor.fetchmany(1), *cursor.fetchmany()],
        lambda cursor: cursor.fetchall(),
        list,
    ],
    ids=["one", "many", "all", "loop"],
)
def test_a_single_write_that_gives_rows_back_is_committed_within_its_turn(
    home: Home, connection: DatabaseWrapper, fetch: Callable[[CursorWrapper], list[object]]
) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"{INSERT}, ('y') RETURNING word")
        assert (is_free(home), written(home)) == (True, 2)
        assert fetch(cursor) == [("x",), ("y",)]
        assert (cursor.fetchone(), cursor.rowcount) == (None, 2)
        assert cursor.execute("SELECT count(*) FROM written").fetchone() == (2,)


def test_reading_waits_for_nobody(home: Home, connection: DatabaseWrapper) -> None:
    begin(connection)
    write(connection)
    other = connect(home)
    with other.cursor() as cursor:
        assert cursor.execute("SELECT count(*) FROM written").fetchone() == (0,)


def test_who_waits_too_long_is_told_that_the_database_is_locked(home: Home) -> None:
    one, other = connect(home), connect(home, timeout=SHORT)
    begin(one)
    with pytest.raises(OperationalError, match="database is locked"):
        begin(other)
    one.commit()
    begin(other)
    other.rollback()


def test_who_has_not_queued_is_waited_for_and_then_the_turn_is_given_back(home: Home) -> None:
    ours = connect(home, timeout=SHORT)
    with closing(sqlite3.connect(home.database, isolation_level=None)) as shell:
        shell.execute("BEGIN IMMEDIATE")
        with pytest.raises(OperationalError, match="database is locked"):
            begin(ours)
        assert is_free(home)


def test_the_turn_of_a_killed_process_ends(home: Home) -> None:
    def die_writing() -> None:
        killed = connect(home)
        begin(killed)
        write(killed)
        os.kill(os.getpid(), signal.SIGKILL)

    assert in_a_child(die_writing) == -signal.SIGKILL
    assert is_free(home)
    assert written(home) == 0


def test_a_forked_process_neither_has_nor_ends_its_parents_turn(home: Home) -> None:
    queue = writers_of(home.database)
    queue.take_turn(SHORT)

    def end_it() -> None:
        queue.end_turn()
        os._exit(0 if writers_of(home.database) is not queue else 1)

    assert in_a_child(end_it) == 0
    assert not is_free(home)
    queue.end_turn()
    assert is_free(home)


def test_a_folder_that_cannot_be_written_to_is_a_fault_of_the_database(tmp_path: Path) -> None:
    with pytest.raises(OperationalError, match="unable to open"):
        Writers(tmp_path / "none" / "db.sqlite3").take_turn(SHORT)


def test_what_root_has_made_is_the_database_owners(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "fchown", lambda _file, user, group: given.append((user, group)))
    begin(connect(home))
    owner = home.database.stat()
    assert given == [(owner.st_uid, owner.st_gid)]


def test_all_that_many_write_at_once_is_there(home: Home) -> None:
    def write_often() -> None:
        mine = connect(home)
        for _ in range(20):
            begin(mine)
            write(mine)
            mine.commit()
            mine.set_autocommit(True)
            write(mine)
        mine.close()

    threads = [in_a_thread(write_often) for _ in range(6)]
    for thread in threads:
        thread.join(LONG)
    assert written(home) == 6 * 40
