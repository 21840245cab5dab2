"""Triggers: the database itself notes that settings changed, whoever changed them and how.

An ``UPDATE`` in bulk, a restored table or a hand in the database's shell are seen like any save.
The token is random, not counted: two transactions that never saw each other, one of them rolled
back, must not meet at the same number.
"""

from collections.abc import Iterator
from typing import Any, Final

from django.apps import apps
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

#: Models whose rows policies are made from, and those that are asked for with every message.
WATCHED: Final = (
    "Organization",
    "Partner",
    "Connection",
    "PartnerCertificate",
    "KeyPair",
    "Rollover",
    "Confirmation",
    "Webhook",
)

_SQLITE_DROP: Final = "DROP TRIGGER IF EXISTS {table}_revised_by_{verb}"
_SQLITE: Final = (
    "CREATE TRIGGER {table}_revised_by_{verb} AFTER {verb} ON {table} BEGIN "
    "INSERT OR REPLACE INTO partners_revision (id, token) VALUES (1, hex(randomblob(16))); END"
)
_POSTGRESQL_FUNCTION: Final = (
    "CREATE OR REPLACE FUNCTION partners_revise() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
    "INSERT INTO partners_revision (id, token) VALUES (1, gen_random_uuid()::text) "
    "ON CONFLICT (id) DO UPDATE SET token = excluded.token; RETURN NULL; END $$"
)
_POSTGRESQL: Final = (
    "CREATE OR REPLACE TRIGGER {table}_revised AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE "
    "ON {table} FOR EACH STATEMENT EXECUTE FUNCTION partners_revise()"
)


def install(*, using: str, **_kwargs: Any) -> None:
    """Create the triggers anew; runs after every ``migrate``.

    Not in a migration: SQLite alters a table by making another one, which loses its triggers.
    """
    database = connections[using]
    models = [apps.get_model("partners", name) for name in WATCHED]
    watched = {model._meta.db_table for model in models}  # noqa: SLF001 - Django's public API
    with database.cursor() as cursor:
        existing = database.introspection.table_names(cursor)
        for statement in _statements(database, sorted(watched & set(existing))):
            cursor.execute(statement)


def _statements(database: BaseDatabaseWrapper, tables: list[str]) -> Iterator[str]:
    if database.vendor == "postgresql":
        yield _POSTGRESQL_FUNCTION
        yield from (_POSTGRESQL.format(table=table) for table in tables)
        return
    for table in tables:
        for verb in ("INSERT", "UPDATE", "DELETE"):
            yield _SQLITE_DROP.format(table=table, verb=verb)
            yield _SQLITE.format(table=table, verb=verb)
