"""The backend itself: ``ENGINE`` is ``config.sqlite3``."""

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

    def execute(self, query: str, params: Any = None) -> Any:
        """Execute a statement."""
        if self.database.autocommit and query.lstrip().startswith(_WRITES):
            with self.database.turn():
                return super().execute(query, params)
        return super().execute(query, params)
