"""Literals: words of ours that stand in a query itself, not beside it as parameters.

SQLite takes an index of some rows only for a query that says, in the same words as the index, that
it is about these rows. A parameter does not say so, and the query would read the whole table.
"""

from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import TextField, Value
from django.db.models.sql.compiler import SQLCompiler


class Literal(Value):
    """A text that is written into the query: a constant, never what anybody has sent."""

    def __init__(self, word: str) -> None:
        if not word.replace("-", "").isalnum() and word:
            raise ValueError(f"{word!r} is more than a word")
        super().__init__(word, output_field=TextField())

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper
    ) -> tuple[str, tuple[Any, ...]]:
        """Quote the word; it has nothing in it that would need more."""
        return f"'{self.value}'", ()
