"""Claims: keeping a message for as long as sending takes, and letting dead partners rest."""

import datetime as dt
from types import SimpleNamespace
from typing import Any

import pytest
import time_machine
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from messages import attempting, claims, resuming, wire
from messages.claims import LeaseLost, claim, keep
from messages.models import Message, State
from messages.resting import REST
from messages.sending import enqueue, resend, send
from messages.store import get_store
from messages.transport import PostOptions
from partners.models import Connection
from tests import factories
from tests.messages.partner import Partner
from tests.messages.servers import answer, serve

pytestmark = pytest.mark.django_db


def claimed(**fields: Any) -> Message:
    message = enqueue(factories.connection(**fields), [b"order"])
    found = claim(message.pk, timezone.now())
    assert found is not None
    return found


def lose(found: Message) -> None:
    """Let another worker have the message."""
    Message.objects.filter(pk=found.pk).update(attempts=9)


def due_at(message: Message) -> dt.datetime:
    message.refresh_from_db()
    assert message.due_at is not None
    return message.due_at


def test_the_lease_is_renewed_while_chunks_last(settings: Settings) -> None:
    found = claimed()
    before = due_at(found)
    chunks = keep(found, [b"a", b"b"])
    settings.AS2_SEND_LEASE = 0  # any time is a quarter of it
    next(chunks)
    settings.AS2_SEND_LEASE = 7200
    assert due_at(found) < before
    assert list(chunks) == [b"b"]


def test_the_end_of_a_long_body_leaves_a_whole_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    found = claimed()
    before = due_at(found)
    moments = iter([0.0, 100.0, 100.0])  # start, one chunk, end: no renewal was due in between
    monkeypatch.setattr(claims, "time", SimpleNamespace(monotonic=lambda: next(moments)))
    assert list(keep(found, [b"a"])) == [b"a"]
    assert due_at(found) > before


def test_whoever_lost_the_lease_reads_no_further(settings: Settings) -> None:
    found = claimed()
    lose(found)
    settings.AS2_SEND_LEASE = 0
    with pytest.raises(LeaseLost):
        list(keep(found, [b"a", b"b"]))


def test_whoever_lost_the_lease_leaves_no_wire_file() -> None:
    found = claimed()
    lose(found)
    before = {*get_store().root.rglob("*.wire")}
    built = wire.build(found, timezone.now())
    with pytest.raises(LeaseLost):
        attempting.attempt(found, built)
    assert {*get_store().root.rglob("*.wire")} == before


def test_a_message_that_is_lost_while_it_is_sent_is_left_to_others(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = resuming.next_part

    def take_over(message: Message, options: PostOptions) -> resuming.NextPart:
        Message.objects.update(attempts=9)
        return begin(message, options)

    settings.AS2_SEND_LEASE = 0  # renewed at each chunk
    monkeypatch.setattr(resuming, "next_part", take_over)
    with serve(answer(b"", "400 Bad")) as peer:
        message = enqueue(factories.connection(url=peer.url), [b"order"])
        send(message.pk)
    message.refresh_from_db()
    assert (message.state, message.attempts) == (State.SENDING, 9)
    assert message.attempt_rows.get().error_class == "lost"


# ------------------------------------------------------------------------- resting


@pytest.fixture
def dead() -> Message:
    """A message whose partner could not be reached."""
    with serve(b"") as gone:
        pass
    message = enqueue(factories.connection(url=gone.url), [b"order"])
    send(message.pk)
    message.refresh_from_db()
    assert message.failure_code == "connect"
    return message


def test_after_a_failed_connection_other_messages_wait_a_minute(dead: Message) -> None:
    other = enqueue(dead.connection, [b"other"])
    send(other.pk)
    wait = due_at(other) - timezone.now()
    assert dt.timedelta(seconds=50) < wait <= REST
    assert (other.attempts, other.failure_code) == (0, "resting")
    assert "refused" in other.failure_text


def test_all_that_wait_are_put_off_at_once(dead: Message) -> None:
    waiting = others(dead, 50)
    leased = Message.objects.filter(pk=waiting[3].pk)
    leased.update(state=State.SENDING, due_at=timezone.now() + dt.timedelta(minutes=3))
    assert claim(waiting[7].pk, timezone.now()) is None
    ended = dead.attempt_rows.get().ended_at
    assert ended is not None
    rested = Message.objects.filter(due_at=ended + REST, failure_code="resting")
    assert set(rested) == {*waiting} - {waiting[3]}


def test_a_fault_of_a_time_to_come_is_none(dead: Message) -> None:
    # A clock that ran ahead stamped it; it is set right again.
    ahead = timezone.now() + dt.timedelta(days=300)
    dead.attempt_rows.update(started_at=ahead, ended_at=ahead)
    (other,) = others(dead, 1)
    assert claim(other.pk, timezone.now()) is not None


def test_an_answer_of_a_time_to_come_ends_no_rest(dead: Message) -> None:
    ahead = timezone.now() + dt.timedelta(days=300)
    dead.attempt_rows.create(number=9, started_at=ahead, ended_at=ahead, http_status=200)
    (other,) = others(dead, 1)
    assert claim(other.pk, timezone.now()) is None


def test_after_the_rest_they_are_sent(dead: Message) -> None:
    other = enqueue(dead.connection, [b"other"])
    send(other.pk)
    with time_machine.travel(due_at(other), tick=True):
        send(other.pk)
    other.refresh_from_db()
    assert other.attempts == 1


def test_a_changed_connection_does_not_rest(dead: Message) -> None:
    other = enqueue(dead.connection, [b"other"])
    with serve(Partner().answers) as peer:
        dead.connection.url = peer.url
        dead.connection.save()
        send(other.pk)
    other.refresh_from_db()
    assert (other.state, other.failure_text) == (State.DELIVERED, "")


def test_what_an_operator_sends_again_does_not_rest(dead: Message) -> None:
    assert resend(dead, "ann")
    send(dead.pk)
    dead.refresh_from_db()
    assert dead.attempts == 2


def test_another_connection_does_not_rest(dead: Message) -> None:
    owner, company = dead.connection.organization, factories.partner("Other")
    with serve(answer()) as peer:
        elsewhere = factories.connection(owner, company, as2_id="OTHER", url=peer.url)
        message = enqueue(elsewhere, [b"order"])
        send(message.pk)
    message.refresh_from_db()
    assert message.attempts == 1


def test_the_lock_on_a_connection_hinders_no_row_that_points_to_it() -> None:
    message = enqueue(factories.bare_connection(), [b"order"])
    with CaptureQueriesContext(database) as queries:
        assert claim(message.pk, timezone.now()) is not None
    locks = [query["sql"] for query in queries if "FOR " in query["sql"]]
    strong = [sql for sql in locks if "FOR UPDATE" in sql]
    assert strong == []
    assert bool(locks) == (database.vendor == "postgresql")


# ------------------------------------------------------------------------- who never answers


@pytest.fixture
def silent() -> Message:
    """A message whose partner took it, and did not answer for five minutes."""
    message = enqueue(factories.connection(parallel=4), [b"order"])
    now = timezone.now()
    Message.objects.update(attempts=1, due_at=now + dt.timedelta(hours=1))
    Connection.objects.update(updated_at=now - dt.timedelta(hours=1))
    message.attempt_rows.create(
        number=1,
        started_at=now - dt.timedelta(minutes=6),
        ended_at=now - dt.timedelta(minutes=1),
        error_class="timeout",
        error_text="nothing came",
    )
    message.refresh_from_db()
    return message


def others(message: Message, count: int = 3) -> list[Message]:
    connection = Connection.objects.get(pk=message.connection_id)
    return [enqueue(connection, [b"other"]) for _ in range(count)]


def test_a_partner_that_never_answers_rests_twice_as_long_as_it_took(silent: Message) -> None:
    (other,) = others(silent, 1)
    assert claim(other.pk, timezone.now()) is None
    wait = due_at(other) - timezone.now()
    assert dt.timedelta(minutes=8) < wait <= dt.timedelta(minutes=9)


def test_after_its_rest_one_message_finds_out_whether_it_is_back(silent: Message) -> None:
    later = timezone.now() + dt.timedelta(minutes=10)
    found = [claim(other.pk, later) for other in others(silent)]
    assert [one is not None for one in found] == [True, False, False]


def test_once_it_has_answered_all_go(silent: Message) -> None:
    first, *rest = others(silent)
    now = timezone.now()
    first.attempt_rows.create(number=1, started_at=now, ended_at=now, http_status=503)
    assert all(claim(other.pk, now) is not None for other in rest)
