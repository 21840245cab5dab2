"""Posting to a real receiver: signed, again until it is taken, and never to where it must not."""

import datetime as dt
import json
import socket
import ssl
from collections.abc import Iterator

import pytest
import time_machine
import trustme
from django.utils import timezone
from pytest_django import Settings

from audit.models import AuditEvent
from messages import failpoints, sweeping
from messages.models import State, WebhookEvent, WebhookEventState
from messages.outcomes import Outcome
from messages.sending import settle
from messages.webhooks import posting
from messages.webhooks.noting import note_test
from partners.models import Webhook
from tests import factories
from tests.messages import made_up
from tests.messages.calls import Calls
from tests.messages.servers import Peer, answer, serve
from tests.messages.webhooks import hooks
from tests.messages.webhooks.hooks import webhook

pytestmark = pytest.mark.django_db

TAKEN = answer(status="204 No Content")
DOWN = answer(status="503 Service Unavailable")


@pytest.fixture(autouse=True)
def allowed(settings: Settings) -> None:
    """Receivers of tests are on this machine."""
    settings.AS2_WEBHOOK_ALLOW_PRIVATE = True


@pytest.fixture
def receiver() -> Iterator[Peer]:
    with serve(TAKEN) as peer:
        yield peer


def failed_message() -> None:
    """Let a message fail, as an attempt does."""
    row = made_up.message(factories.bare_connection(), State.SENDING, due_at=timezone.now())
    settle(row, Outcome(State.FAILED, "http-410", "Gone."))


def event() -> WebhookEvent:
    return WebhookEvent.objects.get()


def test_an_event_arrives_signed(receiver: Peer) -> None:
    webhook(receiver.url)
    failed_message()
    hooks.post_due()
    sent = json.loads(receiver.bodies[0])
    assert (sent["type"], sent["specversion"]) == ("message.failed", "1.0")
    assert sent["id"] == receiver.header("webhook-id") == event().event_id
    assert receiver.header("webhook-signature") == hooks.signature_of(receiver)
    assert receiver.header("content-type") == "application/cloudevents+json; charset=utf-8"
    assert abs(int(receiver.header("webhook-timestamp") or 0) - timezone.now().timestamp()) < 60
    assert event().state == WebhookEventState.TAKEN


def test_it_is_taken_once(receiver: Peer) -> None:
    webhook(receiver.url)
    failed_message()
    for _ in range(2):
        posting.post(event().pk)
        hooks.post_due()
    assert len(receiver.requests) == 1


def test_what_is_not_taken_comes_again_with_the_same_octets_and_id() -> None:
    with serve(DOWN, DOWN, TAKEN) as peer:
        webhook(peer.url)
        failed_message()
        gaps = []
        for _ in range(3):
            hooks.post_due()
            row = event()
            if row.due_at is not None:
                gaps.append((row.due_at - timezone.now()).total_seconds() / 60)
                hooks.wait_over(row)
        assert len({*peer.bodies}) == 1
    ids = {r.lower().partition(b"webhook-id: ")[2].split(b"\r\n")[0] for r in peer.requests}
    assert (len(peer.requests), len(ids)) == (3, 1)
    assert [round(gap) for gap in gaps] == [1, 2]
    assert (event().state, event().failure_text) == (WebhookEventState.TAKEN, "")


def test_after_many_attempts_it_is_given_up_and_can_be_sent_again() -> None:
    with serve(*[DOWN] * posting.MOST, TAKEN) as peer:
        webhook(peer.url)
        failed_message()
        for _ in range(posting.MOST):
            hooks.post_due()
            if event().due_at:
                hooks.wait_over(event())
        row = event()
        assert (row.state, row.failure_text) == ("failed", "The receiver answered 503.")
        assert AuditEvent.objects.filter(tag="webhook:event:failed").count() == 1
        assert posting.send_again(row, "olga")
        assert not posting.send_again(row, "olga")
        hooks.wait_over(event())
        hooks.post_due()
    assert event().state == WebhookEventState.TAKEN
    assert AuditEvent.objects.get(tag="webhook:event:resent").actor == "olga"


def test_a_worker_that_dies_after_the_post_posts_the_same_again(
    receiver: Peer, settings: Settings
) -> None:
    settings.DEBUG = True  # failpoints are refused without
    webhook(receiver.url)
    failed_message()
    failpoints.arm("webhook.posted=eio")
    try:
        with pytest.raises(OSError, match="failpoint"):
            posting.post(event().pk)
    finally:
        failpoints.arm("")
    hooks.post_due()  # somebody's still, as far as anybody knows
    assert len(receiver.requests) == 1
    with time_machine.travel(timezone.now() + dt.timedelta(minutes=4)):
        hooks.post_due()
    assert len(receiver.requests) == 2
    assert len({*receiver.bodies}) == 1
    assert event().state == WebhookEventState.TAKEN


def test_the_sweep_finds_what_no_call_came_for(calls: Calls) -> None:
    webhook()
    webhook(active=False)
    failed_message()
    sweeping.sweep()
    assert ("messages.tasks.post_event", event().pk) in calls()


def test_a_redirect_is_not_followed(receiver: Peer) -> None:
    moved = answer(b"", "302 Found", f"Location: {receiver.url}")
    with serve(moved) as peer:
        webhook(peer.url)
        failed_message()
        hooks.post_due()
    assert receiver.requests == []
    assert "Redirects are not followed" in event().failure_text


def test_private_addresses_are_not_reached_unless_allowed(
    receiver: Peer, settings: Settings
) -> None:
    settings.AS2_WEBHOOK_ALLOW_PRIVATE = False
    webhook(receiver.url)
    failed_message()
    hooks.post_due()
    assert receiver.requests == []
    assert "AS2_WEBHOOK_ALLOW_PRIVATE" in event().failure_text


def test_the_address_that_was_judged_is_connected_to(
    receiver: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A name that leads elsewhere when it is asked a second time.
    answers = [[(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0))]]
    looked_up = socket.getaddrinfo

    def once(host: str, *args: object, **options: object) -> object:
        return answers.pop() if host == "localhost" else looked_up(host, *args, **options)  # type: ignore[arg-type]  # as they came

    monkeypatch.setattr(socket, "getaddrinfo", once)
    webhook(receiver.url)
    failed_message()
    hooks.post_due()
    assert (len(receiver.requests), answers) == (1, [])


def test_a_webhook_that_does_not_answer_does_not_keep_the_workers() -> None:
    with serve(DOWN) as peer:
        hook = webhook(peer.url)
        link = factories.bare_connection()
        for _ in range(5):
            row = made_up.message(link, State.SENDING, due_at=timezone.now())
            settle(row, Outcome(State.FAILED, "http-410", "Gone."))
        hooks.post_due()
        assert len(peer.requests) == 1
    waiting = hook.sent.filter(due_at__gt=timezone.now(), state="queued")
    assert (waiting.count(), hook.sent.filter(attempts=0).count()) == (5, 4)


def queued(hook: Webhook, count: int) -> list[WebhookEvent]:
    return [
        WebhookEvent.objects.create(
            webhook=hook, event_id=f"evt_{number}", type="message.failed", due_at=timezone.now()
        )
        for number in range(count)
    ]


def test_all_that_waits_for_a_dead_webhook_is_put_off_at_once(calls: Calls) -> None:
    with serve(DOWN) as peer:
        first, second, *others = queued(webhook(peer.url), 100)
        posting.post(first.pk)
        posting.post(second.pk)
    first.refresh_from_db()
    assert first.tried_at is not None
    rested = WebhookEvent.objects.filter(due_at=first.tried_at + dt.timedelta(seconds=60))
    assert set(rested) >= {second, *others}
    sweeping.sweep()
    assert [call for call in calls() if "event" in call[0]] == []


def test_the_sweep_calls_once_for_each_webhook(calls: Calls) -> None:
    queued(webhook(), 3)
    queued(webhook(), 3)
    sweeping.sweep()
    assert len([call for call in calls() if call[0] == "messages.tasks.post_event"]) == 2


def test_who_is_called_for_an_event_posts_the_others_of_its_webhook(receiver: Peer) -> None:
    rows = queued(webhook(receiver.url), 3)
    others = queued(webhook(receiver.url), 1)
    posting.post_due(rows[1].pk)
    assert WebhookEvent.objects.filter(state="taken").count() == 3
    assert not WebhookEvent.objects.filter(pk=others[0].pk, state="taken").exists()


def test_a_fault_of_a_time_to_come_lets_no_webhook_rest(receiver: Peer) -> None:
    # A clock that ran ahead stamped it; it is set right again.
    failed, other = queued(webhook(receiver.url), 2)
    ahead = timezone.now() + dt.timedelta(days=300)
    WebhookEvent.objects.filter(pk=failed.pk).update(tried_at=ahead, failure_text="Gone.")
    posting.post(other.pk)
    other.refresh_from_db()
    assert other.state == WebhookEventState.TAKEN


@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
def test_its_certificate_is_checked_against_the_authorities_that_were_given(known: bool) -> None:
    ours, others = trustme.CA(), trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ours.issue_cert("localhost").configure_cert(context)
    with serve(TAKEN, tls=context) as peer:
        authority = (ours if known else others).cert_pem.bytes().decode()
        webhook(peer.url, tls_ca=authority)
        failed_message()
        hooks.post_due()
    assert len(peer.requests) == int(known)
    assert ("was not accepted" in event().failure_text) is not known


def test_a_test_is_tried_once(receiver: Peer) -> None:
    good, bad = webhook(receiver.url, events="key.reminder"), webhook("http://127.0.0.1:9/")
    rows = [note_test(each) for each in (good, bad)]
    for row in rows:
        posting.post(row.pk)
        row.refresh_from_db()
    assert [row.state for row in rows] == ["taken", "failed"]
    assert json.loads(receiver.bodies[0])["type"] == "webhook.test"


def test_what_ended_long_ago_is_forgotten(receiver: Peer) -> None:
    webhook(receiver.url)
    failed_message()
    hooks.post_due()
    assert posting.forget(timezone.now()) == 0
    assert posting.forget(timezone.now() + posting.KEPT + dt.timedelta(hours=1)) == 1


def test_a_former_secret_signs_for_a_day(receiver: Peer) -> None:
    hook = webhook(receiver.url)
    hook.set_secret(b"n" * 32, timezone.now())
    hook.save()
    posting.post(note_test(hook).pk)
    value = receiver.header("webhook-signature")
    assert value == f"{hooks.signature_of(receiver, b'n' * 32)} {hooks.signature_of(receiver)}"
    with time_machine.travel(timezone.now() + dt.timedelta(hours=25)):
        posting.post(note_test(hook).pk)
    assert receiver.header("webhook-signature") == hooks.signature_of(receiver, b"n" * 32)
