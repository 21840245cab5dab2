"""Hosts of asynchronous MDNs that are dead: they are spared, and others are not kept waiting."""

import datetime as dt

import pytest
import time_machine
from django.utils import timezone

from messages.models import MDN, Attempt, ErrorClass
from messages.resting import REST
from messages.returning import post_mdn
from partners.models import Connection
from tests.messages.due_mdns import DEAD, asked_for
from tests.messages.servers import answer, serve

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("home", "connection")]


def post(mdn: MDN) -> MDN:
    post_mdn(mdn.pk)
    mdn.refresh_from_db()
    return mdn


def due_in(mdn: MDN) -> dt.timedelta:
    assert mdn.due_at is not None
    return mdn.due_at - timezone.now()


def test_after_a_failed_connection_other_mdns_for_the_host_wait() -> None:
    other = asked_for(2)
    assert post(asked_for(1)).attempts == 1
    post(other)
    assert (other.attempts, other.state) == (0, "queued")
    assert dt.timedelta(seconds=50) < due_in(other) <= REST
    assert "could not be reached" in other.failure_text


def test_all_that_wait_for_the_host_are_put_off_at_once() -> None:
    first, *waiting = (asked_for(number) for number in range(5))
    post(first)
    until = post(waiting[1]).due_at
    assert MDN.objects.filter(due_at=until, attempts=0).count() == len(waiting)


def test_a_fault_of_a_time_to_come_is_none() -> None:
    # A clock that ran ahead stamped it; it is set right again.
    ahead = timezone.now() + dt.timedelta(days=300)
    post(asked_for(1))
    Attempt.objects.update(started_at=ahead, ended_at=ahead)
    assert post(asked_for(2)).attempts == 1


def test_a_host_that_made_us_wait_rests_twice_as_long() -> None:
    first, other = asked_for(1), asked_for(2)
    start = timezone.now() - dt.timedelta(minutes=3)
    waited = {"started_at": start, "ended_at": timezone.now(), "error_class": ErrorClass.TIMEOUT}
    Attempt.objects.create(mdn=first, number=1, url=DEAD, **waited)
    post(other)
    assert other.attempts == 0
    assert dt.timedelta(minutes=5) < due_in(other) <= dt.timedelta(minutes=6)


def test_after_the_rest_one_finds_out_and_the_others_wait_on() -> None:
    waiting = [asked_for(2), asked_for(3)]
    post(asked_for(1))
    with time_machine.travel(timezone.now() + 2 * REST, tick=True):
        assert [post(each).attempts for each in waiting] == [1, 0]
        assert due_in(waiting[1]) > dt.timedelta(seconds=50)


def test_a_host_that_is_back_gets_all() -> None:
    waiting = [asked_for(2), asked_for(3)]
    post(asked_for(1))
    with serve(answer()) as peer:
        MDN.objects.filter(pk__in=[each.pk for each in waiting]).update(url=peer.url)
        Attempt.objects.update(url=peer.url)
        for minutes in (2, 4):
            with time_machine.travel(timezone.now() + minutes * REST, tick=True):
                for each in waiting:
                    post(each)
    assert [each.state for each in waiting] == ["sent", "sent"]
    assert len(peer.requests) == 2


def test_another_host_does_not_rest() -> None:
    post(asked_for(1))
    with serve(answer()) as peer:
        assert post(asked_for(2, peer.url)).state == "sent"


def test_a_port_is_another_host() -> None:
    post(asked_for(1))
    assert post(asked_for(2, "http://localhost:91/mdn")).attempts == 1


def test_a_changed_connection_does_not_rest(connection: Connection) -> None:
    other = asked_for(2)
    post(asked_for(1))
    connection.refresh_from_db()
    connection.save()
    assert post(other).attempts == 1


def test_an_mdn_that_is_asked_for_again_does_not_rest() -> None:
    first = asked_for(1)
    post(first)
    MDN.objects.filter(pk=first.pk).update(forgiven_attempts=1, due_at=timezone.now())
    assert post(first).attempts == 2
