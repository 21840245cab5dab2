"""Reading: rows by queries whose SQL is made once, for what every message asks again and again.

Django compiles a query anew each time it is asked, which takes longer than the database needs to
answer. A ``Prepared`` query is written with the ORM and compiled at its first use.
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection as database
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.sql.compiler import SQLCompiler

#: What makes of a value of the driver's one of the model's.
_Converter = Callable[[Any, Any, BaseDatabaseWrapper], Any]
#: What is done with which column of a result, and the expression that the column is.
_Converters = dict[int, tuple[list[_Converter], Any]]


class Parameter(models.Expression):
    """Stands in a query for a value that is given each time it is asked."""

    def __init__(self, name: str, field: "models.Field[Any, Any]") -> None:
        super().__init__(output_field=field)
        self.name = name

    def as_sql(
        self, _compiler: SQLCompiler, _connection: BaseDatabaseWrapper
    ) -> tuple[str, tuple[Any, ...]]:
        """Let the parameter stand among those of the statement."""
        return "%s", (self,)

    def adapt(self, value: Any) -> Any:
        """Make of a value what the driver takes."""
        return self.output_field.get_db_prep_value(value, database)


@dataclass(frozen=True, slots=True)
class _Compiled:
    """A SELECT for one kind of database."""

    sql: str
    #: a Parameter, or a value that is always the same
    parameters: tuple[Any, ...]
    converters: _Converters


class Prepared:
    """A query of some columns (``values_list``), compiled once for each kind of database.

    ``build`` makes the query set of parameters, one for each field that is named.
    """

    def __init__(
        self,
        build: Callable[..., "models.QuerySet[Any, Any]"],
        **fields: "models.Field[Any, Any]",
    ) -> None:
        self._build = build
        self._fields = fields
        self._compiled: dict[str, _Compiled] = {}

    def rows(self, **values: Any) -> list[Sequence[Any]]:
        """Ask; every parameter has to be given, and none may be None."""
        compiled = self._compiled.get(database.vendor) or self._compile()
        parameters = [
            each.adapt(values[each.name]) if isinstance(each, Parameter) else each
            for each in compiled.parameters
        ]
        with database.cursor() as cursor:
            cursor.execute(compiled.sql, parameters)
            return [_converted(row, compiled.converters) for row in cursor.fetchall()]

    def first(self, **values: Any) -> Sequence[Any] | None:
        """Return the first row, or None; the query should have a limit."""
        return next(iter(self.rows(**values)), None)

    def _compile(self) -> _Compiled:
        given = {name: Parameter(name, field) for name, field in self._fields.items()}
        compiler = self._build(**given).query.get_compiler(connection=database)
        sql, parameters = compiler.as_sql()
        converters = compiler.get_converters([column for column, _, _ in compiler.select or ()])
        compiled = _Compiled(sql, tuple(parameters), converters)
        self._compiled[database.vendor] = compiled
        return compiled


def refresh(row: models.Model, *, lock: bool = False) -> None:
    """Read all columns of a row anew, as ``refresh_from_db`` does. Raises DoesNotExist.

    With ``lock`` the row is kept from others until the transaction ends, which there must be.
    """
    columns = _columns(type(row), database.vendor)
    locking = " FOR UPDATE" if lock and database.features.has_select_for_update else ""
    with database.cursor() as cursor:
        cursor.execute(columns.select + locking, [row.pk])
        values = cursor.fetchone()
    if values is None:
        raise type(row).DoesNotExist(f"{row} is gone")  # type: ignore[attr-defined]  # each model has one
    fill(row, values)


def returning(model: type[models.Model]) -> str:
    """Write what a statement gives back of each row that it changes, for ``fill``."""
    return f" RETURNING {_columns(model, database.vendor).names}"


def fill(row: models.Model, values: Sequence[Any]) -> None:
    """Let a row have all columns as the driver gave them, in the order of its model."""
    columns = _columns(type(row), database.vendor)
    converted = _converted(values, columns.converters)
    for field, value in zip(columns.fields, converted, strict=True):
        if field.is_relation and field.is_cached(row) and row.__dict__[field.attname] != value:
            field.delete_cached_value(row)
        row.__dict__[field.attname] = value
    row._state.adding, row._state.db = False, database.alias  # noqa: SLF001  as Django leaves it


def _converted(row: Sequence[Any], converters: _Converters) -> list[Any]:
    values = list(row)
    for number, (steps, column) in converters.items():
        for convert in steps:
            values[number] = convert(values[number], column, database)
    return values


@dataclass(frozen=True, slots=True)
class _Columns:
    """All columns of a model, and the query for one row of it."""

    names: str
    select: str
    fields: tuple[Any, ...]
    converters: _Converters


@functools.cache
def _columns(model: type[models.Model], _vendor: str) -> _Columns:
    meta, quote = model._meta, database.ops.quote_name  # noqa: SLF001  Django's documented name
    converters: _Converters = {}
    for number, field in enumerate(meta.concrete_fields):
        column = field.get_col(meta.db_table)
        steps = [*database.ops.get_db_converters(column), *column.get_db_converters(database)]
        if steps:
            converters[number] = steps, column
    names = ", ".join(quote(field.column or "") for field in meta.concrete_fields)
    return _Columns(
        names,
        f"SELECT {names} FROM {quote(meta.db_table)} WHERE {quote(meta.pk.column or '')} = %s",  # noqa: S608  names are the model's
        tuple(meta.concrete_fields),
        converters,
    )
