"""Figures: each one moves with what it tells of."""

import datetime as dt
import os
from typing import Any

import pytest
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from audit.recording import Subject, record
from audit.tags import Tag
from config import pulse
from config.metrics import counting, traffic
from config.tasks import heartbeat
from messages.models import DeliveryState, State, WebhookEvent
from messages.store import get_store
from messages.webhooks.noting import note_test
from partners.compliance.verdicts import reevaluate
from partners.models import Connection, PartnerCertificate, Rollover, RolloverState, Route
from partners.rollover import advancing
from tests import factories
from tests.config.metrics.scrape import TOKEN, scrape, value
from tests.factories import DAY
from tests.messages import arrange, made_up
from tests.messages.webhooks.hooks import webhook
from tests.partners.profiles import amazon
from tests.partners.rollover import moments

pytestmark = pytest.mark.django_db

HOUR = dt.timedelta(hours=1)


@pytest.fixture(autouse=True)
def switched_on(settings: Settings) -> None:
    """Metrics are on, and nothing is remembered of another test."""
    settings.AS2_METRICS_TOKEN = TOKEN
    traffic.silent.forget()
    traffic.undelivered.forget()


def test_open_messages_are_counted_by_state(client: Client) -> None:
    link = made_up.connection()
    for state in (State.QUEUED, State.QUEUED, State.WAITING, State.DELIVERED, State.RECEIVED):
        made_up.message(link, state)
    assert value(client, "as2_messages_open", state="queued", direction="outbound") == 2
    assert value(client, "as2_messages_open", state="waiting") == 1
    assert value(client, "as2_messages_open", state="received", direction="inbound") == 1
    assert value(client, "as2_messages_open", state="sending") == 0


def test_due_work_tells_how_long_it_waits_and_leaves_out_what_is_parked(client: Client) -> None:
    late = timezone.now() - HOUR
    made_up.message(made_up.connection(), State.QUEUED, due_at=late)
    made_up.message(made_up.connection(state="paused"), State.QUEUED, due_at=late - HOUR)
    made_up.message(made_up.connection(), State.QUEUED, due_at=timezone.now() + HOUR)
    assert value(client, "as2_work_due", kind="send") == 1
    assert value(client, "as2_work_wait_seconds", kind="send") == pytest.approx(3600, abs=60)
    assert value(client, "as2_work_due", kind="mdn") == 0


def test_an_overdue_mdn_is_counted(client: Client) -> None:
    for hours in (-1, 1):
        deadline = timezone.now() + hours * HOUR
        made_up.message(made_up.connection(), State.WAITING, mdn_deadline=deadline)
    assert value(client, "as2_mdns_overdue") == 1


def test_documents_that_the_business_side_lacks_are_counted(client: Client) -> None:
    message = arrange.accepted_message(factories.bare_connection())
    arrange.delivery(message)
    arrange.delivery(message, state=DeliveryState.HELD, due_at=None, target="held")
    arrange.delivery(message, state=DeliveryState.DONE, due_at=None, target="done")
    arrange.delivery(message, state=DeliveryState.WAITING, due_at=None, route=Route.PULL)
    found = {
        state: value(client, "as2_deliveries", state=state)
        for state in ("queued", "waiting", "held")
    }
    assert found == {"queued": 1, "waiting": 1, "held": 1}


def test_events_of_the_hour_are_counted_by_tag(client: Client) -> None:
    subject = Subject.of(factories.bare_connection())
    record(Tag.CONNECTION_RATE_EXCEEDED, subject, "Too many.")
    record(Tag.CONNECTION_SETTINGS_CHANGED, subject, "Not told.")
    assert value(client, "as2_events_last_hour", tag="connection:rate:exceeded") == 1
    assert value(client, "as2_events_last_hour", tag="message:inbound:accepted") == 0


def test_events_that_a_webhook_does_not_take_are_counted(client: Client) -> None:
    hook = webhook(name="ERP")
    note_test(hook)
    note_test(hook)
    first = WebhookEvent.objects.earliest("pk")
    WebhookEvent.objects.filter(pk=first.pk).update(state="failed", due_at=None)
    assert value(client, "as2_webhook_events", webhook="ERP", state="queued") == 1
    assert value(client, "as2_webhook_events", webhook="ERP", state="failed") == 1


def test_days_are_told_of_each_certificate_in_use(client: Client) -> None:
    link = factories.connection(environment="production")
    ends = timezone.now() + 20 * DAY
    PartnerCertificate.objects.update(not_after=ends)
    named = {"organization": "VENDOR", "partner": "Amazon", "environment": "production"}
    for role in ("verify", "encrypt"):
        days = value(client, "as2_certificate_days_left", role=role, **named)
        assert days == pytest.approx(20, abs=0.01)
    ours = value(client, "as2_certificate_days_left", role="sign", partner="")
    assert ours == pytest.approx(364, abs=1)
    assert str(link.organization) == "VENDOR"


def test_a_certificate_that_is_replaced_is_not_told(client: Client) -> None:
    link = factories.connection()
    PartnerCertificate.objects.update(not_after=timezone.now() + DAY)
    newer = factories.certificate("newer")
    factories.partner_certificate(link, newer, activates_at=timezone.now() - HOUR)
    assert value(client, "as2_certificate_days_left", role="verify") > 300


def test_a_rollover_that_nobody_was_seen_to_use_is_counted(client: Client) -> None:
    link = moments.connection(days=100)
    moments.ours(link.organization, start=moments.NOW + DAY)
    assert value(client, "as2_rollovers_unconfirmed") == 0
    advancing.advance(moments.NOW + 2 * DAY)
    assert Rollover.objects.get().state == RolloverState.ACTIVE
    assert value(client, "as2_rollovers_unconfirmed") == 1


def test_connections_are_counted_by_verdict(client: Client) -> None:
    bad = amazon()
    Connection.objects.filter(pk=bad.pk).update(encrypt="none", environment="production")
    reevaluate(Connection.objects.all(), timezone.now())
    made_up.connection(environment="production")
    found = {
        verdict: value(client, "as2_connections", verdict=verdict, environment="production")
        for verdict in ("error", "none")
    }
    assert found == {"error": 1, "none": 1}


def test_silent_partners_are_counted_and_not_looked_for_at_every_scrape(client: Client) -> None:
    link = made_up.connection(silent_days=3)
    Connection.objects.filter(pk=link.pk).update(created_at=timezone.now() - 10 * DAY)
    assert value(client, "as2_silent_connections") == 1
    made_up.message(link, State.ACCEPTED)
    assert value(client, "as2_silent_connections") == 1
    traffic.silent.forget()
    assert value(client, "as2_silent_connections") == 0


def test_the_machine_tells_its_room_and_its_pulses(client: Client) -> None:
    file = pulse.path_of("worker")
    file.touch()
    os.utime(file, (file.stat().st_mtime - 100,) * 2)
    pulse.path_of("beat").unlink(missing_ok=True)
    heartbeat()
    try:
        found = scrape(client)
    finally:
        file.unlink()
    assert found["as2_store_free_bytes"][()] == pytest.approx(get_store().free_bytes(), rel=0.1)
    assert found["as2_pulse_age_seconds"] == {(("program", "worker"),): pytest.approx(100, abs=10)}
    assert found["as2_background_age_seconds"][()] == pytest.approx(0, abs=10)


def queries_of_a_scrape(client: Client) -> int:
    with CaptureQueriesContext(database) as queries:
        scrape(client)
    return len(queries)


def test_a_scrape_asks_no_more_of_many_connections_than_of_one(client: Client) -> None:
    factories.connection()
    webhook()
    scrape(client)
    before = queries_of_a_scrape(client)
    for number in range(5):
        owner, company = factories.organization(f"V{number}"), factories.partner(f"P{number}")
        factories.connection(owner, company, as2_id=f"A{number}")
        webhook()
    assert queries_of_a_scrape(client) == before
    assert before <= 20


def test_answers_to_partners_are_counted_with_their_seconds(client: Client) -> None:
    def answer(_environ: object, start: Any) -> list[bytes]:
        start("429 Too Many Requests", [])
        return [b""]

    before = scrape(client).get("as2_requests_total", {}).get((("status", "429"),), 0)
    counted = counting.Counted(answer)
    for path in ("/as2", "/admin/"):
        counted({"PATH_INFO": path}, lambda *_args: lambda _data: None)
    found = scrape(client)
    assert found["as2_requests_total"][("status", "429"),] == before + 1
    assert found["as2_request_seconds_count"][()] >= 1
