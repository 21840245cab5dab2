"""What the audit tests share."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connection

from audit import triggers


@contextmanager
def _without_triggers() -> Iterator[None]:
    triggers.drop(connection)
    try:
        yield
    finally:
        triggers.create(connection)


@pytest.fixture
def tamper() -> Iterator[None]:
    """Be somebody with full rights on the database: no trigger stands in the way."""
    with _without_triggers():
        yield
