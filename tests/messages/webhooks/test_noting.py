"""Events: made with what they tell of, once, for who wants them, and without documents."""

import datetime as dt
import json
import uuid
from typing import Any

import pytest
import time_machine
from django.db import IntegrityError, transaction
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audit.models import AuditEvent
from audit.recording import Subject, record
from audit.tags import Tag
from messages import returning, silence
from messages.models import Message, State, WebhookEvent
from messages.outcomes import Outcome
from messages.processing import process
from messages.sending import enqueue, send, settle
from messages.webhooks.noting import note
from partners import api_keys, suspending
from partners.compliance.verdicts import reevaluate
from partners.models import APIKeyPair, APIKeyState, Connection, KeyPair, Suspension
from partners.noticing import STEPS, make_notices
from partners.rollover import advancing, used
from partners.rollover.recording import By
from tests import factories
from tests.factories import DAY
from tests.messages import made_up
from tests.messages.arrange import PAYLOAD
from tests.messages.sender import message
from tests.messages.servers import answer, serve
from tests.messages.webhooks import hooks
from tests.messages.webhooks.hooks import told, types, webhook
from tests.partners.profiles import amazon
from tests.partners.rollover import moments
from tests.partners.rollover.moments import NOW

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("home")]


def one_event() -> dict[str, Any]:
    return told(WebhookEvent.objects.get())


def test_a_received_message_is_told_without_its_document(connection: Connection) -> None:
    hook = webhook()
    message().send()
    assert types(hook) == ["message.received"]
    [row] = hook.sent.all()
    data = told(row)["data"]
    assert (data["message_id"], data["filename"], data["partner"], data["environment"]) == (
        "<1@amazon.example>",
        "orders.edi",
        "Amazon",
        "test",
    )
    pk = Message.objects.get().pk
    assert data["page"].endswith(f"/admin/as2_messages/message/{pk}/change/")
    assert told(row)["subject"] == f"message/{pk}"
    assert PAYLOAD.decode() not in row.body


def test_a_rejected_message_is_told_with_its_reason(connection: Connection) -> None:
    webhook()
    message(encrypt=None).send()
    found = one_event()
    assert found["type"] == "message.rejected"
    assert found["data"]["failure_code"] == "insufficient-message-security"


def test_a_duplicate_and_a_repeated_task_tell_nothing_twice(connection: Connection) -> None:
    hook = webhook()
    sent = message()
    sent.send()
    sent.send()
    assert types(hook) == ["message.received"]


def test_what_is_rolled_back_is_not_told() -> None:
    webhook()
    row = made_up.message(factories.bare_connection(), State.SENDING, due_at=timezone.now())
    with transaction.atomic():
        settle(row, Outcome(State.FAILED, "http-410", "Gone."))
        assert WebhookEvent.objects.exists()
        transaction.set_rollback(True)
    assert not WebhookEvent.objects.exists()


@pytest.mark.parametrize(
    ("outcome", "event"),
    [
        (Outcome(State.FAILED, "http-410", "Gone."), "message.failed"),
        (Outcome(State.DELIVERED), "message.delivered"),
    ],
    ids=["failed", "delivered"],
)
def test_what_became_of_a_sent_message_is_told(outcome: Outcome, event: str) -> None:
    webhook()
    row = made_up.message(factories.bare_connection(), State.SENDING, due_at=timezone.now())
    settle(row, outcome)
    found = one_event()
    assert (found["type"], found["data"]["failure_code"]) == (event, outcome.code)


def test_an_overdue_mdn_is_told_once_for_each_wait() -> None:
    with serve(answer()) as peer:
        link = factories.connection(url=peer.url, mdn="async", max_attempts=2)
        hook = webhook(events="mdn.overdue message.failed")
        row = enqueue(link, [b"order"])
        for hours in range(4):
            with time_machine.travel(timezone.now() + hours * 10 * DAY):
                send(row.pk)
                send(row.pk)  # a second worker
    assert types(hook) == ["mdn.overdue", "mdn.overdue", "message.failed"]
    assert len(peer.requests) == 2


def test_an_mdn_that_cannot_be_posted_is_told(connection: Connection) -> None:
    Connection.objects.update(mdn_hosts="localhost")
    message().with_fields(Receipt_Delivery_Option="http://localhost:9/mdn").send()
    process(Message.objects.get().pk)
    hook = webhook()
    Connection.objects.update(mdn_hosts="")
    mdn = Message.objects.get().mdns.get()
    returning.post_mdn(mdn.pk)
    assert types(hook) == ["mdn.failed"]
    assert one_event()["data"]["message_id"] == "<1@amazon.example>"


@pytest.fixture
def ending() -> Connection:
    """Their certificate ends in 100 days, ours much later."""
    link = moments.connection(days=100)
    KeyPair.objects.update(not_after=NOW + 500 * DAY)
    return link


def test_each_day_before_an_end_is_told_once(ending: Connection) -> None:
    hook = webhook(events="certificate.*")
    hour = NOW
    while hour <= NOW + 101 * DAY:
        make_notices(hour)
        make_notices(hour)  # a scheduler that was started again
        hour += 12 * dt.timedelta(hours=1)
    rows = [told(row) for row in hook.sent.order_by("pk")]
    assert len({row["id"] for row in rows}) == len(STEPS)
    assert [row["type"] for row in rows] == [
        *["certificate.expiring"] * 2,
        *["certificate.expiring.no_successor"] * 5,
        "certificate.expired",
    ]
    assert [row["data"]["days_left"] for row in rows][:6] == [90, 60, 30, 14, 7, 3]
    assert {row["data"]["partner"] for row in rows} == {"Amazon"}


def test_an_end_with_a_successor_is_told_as_such(ending: Connection) -> None:
    moments.theirs(ending, start=NOW + 95 * DAY)
    hook = webhook(events="certificate.expiring")
    make_notices(NOW + 93 * DAY)
    assert types(hook) == ["certificate.expiring"]


def test_a_rollover_is_told_step_by_step(ending: Connection) -> None:
    hook = webhook(events="rollover")
    rollover = moments.ours(ending.organization, start=NOW + DAY)
    advancing.advance(NOW + 2 * DAY)
    make_notices(NOW + 2 * DAY)
    used([rollover.new.fingerprint], ending, NOW + 3 * DAY)
    assert types(hook) == [
        "rollover.planned",
        "rollover.activated",
        "rollover.unconfirmed",
        "rollover.confirmed",
    ]
    last = told(hook.sent.latest("pk"))["data"]
    assert (last["partner"], last["new"]) == ("Amazon", rollover.new.fingerprint)


def test_a_suspended_connection_is_told() -> None:
    link = factories.bare_connection()
    hook = webhook(events="connection.*")
    assert suspending.propose(link, 5, "403", timezone.now())
    suspending.follow(Suspension.objects.get(), timezone.now(), By("olga"))
    assert types(hook) == ["connection.suspension_proposed", "connection.suspended"]
    assert told(hook.sent.latest("pk"))["data"]["state"] == "suspended"


def test_a_compliance_error_is_told_when_it_is_found() -> None:
    link = amazon()
    reevaluate(Connection.objects.all(), timezone.now())
    webhook(events="compliance.error")
    Connection.objects.filter(pk=link.pk).update(encrypt="none")
    for _ in range(2):
        reevaluate(Connection.objects.all(), timezone.now())
    found = one_event()["data"]
    assert (found["new"], found["partner"]) == ("error", link.partner.name)


def test_a_silent_partner_is_told_once_for_each_silence() -> None:
    link = made_up.connection(silent_days=3, environment="production")
    hook = webhook(events="partner.silent")
    now = timezone.now()
    for days, heard in ((1, False), (5, False), (6, False), (7, True), (8, False), (20, False)):
        with time_machine.travel(now + days * DAY):
            if heard:
                made_up.message(link, State.ACCEPTED)
            silence.note_silences(timezone.now())
    assert types(hook) == ["partner.silent"] * 2
    assert told(hook.sent.latest("pk"))["data"]["partner"] == link.partner.name


def test_the_time_to_change_an_api_key_is_told() -> None:
    key = APIKeyPair(
        partner=factories.partner(), name="pay", owner="Shop", purpose="pay", external_key_id="1"
    )
    api_keys.fill(key, factories.rsa_key("VENDOR"))
    key.save()
    for state in (APIKeyState.RECORDED, APIKeyState.ACTIVE):
        assert api_keys.advance(key, state, NOW - 83 * DAY, By())
    hook = webhook(events="key.reminder")
    make_notices(NOW)
    make_notices(NOW)
    assert types(hook) == ["key.reminder"]


def test_a_webhook_hears_of_its_partner_and_of_what_it_wants_only() -> None:
    theirs, others = made_up.connection(), made_up.connection()
    scoped = webhook(partner=theirs.partner)
    other_kind = webhook(events="certificate.*\nkey.reminder")
    off = webhook(active=False)
    everything = webhook()
    for link in (theirs, others):
        row = made_up.message(link, State.SENDING, due_at=timezone.now())
        settle(row, Outcome(State.DELIVERED))
    assert [hook.sent.count() for hook in (scoped, other_kind, off, everything)] == [1, 0, 0, 2]
    assert told(scoped.sent.get())["data"]["partner"] == theirs.partner.name


def test_what_names_no_partner_is_not_told_to_who_hears_of_one(ending: Connection) -> None:
    scoped = webhook(partner=ending.partner, events="certificate.*")
    everything = webhook(events="certificate.*")
    make_notices(NOW + (500 - 14) * DAY)
    names = [told(row)["data"]["partner"] for row in everything.sent.order_by("pk")]
    assert sorted(names) == ["", "Amazon"]
    assert [told(row)["data"]["partner"] for row in scoped.sent.all()] == ["Amazon"]


def test_an_audit_event_makes_one_event_for_a_webhook() -> None:
    webhook()
    link = factories.bare_connection()
    record(Tag.CONNECTION_RATE_EXCEEDED, Subject.of(link), "Too many.")
    with pytest.raises(IntegrityError), transaction.atomic():
        note(AuditEvent.objects.get())
    assert WebhookEvent.objects.count() == 1


def test_ids_are_of_the_form_that_is_promised() -> None:
    webhook()
    record(Tag.CONNECTION_RATE_EXCEEDED, Subject.of(factories.bare_connection()), "Too many.")
    row = WebhookEvent.objects.get()
    assert row.event_id == json.loads(row.body)["id"]
    assert uuid.UUID(row.event_id.removeprefix("evt_")).version == 5


def test_without_a_webhook_an_event_costs_one_small_query_at_most() -> None:
    link = factories.bare_connection()
    subject = Subject.of(link)
    record(Tag.CONNECTION_RATE_EXCEEDED, subject, "The first one reads.")
    for tag, cost in ((Tag.CONNECTION_RATE_EXCEEDED, 2), (Tag.MDN_OUTBOUND_SENT, 1)):
        with CaptureQueriesContext(database) as queries:
            record(tag, subject, "Too many.")
        assert len(queries) == cost


def test_events_keep_no_secret(connection: Connection) -> None:
    hook = webhook()
    connection.url_user = "olga"
    Connection.objects.update(state="paused")
    record(
        Tag.CONNECTION_SETTINGS_CHANGED,
        Subject.of(connection),
        "state, url",
        data={"state": {"old": "active", "new": "paused"}, "url": {"old": "a", "new": "b/token"}},
    )
    [row] = hook.sent.all()
    assert row.type == "connection.paused"
    assert "token" not in row.body
    assert hooks.SECRET.hex() not in row.body
