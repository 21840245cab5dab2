"""Statements that are built once: they read and write what the ORM would."""

import datetime as dt

import pytest
from django.core.exceptions import FieldDoesNotExist
from django.db import connection as database
from django.db import transaction
from django.db.models import BigAutoField, CharField
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audit.durability import unhurried
from audit.reading import Prepared, refresh
from audit.updating import ONE_MORE, update, update_and_read
from messages.models import Message, State
from partners.models import Partner
from tests import factories
from tests.messages import arrange


@pytest.fixture
def row(db: None) -> Message:
    return arrange.accepted_message(factories.connection())


def test_all_kinds_of_values_are_written_and_read_back(row: Message) -> None:
    now = timezone.now()
    changes = {
        "state": State.REJECTED,
        "notes": ["ä", {"a": 1}],
        "finished_at": now,
        "payload_size": 2**40,
        "address": "::1",
        "compressed": True,
        "payload_sha256": "",
        "mdn_deadline": None,
    }
    assert update(Message, {"pk": row.pk}, changes) == 1
    for read in (Message.objects.get(pk=row.pk), row):
        refresh(read)
        assert {name: getattr(read, name) for name in changes} == changes


def test_a_refresh_reads_what_the_orm_reads(row: Message) -> None:
    by_orm = Message.objects.get(pk=row.pk)
    refresh(row)
    names = [field.attname for field in Message._meta.concrete_fields]
    assert [getattr(row, name) for name in names] == [getattr(by_orm, name) for name in names]


def test_an_update_changes_only_rows_for_which_all_conditions_hold(row: Message) -> None:
    when = timezone.now()
    open_state = {"state": State.RECEIVED, "due_at": when}
    assert update(Message, {"pk": row.pk, "due_at": None}, open_state) == 1
    assert update(Message, {"pk": row.pk, "due_at": None}, {"attempts": 9}) == 0
    early = when - dt.timedelta(seconds=1)
    assert update(Message, {"pk": row.pk, "due_at__lte": early}, {"attempts": 9}) == 0
    assert update(Message, {"pk": row.pk, "due_at__lte": when}, {"attempts": ONE_MORE}) == 1
    assert update(Message, {"due_at": when}, {"attempts": ONE_MORE}) == 1
    refresh(row)
    assert [row.attempts, row.due_at] == [2, when]


def test_a_row_is_changed_and_read_by_one_statement_if_the_conditions_hold(row: Message) -> None:
    Message.objects.filter(pk=row.pk).update(notes=["written by another"], payload_size=7)
    changes = {"attempts": ONE_MORE, "finished_at": timezone.now()}
    with CaptureQueriesContext(database) as captured:
        assert update_and_read(row, {"attempts": 0}, changes)
    assert len(captured) == 1
    by_orm = Message.objects.get(pk=row.pk)
    names = [field.attname for field in Message._meta.concrete_fields]
    assert [getattr(row, name) for name in names] == [getattr(by_orm, name) for name in names]
    assert [row.attempts, row.notes, row.payload_size] == [1, ["written by another"], 7]


def test_a_row_is_neither_changed_nor_read_if_a_condition_does_not_hold(row: Message) -> None:
    other = arrange.accepted_message(row.connection, message_id="<other@x>")
    Message.objects.update(payload_size=7)
    assert not update_and_read(row, {"attempts": 1}, {"attempts": ONE_MORE})
    assert row.payload_size != Message.objects.get(pk=row.pk).payload_size == 7
    assert update_and_read(row, {}, {"attempts": ONE_MORE})
    assert [row.attempts, Message.objects.get(pk=other.pk).attempts] == [1, 0]


def test_a_name_that_is_no_column_is_refused(row: Message) -> None:
    with pytest.raises(FieldDoesNotExist, match="no column of the attribute connection"):
        update(Message, {"pk": row.pk}, {"connection": row.connection})


def test_a_row_that_is_gone_cannot_be_refreshed(row: Message) -> None:
    row.pk += 1
    with pytest.raises(Message.DoesNotExist):
        refresh(row)


def test_a_refresh_forgets_the_object_of_another_key(row: Message) -> None:
    other = factories.connection(
        row.connection.organization, row.connection.partner, as2_id="OTHER"
    )
    assert row.connection != other
    Message.objects.filter(pk=row.pk).update(connection=other)
    refresh(row)
    assert row.connection == other


@pytest.mark.django_db
def test_a_prepared_query_is_compiled_once_and_asked_with_other_values() -> None:
    partners = [Partner.objects.create(name=name) for name in ("Amazon", "Walmart")]
    by_name = Prepared(
        lambda pk, name: (
            Partner.objects.filter(pk=pk, name=name)
            .order_by()
            .values_list("pk", "name", "created_at")
        ),
        pk=BigAutoField(),
        name=CharField(),
    )
    for partner in partners:
        found = by_name.first(pk=partner.pk, name=partner.name)
        assert found is not None
        assert tuple(found) == (partner.pk, partner.name, partner.created_at)
        assert by_name.first(pk=partner.pk, name=f"{partner.name}x") is None


@pytest.mark.django_db(transaction=True)
def test_an_unhurried_transaction_does_not_wait_and_the_next_one_does() -> None:
    with CaptureQueriesContext(database) as captured:
        with unhurried():
            factories.connection()
        assert Partner.objects.exists()
    words = [query["sql"].strip() for query in captured]
    if database.vendor == "postgresql":
        assert "SET LOCAL synchronous_commit TO OFF" in words
        with database.cursor() as cursor:
            cursor.execute("SHOW synchronous_commit")
            assert cursor.fetchone() == ("on",)
    else:
        assert words.index("PRAGMA synchronous=NORMAL") < words.index("COMMIT")
        with database.cursor() as cursor:
            cursor.execute("PRAGMA synchronous")
            assert cursor.fetchone() == (2,)  # FULL


@pytest.mark.django_db(transaction=True)
def test_an_unhurried_transaction_that_fails_leaves_nothing() -> None:
    with pytest.raises(Partner.DoesNotExist), unhurried():
        Partner.objects.get(pk=factories.connection().partner.pk + 1)
    assert not Partner.objects.exists()
    with transaction.atomic(), unhurried():
        factories.connection()
    assert Partner.objects.exists()
