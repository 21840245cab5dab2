"""The backend itself: ``ENGINE`` is ``config.sqlite3``."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.db.backends.sqlite3 import base

from config.sqlite3.writers import Writers, writers_of

#: Seconds that SQLite's driver for Python waits when it is told nothing else.
_TIMEOUT = 5.0
#: Statements that write by themselves, outside a transaction.
_WRITES = ("INSERT", "UPDATE", "DELETE")


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's connection, whose transactions and single writes wait for their turn."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._turn: Writers | None = None

    def create_cursor(self, name: object = None) -> "Cursor":
        """Make a cursor that knows the connection."""
        cursor: Cursor = self.connection.cursor(factory=Cursor)
        cursor.database = self
        return cursor

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Write in turn."""
        self._take_turn()
        try:
            yield
        finally:
            self._end_turn()

    def _start_transaction_under_autocommit(self) -> None:
        self._take_turn()
        try:
            super()._start_transaction_under_autocommit()  # type: ignore[misc]  # not in its stubs
        except BaseException:
            self._end_turn()
            raise

    def _commit(self) -> None:
        try:
            super()._commit()  # type: ignore[misc]  # not in its stubs
        finally:
            self._end_turn()

    def _rollback(self) -> None:
        try:
            super()._rollback()  # type: ignore[misc]  # not in its stubs
        finally:
            self._end_turn()

    def _close(self) -> None:
        try:
            super()._close()  # type: ignore[misc]  # not in its stubs
        finally:
            self._end_turn()

    def _take_turn(self) -> None:
        if self._turn is None and not self.is_in_memory_db():
            turn = writers_of(Path(self.settings_dict["NAME"]))
            turn.take_turn(self.settings_dict["OPTIONS"].get("timeout", _TIMEOUT))
            self._turn = turn

    def _end_turn(self) -> None:
        turn, self._turn = self._turn, None
        if turn is not None:
            turn.end_turn()


class Cursor(base.SQLiteCursorWrapper):
    """Django's cursor, which takes a turn for a write outside a transaction."""

    database: DatabaseWrapper
    #: what such a write gave back (RETURNING), as far as it has not been fetched
    _returned: Iterator[Any] | None = None

    def execute(self, query: str, params: Any = None) -> Any:
        """Execute a statement."""
        self._returned = None
        if self.database.autocommit and query.lstrip().startswith(_WRITES):
            with self.database.turn():
                done = super().execute(query, params)
                if self.description is not None:
                    # SQLite commits with the last row; to be read when others write is too late.
                    self._returned = iter(super().fetchall())
                return done
        return super().execute(query, params)

    def fetchone(self) -> Any:
        """Fetch the next row, or None."""
        return super().fetchone() if self._returned is None else next(self._returned, None)

    def fetchmany(self, size: int | None = None) -> list[Any]:
        """Fetch some rows."""
        most = self.arraysize if size is None else size
        if self._returned is None:
            return super().fetchmany(most)
        return list(itertools.islice(self._returned, most))

    def fetchall(self) -> list[Any]:
        """Fetch the other rows."""
        return super().fetchall() if self._returned is None else list(self._returned)

    def __next__(self) -> Any:
        """Give the next row to a loop."""
        return super().__next__() if self._returned is None else next(self._returned)
