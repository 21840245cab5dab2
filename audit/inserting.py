"""Inserting: one new row by one statement that is built once for each kind of row.

Django's ORM builds each INSERT anew, column by column; for the rows that every message makes this
took more time than the statements themselves. Here the statement is remembered, and plain values
go to the database as they are. No signal is sent and no parent is saved: for models without any.
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db import connection as database
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone

Row = TypeVar("Row", bound=models.Model)

#: Makes of an attribute's value what the driver is given.
Adapter = Callable[[Any, BaseDatabaseWrapper], Any]

#: Fields whose values the drivers take as they stand in the row.
_PLAIN = (
    models.CharField,
    models.TextField,
    models.BooleanField,
    models.IntegerField,
    models.ForeignKey,
)


@dataclass(frozen=True, slots=True)
class _Statement:
    """The INSERT of one model for one kind of database."""

    sql: str
    #: attribute, and how its value is adapted; None = as it is
    columns: tuple[tuple[str, Adapter | None], ...]
    #: attributes that are the time of writing
    stamped: tuple[str, ...]


def insert(row: Row) -> Row:
    """Write a new row as ``save`` would, and give it back with its primary key.

    Raises what the database raises, such as IntegrityError.
    """
    statement = _statement(type(row), database.vendor)
    values = row.__dict__
    for name in statement.stamped:
        values[name] = timezone.now()
    with database.cursor() as cursor:
        cursor.execute(statement.sql, _parameters(statement.columns, values))
        row.pk = cursor.fetchone()[0]
    row._state.adding, row._state.db = False, database.alias  # noqa: SLF001  as save leaves it
    return row


def _parameters(columns: Sequence[tuple[str, Adapter | None]], values: dict[str, Any]) -> list[Any]:
    return [
        values[name] if adapt is None else adapt(values[name], database) for name, adapt in columns
    ]


@functools.cache
def _statement(model: type[models.Model], _vendor: str) -> _Statement:
    meta, quote = model._meta, database.ops.quote_name  # noqa: SLF001  Django's documented name
    key = meta.pk
    fields = [field for field in meta.concrete_fields if field is not key]
    names = ", ".join(quote(field.column or "") for field in fields)
    marks = ", ".join(["%s"] * len(fields))
    return _Statement(
        f"INSERT INTO {quote(meta.db_table)} ({names}) VALUES ({marks}) "  # noqa: S608  names are the model's
        f"RETURNING {quote(key.column or '')}",
        tuple((field.attname, adapter(field)) for field in fields),
        tuple(
            field.attname
            for field in fields
            if getattr(field, "auto_now_add", False) or getattr(field, "auto_now", False)
        ),
    )


def adapter(field: "models.Field[Any, Any]") -> Adapter | None:
    """How the values of a column are adapted for the driver; None = not at all."""
    if isinstance(field, _PLAIN) and not isinstance(field, models.GenericIPAddressField):
        return None
    return field.get_db_prep_save
