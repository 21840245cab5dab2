"""Durability: transactions that need not wait for the disk, since a later one does.

The log of either database is in order: a commit that waits makes those before it durable, too. So
a step whose loss would only mean that it is taken again, such as a claim, costs no wait of its own.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection as database
from django.db import transaction


@contextmanager
def unhurried() -> Iterator[None]:
    """Run a block as a transaction whose commit does not wait for the disk.

    Inside of another transaction it is that one's commit which decides.
    """
    if database.in_atomic_block:
        with transaction.atomic():
            yield
    elif database.vendor == "postgresql":
        with transaction.atomic(), database.cursor() as cursor:
            cursor.execute("SET LOCAL synchronous_commit TO OFF")
            yield
    else:
        with synchronous_normal(), transaction.atomic():
            yield


@contextmanager
def synchronous_normal() -> Iterator[None]:
    """Let what SQLite commits not wait for the disk; it takes this only between transactions."""
    with database.cursor() as cursor:
        cursor.execute("PRAGMA synchronous")
        usual = int(cursor.fetchone()[0])
        cursor.execute("PRAGMA synchronous=NORMAL")
        try:
            yield
        finally:
            # By the same connection that is committed which is answered.
            cursor.execute(f"PRAGMA synchronous={usual}")
