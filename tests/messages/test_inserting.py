"""Inserting: what is written by the remembered statement is what ``save`` would write."""

import datetime as dt

import pytest
from django.db import IntegrityError, models, transaction
from django.utils import timezone

from audit.inserting import insert
from audit.models import AuditEvent
from messages.models import MDN, Delivery, Message
from tests import factories
from tests.messages import arrange

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("home")]

AT = dt.datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=dt.UTC)


def columns(row: models.Model) -> dict[str, object]:
    """What the database holds of a row, but for its key and the time of writing."""
    [values] = type(row)._default_manager.filter(pk=row.pk).values()
    return {name: value for name, value in values.items() if name not in {"id", "created_at"}}


def rows() -> list[models.Model]:
    message = arrange.accepted_message(factories.connection())
    mdn = MDN(message=message, direction="outbound", state="answered", headers=[["A", "ö"]])
    event = AuditEvent(at=AT, tag="t", actor="a", address="2001:db8::1", data={"x": [1, None]})
    return [mdn, event, Delivery(message=message, target="a/b/c", due_at=AT)]


@pytest.mark.parametrize("number", range(3))
def test_a_row_is_what_save_would_have_made_it(number: int) -> None:
    row = rows()[number]
    inserted = columns(insert(row))
    if isinstance(row, Delivery):  # only one may have its target
        Delivery.objects.filter(pk=row.pk).delete()
    row.pk, row._state.adding = None, True
    row.save()
    assert columns(row) == inserted


def test_a_message_is_what_save_would_have_made_it() -> None:
    saved = arrange.accepted_message(factories.connection())
    copy = Message.objects.get(pk=saved.pk)
    copy.pk, copy.message_id = None, "<another@amazon.example>"
    copy._state.adding = True
    before = timezone.now()
    inserted = insert(copy)
    assert columns(inserted) == columns(saved) | {"message_id": "<another@amazon.example>"}
    assert before <= Message.objects.get(pk=inserted.pk).created_at <= timezone.now()


def test_an_inserted_row_can_be_saved_and_read_again() -> None:
    row = insert(rows()[2])
    assert isinstance(row, Delivery)
    row.failure_text = "changed"
    row.save()
    assert Delivery.objects.get(pk=row.pk).failure_text == "changed"


def test_a_constraint_is_not_passed_over() -> None:
    message = arrange.accepted_message(factories.connection())
    message.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        insert(message)
