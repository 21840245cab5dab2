"""The database refuses to change audit rows, whoever asks."""

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from audit.models import AuditEvent, AuditSeal
from audit.recording import Subject, record
from audit.sealing import seal
from audit.tags import Tag
from audit.triggers import TABLES

pytestmark = pytest.mark.django_db


@pytest.fixture
def rows() -> None:
    record(Tag.MESSAGE_OUTBOUND_SENT, Subject("message", "1", "a"), "x")
    seal()


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize("model", [AuditEvent, AuditSeal])
def test_an_update_is_refused(model: type[AuditEvent | AuditSeal]) -> None:
    column = "at" if model is AuditEvent else "sealed_at"
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        model._default_manager.update(**{column: timezone.now()})


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize("table", TABLES)
def test_a_delete_is_refused(table: str) -> None:
    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"DELETE FROM {table}")


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize("table", TABLES)
def test_a_table_is_not_emptied_either(table: str) -> None:
    # SQLite has no TRUNCATE, and takes a DELETE without WHERE as one.
    verb = "TRUNCATE" if connection.vendor == "postgresql" else "DELETE FROM"
    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"{verb} {table}")


def test_triggers_can_be_lifted_for_a_migration_backwards(rows: None, tamper: None) -> None:
    AuditEvent.objects.all().delete()
    assert not AuditEvent.objects.exists()
