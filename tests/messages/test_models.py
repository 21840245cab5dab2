"""Models: what the database itself does not let be, and how a row is claimed and settled."""

import datetime as dt
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from messages.models import Attempt, Delivery, Direction, Message, State
from partners.models import Connection
from tests import factories

pytestmark = pytest.mark.django_db

LEASE = dt.timedelta(minutes=1)


@pytest.fixture
def connection() -> Connection:
    return factories.bare_connection()


def make(connection: Connection, **fields: Any) -> Message:
    defaults = {
        "direction": Direction.OUTBOUND,
        "state": State.QUEUED,
        "due_at": timezone.now(),
        "message_id": "<1@x>",
    }
    return Message.objects.create(connection=connection, **{**defaults, **fields})


def refused(connection: Connection, **fields: Any) -> bool:
    try:
        with transaction.atomic():
            make(connection, **fields)
    except IntegrityError:
        return True
    return False


@pytest.mark.parametrize(
    "fields",
    [
        {"state": State.ACCEPTED, "due_at": None},
        {"state": State.DELIVERED},
        {"state": State.WAITING, "due_at": None},
        {"direction": Direction.INBOUND},
        {"direction": Direction.INBOUND, "state": State.ACCEPTED},
    ],
)
def test_a_state_that_contradicts_direction_or_due_time_is_refused(
    connection: Connection, fields: dict[str, Any]
) -> None:
    assert refused(connection, **fields)


def test_two_outbound_messages_never_share_a_message_id(connection: Connection) -> None:
    make(connection)
    assert refused(connection)


def test_only_one_accepted_message_claims_its_names(connection: Connection) -> None:
    inbound = {"direction": Direction.INBOUND, "due_at": None, "as2_from": "A", "as2_to": "B"}
    make(connection, **inbound, state=State.REJECTED)
    make(connection, **inbound, state=State.ACCEPTED)
    assert refused(connection, **inbound, state=State.ACCEPTED)
    assert not refused(connection, **inbound, state=State.REJECTED)


def test_an_outbox_file_is_the_key_of_one_message(connection: Connection) -> None:
    make(connection, outbox_key="k")
    assert refused(connection, message_id="<2@x>", outbox_key="k")
    assert not refused(connection, message_id="<3@x>", outbox_key="")


def test_an_attempt_belongs_to_a_message_or_to_an_mdn() -> None:
    with pytest.raises(IntegrityError):
        Attempt.objects.create(number=1, url="http://x", started_at=timezone.now())


def test_a_delivery_is_due_as_long_as_it_is_queued(connection: Connection) -> None:
    with pytest.raises(IntegrityError):
        Delivery.objects.create(message=make(connection), target="x", due_at=None)


def test_a_row_that_is_due_is_claimed_once(connection: Connection) -> None:
    message = make(connection)
    copy = Message.objects.get(pk=message.pk)
    now = timezone.now()
    assert message.claim(now, LEASE, state=State.SENDING)
    assert (message.attempts, message.due_at, message.state) == (1, now + LEASE, State.SENDING)
    assert not copy.claim(now, LEASE)


def test_a_row_is_claimed_again_when_its_lease_is_over(connection: Connection) -> None:
    message = make(connection)
    now = timezone.now()
    assert message.claim(now, LEASE)
    assert message.claim(now + LEASE, LEASE)
    assert message.attempts == 2


def test_who_froze_past_the_lease_settles_nothing(connection: Connection) -> None:
    frozen = make(connection)
    now = timezone.now()
    assert frozen.claim(now, LEASE)
    assert Message.objects.get(pk=frozen.pk).claim(now + LEASE, LEASE)
    assert not frozen.settle(state=State.FAILED, due_at=None)
    assert Message.objects.get(pk=frozen.pk).state == State.QUEUED


def test_whoever_holds_the_claim_settles(connection: Connection) -> None:
    message = make(connection)
    message.claim(timezone.now(), LEASE)
    assert message.settle(state=State.FAILED, due_at=None)
    assert Message.objects.get(pk=message.pk).state == message.state == State.FAILED


def test_due_rows_come_longest_waiting_first(connection: Connection) -> None:
    now = timezone.now()
    for minutes in (1, 3, 2, -5):
        make(connection, message_id=f"<{minutes}@x>", due_at=now - minutes * LEASE)
    assert [row.message_id for row in Message.objects.due(now)] == ["<3@x>", "<2@x>", "<1@x>"]


def test_kept_digests_and_fields_come_back_as_the_core_takes_them(connection: Connection) -> None:
    row = make(connection, mics={"sha-1": "00ff"}, headers=[["Subject", "x"]])
    assert row.kept_mics == {"sha-1": b"\x00\xff"}
    assert row.header_fields == (("Subject", "x"),)


def test_rows_are_called_by_what_tells_them_apart(connection: Connection) -> None:
    message = make(connection)
    names = [
        str(message),
        str(Delivery(message=message, target="a/b")),
        str(Attempt(message=message, number=2)),
    ]
    assert names == ["<1@x>", "folder: a/b", "attempt 2"]
