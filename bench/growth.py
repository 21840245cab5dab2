"""Growth: what the same work costs when very many messages are stored.

The rows are made in bulk, by the database itself, after one message that really came.
"""

import json
import sqlite3
from contextlib import closing

from bench import cpu, gateway
from bench.figures import Figure, Report
from bench.gateway import Side

#: Rows of one transaction: other writers wait no longer than this takes.
_AT_ONCE = 20_000
_MESSAGES = 200
#: What gets a new value in each row; all else is that of the first message.
_NEW = {
    "as2_messages_message": {
        "message_id": "'<' || n || '@made.example>'",
        "replay_key": "lower(hex(randomblob(32)))",
        "edi_control_number": "n",
        "created_at": "datetime('now', '-' || n || ' seconds')",
    },
    "as2_messages_mdn": {"mdn_message_id": "'<' || n || '@ours.example>'", "message_id": "pk"},
    "as2_messages_delivery": {"message_id": "pk"},
}
_PAGES = """
import json, time
from django.contrib.auth import get_user_model
from django.test import Client
from messages.sweeping import sweep
user, _ = get_user_model().objects.get_or_create(
    username="bench", is_staff=True, is_superuser=True)
client = Client(SERVER_NAME="127.0.0.1")
client.force_login(user)
def took(call):
    times = []
    for _ in range(3):
        start = time.perf_counter(); call(); times.append(time.perf_counter() - start)
    return min(times) * 1e3
def page():
    assert client.get("/admin/as2_messages/message/").status_code == 200
print(json.dumps({"list page": took(page), "sweep": took(sweep)}))
"""


def measure(report: Report, rows: int) -> None:
    """Measure with a thousand messages, and with ``rows``."""
    report.title("growth: the same work with more messages stored")
    with gateway.pair({"AS2_WEB_WORKERS": "2"}) as (folder, vendor, _retailer):
        gateway.receive(vendor, gateway.prepare(folder, 10, 2_000), 1)
        few: dict[str, float] = {}
        for number in (1_000, rows):
            _fill(vendor, number)
            found = _costs(vendor, gateway.prepare(folder, _MESSAGES, 2_000))
            for name, value in found.items():
                ratio = value / few[name] if few else None
                label = f"{name}, {number} stored"
                report.add(Figure(label, value, "ms", ratio, "with 1 000" if few else ""))
            few = found


def _costs(vendor: Side, batch: list[bytes]) -> dict[str, float]:
    before = cpu.seconds(vendor.gateway)
    gateway.receive(vendor, batch, 8)
    used = (cpu.seconds(vendor.gateway) - before) / len(batch) * 1e3
    printed = vendor.gateway.manage("shell", "--no-imports", "--command", _PAGES, timeout=600)
    pages: dict[str, float] = json.loads(printed.strip().splitlines()[-1])
    return {"receive (processor)": used, **pages}


def _fill(side: Side, number: int) -> None:
    """Add rows until there are so many messages."""
    path = side.gateway.home / "db.sqlite3"
    with closing(sqlite3.connect(path, timeout=60)) as database:
        [have], [highest] = (
            database.execute(f"SELECT {what} FROM as2_messages_message").fetchone()
            for what in ("count(*)", "max(id)")
        )
        for first in range(highest + 1, highest + 1 + number - have, _AT_ONCE):
            last = min(first + _AT_ONCE, highest + 1 + number - have)
            with database:
                for table, new in _NEW.items():
                    database.execute(_statement(database, table, new), (first, last))


def _statement(database: sqlite3.Connection, table: str, new: dict[str, str]) -> str:
    """Copy the first row with these values instead, once for each number of a range."""
    columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
    values = {"id": "pk"} if table == "as2_messages_message" else {"id": "NULL"}
    picked = [{**values, **new}.get(column, f'"{column}"') for column in columns]
    return (
        f"WITH RECURSIVE made(n) AS (SELECT ? UNION ALL SELECT n + 1 FROM made WHERE n + 1 < ?), "
        f"numbers AS (SELECT n, n AS pk FROM made) "
        f"INSERT INTO {table} ({', '.join(columns)}) "
        f"SELECT {', '.join(picked)} FROM numbers, (SELECT * FROM {table} ORDER BY id LIMIT 1)"
    )
