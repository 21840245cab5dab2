"""What a gateway has written down: its database, read from outside while it works."""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

Row = dict[str, Any]

#: Seconds to wait for a writer of the gateway's.
_PATIENCE = 20.0

#: What ends a wait: all that is due later is due now, and no partner is known to be away.
_TURN_CLOCK = (
    "message SET due_at = created_at WHERE due_at IS NOT NULL AND state <> 'waiting'",
    "mdn SET due_at = created_at WHERE due_at IS NOT NULL",
    "delivery SET due_at = created_at WHERE due_at IS NOT NULL",
    "attempt SET ended_at = '2000-01-01 00:00:00+00:00' WHERE error_class <> ''",
)


@dataclass(frozen=True, slots=True)
class Records:
    """The database of one gateway, by file or by URL."""

    database: Path | str

    def rows(self, query: str) -> list[Row]:
        """Run a query; each row by its columns' names."""
        with self._cursor() as cursor:
            cursor.execute(query)
            return [dict(row) for row in cursor.fetchall()]

    def count(self, table: str) -> int:
        """How many rows a table of ``messages`` has."""
        found: int = self.rows(f"SELECT count(*) AS n FROM as2_messages_{table}")[0]["n"]
        return found

    def messages(self, filename: str = "", direction: str = "", **more: str) -> list[Row]:
        """Messages, the oldest first, each with its MDNs under ``mdns``; ``more`` are columns."""
        wanted = {"filename": filename, "direction": direction, **more}
        where = " AND ".join(f"{name} = '{value}'" for name, value in wanted.items() if value)
        query = f"SELECT * FROM as2_messages_message WHERE {where or '1 = 1'} ORDER BY id"
        found = [_read_json(row) for row in self.rows(query)]
        ids = ", ".join(str(row["id"]) for row in found) or "NULL"
        mdns = self.rows(f"SELECT * FROM as2_messages_mdn WHERE message_id IN ({ids}) ORDER BY id")
        return [row | {"mdns": [m for m in mdns if m["message_id"] == row["id"]]} for row in found]

    def message(self, filename: str, direction: str) -> Row:
        """The one message of that file; AssertionError if there is another number of them."""
        found = self.messages(filename, direction)
        assert len(found) == 1, f"{len(found)} messages {direction} of {filename}"
        return found[0]

    def states(self, direction: str) -> dict[str, str]:
        """The state of each message by its file's name."""
        return {row["filename"]: row["state"] for row in self.messages(direction=direction)}

    def turn_clock(self) -> None:
        """Let every lease and every gap between tries end now, as if their time had passed."""
        with self._cursor() as cursor:
            for change in _TURN_CLOCK:
                cursor.execute(f"UPDATE as2_messages_{change}")

    @contextmanager
    def _cursor(self) -> Iterator[Any]:
        if isinstance(self.database, Path):
            connection = sqlite3.connect(self.database, timeout=_PATIENCE)
            connection.row_factory = sqlite3.Row
            try:
                with connection:
                    yield connection.cursor()
            finally:
                connection.close()
        else:
            with psycopg.connect(self.database, row_factory=dict_row) as server:
                yield server.cursor()


def _read_json(row: Row) -> Row:
    # PostgreSQL's driver has read it already.
    texts = {name: row[name] for name in _JSON if isinstance(row[name], str)}
    return row | {name: json.loads(text) for name, text in texts.items()}


_JSON: Sequence[str] = ("mics", "headers", "notes", "settings")
