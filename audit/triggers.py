"""Triggers: the database refuses to change or remove audit rows, whoever asks.

They bind the application's own database user too. Somebody who may drop triggers can still
alter rows; that is what the seals are for.
"""

from typing import Final

from django.db.backends.base.base import BaseDatabaseWrapper

TABLES: Final = ("audit_auditevent", "audit_auditseal")

_SQLITE: Final = (
    "CREATE TRIGGER {table}_no_{verb} BEFORE {verb} ON {table} "
    "BEGIN SELECT RAISE(ABORT, 'audit rows are append-only'); END"
)
_POSTGRESQL_FUNCTION: Final = (
    "CREATE FUNCTION audit_append_only() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'audit rows are append-only' "
    "USING ERRCODE = 'integrity_constraint_violation'; END $$"
)
_POSTGRESQL: Final = (
    "CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
    "FOR EACH STATEMENT EXECUTE FUNCTION audit_append_only()"
)


def create(connection: BaseDatabaseWrapper) -> None:
    """Forbid UPDATE and DELETE (and TRUNCATE, which only PostgreSQL has)."""
    _execute(connection, _creating(connection.vendor))


def drop(connection: BaseDatabaseWrapper) -> None:
    """Allow them again: for a migration backwards, and for tests that empty their tables."""
    _execute(connection, _dropping(connection.vendor))


def _creating(vendor: str) -> list[str]:
    if vendor == "postgresql":
        return [_POSTGRESQL_FUNCTION, *(_POSTGRESQL.format(table=table) for table in TABLES)]
    return [
        _SQLITE.format(table=table, verb=verb) for table in TABLES for verb in ("UPDATE", "DELETE")
    ]


def _dropping(vendor: str) -> list[str]:
    if vendor == "postgresql":
        return ["DROP FUNCTION IF EXISTS audit_append_only() CASCADE"]  # the triggers go with it
    return [
        f"DROP TRIGGER IF EXISTS {table}_no_{verb}"
        for table in TABLES
        for verb in ("UPDATE", "DELETE")
    ]


def _execute(connection: BaseDatabaseWrapper, statements: list[str]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
