"""Which database, and the options that durability rests on."""

from typing import Final

from environ import FileAwareEnv

from config.home import Home

# How long a writer waits for another one, in seconds (threats IN5: "database is locked").
BUSY_TIMEOUT: Final = 20

# A commit that was answered must survive a power cut: WAL alone with NORMAL may roll it back.
SQLITE_PRAGMAS: Final = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL"


def configure(url: str, conn_max_age: int, home: Home) -> dict[str, object]:
    """Return Django's settings for the database at ``url``; "" is SQLite in the home folder."""
    found: dict[str, object] = dict(FileAwareEnv.db_url_config(url or f"sqlite:///{home.database}"))
    options = found.get("OPTIONS")
    given = options if isinstance(options, dict) else {}
    if str(found["ENGINE"]).endswith("sqlite3"):
        return found | {"ENGINE": "config.sqlite3"} | _sqlite(given, home)
    return found | {
        "CONN_MAX_AGE": conn_max_age,
        "CONN_HEALTH_CHECKS": True,
        # The server may be set to "off", and then loses commits that were answered (IN4).
        "OPTIONS": {"options": "-c synchronous_commit=on", "connect_timeout": 10, **given},
    }


def _sqlite(given: dict[str, object], home: Home) -> dict[str, object]:
    return {
        # The last connection to close checkpoints and removes the log: keep them open.
        "CONN_MAX_AGE": None,
        "OPTIONS": {
            "timeout": BUSY_TIMEOUT,
            # A transaction that reads first and writes later fails at once when another has
            # written in between; IMMEDIATE waits its turn instead.
            "transaction_mode": "IMMEDIATE",
            "init_command": SQLITE_PRAGMAS,
            **given,
        },
        # Tests use a file too: a database in memory has no log and no waiting writers.
        "TEST": {"NAME": home.root / "test.sqlite3"},
    }
