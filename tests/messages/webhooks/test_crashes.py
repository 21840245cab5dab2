"""Crashes: an event that was committed is posted, whoever died meanwhile, under the same id."""

from collections.abc import Iterator

import pytest
import time_machine
from pytest_django import Settings

from messages.models import WebhookEvent, WebhookEventState
from messages.sweeping import sweep
from messages.webhooks import posting
from tests import factories
from tests.messages.calls import Calls, empty_queue
from tests.messages.sender import message
from tests.messages.servers import Peer, answer, serve
from tests.messages.test_send_crashes import in_a_process_that_dies
from tests.messages.webhooks.hooks import signature_of, webhook

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("home")]


@pytest.fixture
def receiver(settings: Settings) -> Iterator[Peer]:
    settings.AS2_WEBHOOK_ALLOW_PRIVATE = True
    factories.connection()
    with serve(answer()) as peer:
        webhook(peer.url)
        yield peer


def do_what_is_called(calls: Calls) -> None:
    for task, pk in calls():
        if task == "messages.tasks.post_event":
            posting.post(pk)


def test_a_call_that_was_lost_after_the_commit_is_made_good(receiver: Peer, calls: Calls) -> None:
    in_a_process_that_dies("rx.committed", lambda: message().send())
    empty_queue()
    made = WebhookEvent.objects.get()
    sweep()
    do_what_is_called(calls)
    assert receiver.header("webhook-id") == made.event_id
    assert len(receiver.requests) == 1


def test_what_died_before_its_commit_is_told_when_it_comes_again(receiver: Peer) -> None:
    in_a_process_that_dies("rx.tx_open", lambda: message().send())
    assert not WebhookEvent.objects.exists()
    message().send()
    assert WebhookEvent.objects.get().type == "message.received"


def test_a_worker_killed_after_the_post_leaves_it_to_the_next(receiver: Peer) -> None:
    message().send()
    row = WebhookEvent.objects.get()
    in_a_process_that_dies("webhook.posted", lambda: posting.post(row.pk))
    row.refresh_from_db()
    assert row.due_at is not None
    with time_machine.travel(row.due_at, tick=True):
        posting.post(row.pk)
    row.refresh_from_db()
    assert (row.state, row.attempts) == (WebhookEventState.TAKEN, 2)
    assert len({*receiver.bodies}) == 1
    assert receiver.header("webhook-id") == row.event_id
    assert receiver.header("webhook-signature") == signature_of(receiver)
