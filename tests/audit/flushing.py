"""Tests that commit have their tables emptied afterwards, which the audit triggers refuse."""

from collections.abc import Iterator
from unittest.mock import patch

import pytest
from django.db import models  # noqa: F401  # first, or the next import is circular
from django.db.backends.base.operations import BaseDatabaseOperations

from audit import triggers


@pytest.fixture(scope="session", autouse=True)
def flush_audit_rows() -> Iterator[None]:
    """Lift the triggers while Django flushes, and only then."""
    flush = BaseDatabaseOperations.execute_sql_flush

    def flush_past_triggers(ops: BaseDatabaseOperations, statements: list[str]) -> None:
        triggers.drop(ops.connection)
        try:
            flush(ops, statements)
        finally:
            triggers.create(ops.connection)

    with patch.object(BaseDatabaseOperations, "execute_sql_flush", flush_past_triggers):
        yield
