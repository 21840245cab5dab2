"""Updating: rows changed on a condition, by a statement that is built once for each kind of change.

The counterpart of ``inserting``: what every message does some ten times is not compiled anew by the
ORM each time. No signal is sent.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.core.exceptions import FieldDoesNotExist
from django.db import connection as database
from django.db import models

from audit.inserting import Adapter, adapter
from audit.reading import fill, returning

#: Columns by their attribute, such as ``message_id`` for the key of ``message``.
Columns = Mapping[str, Any]

_UP_TO: Final = "__lte"


class _OneMore:
    """See ONE_MORE."""


#: In place of a new value: the old one and one.
ONE_MORE: Final = _OneMore()


@dataclass(frozen=True, slots=True)
class _Statement:
    """An UPDATE for one kind of database, and how each value is adapted; None = as it is."""

    sql: str
    adapters: tuple[Adapter | None, ...]


def update(model: type[models.Model], where: Columns, changes: Columns) -> int:
    """Write ``changes`` into the rows for which all of ``where`` holds; how many these are.

    A condition is equality (None = IS NULL), or ``name__lte``. Raises FieldDoesNotExist for a name
    that is no column, and what the database raises, such as IntegrityError.
    """
    sql, parameters = _bound(model, where, changes)
    with database.cursor() as cursor:
        cursor.execute(sql, parameters)
        return int(cursor.rowcount)


def update_and_read(row: models.Model, where: Columns, changes: Columns) -> bool:
    """Do the same with one row, and read all of its columns as they are then; whether it was so.

    ``where`` holds besides that it is this row.
    """
    sql, parameters = _bound(type(row), {"pk": row.pk, **where}, changes)
    with database.cursor() as cursor:
        cursor.execute(sql + returning(type(row)), parameters)
        found = cursor.fetchall()
    for values in found:
        fill(row, values)
    return bool(found)


def _bound(model: type[models.Model], where: Columns, changes: Columns) -> tuple[str, list[Any]]:
    """Return the statement, and its parameters as the driver takes them."""
    absent = frozenset(name for name, value in where.items() if value is None)
    more = frozenset(name for name, value in changes.items() if value is ONE_MORE)
    statement = _statement(model, (tuple(where), absent), (tuple(changes), more), database.vendor)
    given = [value for value in changes.values() if value is not ONE_MORE]
    given += [value for value in where.values() if value is not None]
    return statement.sql, [
        value if adapt is None else adapt(value, database)
        for adapt, value in zip(statement.adapters, given, strict=True)
    ]


#: Names of columns, and which of them have no value to be given.
_Names = tuple[tuple[str, ...], frozenset[str]]


@functools.lru_cache(maxsize=256)
def _statement(
    model: type[models.Model], where: _Names, changes: _Names, _vendor: str
) -> _Statement:
    meta, quote = model._meta, database.ops.quote_name  # noqa: SLF001  Django's documented name
    by_attribute = {field.attname: field for field in meta.concrete_fields} | {"pk": meta.pk}

    def field(name: str) -> "models.Field[Any, Any]":
        try:
            return by_attribute[name.removesuffix(_UP_TO)]
        except KeyError:
            raise FieldDoesNotExist(f"{meta.label} has no column of the attribute {name}") from None

    def column(name: str) -> str:
        return quote(field(name).column or "")

    (conditions, absent), (changed, more) = where, changes
    assignments = [
        f"{column(name)} = {column(name)} + 1" if name in more else f"{column(name)} = %s"
        for name in changed
    ]
    tests = [f"{column(name)} {_test(name, absent)}" for name in conditions]
    given = [name for name in changed if name not in more]
    given += [name for name in conditions if name not in absent]
    return _Statement(
        f"UPDATE {quote(meta.db_table)} SET {', '.join(assignments)} "  # noqa: S608  names are the model's
        f"WHERE {' AND '.join(tests)}",
        tuple(adapter(field(name)) for name in given),
    )


def _test(name: str, absent: frozenset[str]) -> str:
    if name in absent:
        return "IS NULL"
    return "<= %s" if name.endswith(_UP_TO) else "= %s"
