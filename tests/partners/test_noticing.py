"""Notices: the right ones, to the right people, once, whatever the scheduler went through."""

import datetime as dt

import pytest
from django.contrib.auth.models import User

from audit.models import AuditEvent
from partners import api_keys
from partners.models import APIKeyPair, APIKeyState, Connection, Notice
from partners.noticing import STEPS, make_notices, step_of
from partners.rollover import used
from partners.rollover.confirming import acknowledge
from partners.rollover.recording import By
from tests import factories
from tests.factories import DAY
from tests.partners.rollover import moments
from tests.partners.rollover.moments import BY, NOW

pytestmark = pytest.mark.django_db

HOUR = dt.timedelta(hours=1)


@pytest.fixture
def row() -> Connection:
    """Their certificate ends in 100 days, ours in a year."""
    connection = moments.connection(days=100)
    connection.organization.keys.all().delete()
    value = moments.certificate("VENDOR", days=500)
    key = factories.Identity(factories.rsa_key("VENDOR"), value)
    factories.key_pair(connection.organization, key, activates_at=NOW - DAY)
    connection.organization.email = "ops@vendor.example"
    connection.organization.save()
    connection.partner.email = "edi@amazon.example"
    connection.partner.save()
    return connection


def days_before_the_end(days: int) -> dt.datetime:
    return NOW + (100 - days) * DAY


@pytest.mark.parametrize(
    ("left", "step"),
    [
        (91 * DAY, None),
        (90 * DAY, 90),
        (60 * DAY + HOUR, 90),
        (60 * DAY, 60),
        (2 * DAY, 3),
        (HOUR, 1),
        (dt.timedelta(0), 0),
        (-9 * DAY, 0),
    ],
)
def test_the_step_is_the_last_that_was_reached(left: dt.timedelta, step: int | None) -> None:
    assert step_of(NOW + left, NOW) == step


def test_a_day_that_summer_time_makes_shorter_counts_as_one() -> None:
    end = dt.datetime(2027, 3, 28, 12, 0, tzinfo=moments.BERLIN)  # 10:00 UTC
    day_before = dt.datetime(2027, 3, 27, 10, 0, tzinfo=dt.UTC)
    assert [step_of(end, day_before), step_of(end, day_before - HOUR)] == [1, 3]


def test_each_step_is_noticed_once(row: Connection) -> None:
    hour = NOW
    while hour <= days_before_the_end(-1):
        make_notices(hour)
        make_notices(hour)  # two schedulers, or one that was started again
        hour += 12 * HOUR
    keys = Notice.objects.order_by("pk").values_list("key", flat=True)
    assert [int(key.rpartition("/")[2]) for key in keys] == sorted(STEPS, reverse=True)


def test_after_days_without_a_scheduler_only_the_last_step_is_told(row: Connection) -> None:
    make_notices(days_before_the_end(14))
    [notice] = make_notices(days_before_the_end(2))
    assert (notice.days_left, notice.key.endswith("/3")) == (2, True)
    assert Notice.objects.count() == 2


@pytest.mark.parametrize(
    ("days", "urgent", "recipients"),
    [
        (60, False, ["ops@vendor.example"]),
        (30, True, ["ops@vendor.example", "edi@amazon.example"]),
        (7, True, ["ops@vendor.example", "edi@amazon.example", "root@vendor.example"]),
        (0, True, ["ops@vendor.example", "edi@amazon.example", "root@vendor.example"]),
    ],
)
def test_the_lack_of_a_successor_escalates(
    row: Connection, days: int, urgent: bool, recipients: list[str]
) -> None:
    User.objects.create_superuser("root", "root@vendor.example")
    User.objects.create_user("clerk", "clerk@vendor.example")
    [notice] = make_notices(days_before_the_end(days))
    assert (notice.urgent, notice.recipients) == (urgent, recipients)
    assert notice.title.startswith("URGENT: ") == urgent
    assert "No successor is planned" in notice.text


def test_a_planned_successor_calms(row: Connection) -> None:
    moments.theirs(row, start=NOW + 95 * DAY)
    [notice] = make_notices(days_before_the_end(7))
    assert (notice.urgent, notice.recipients) == (False, ["ops@vendor.example"])
    assert "Its successor CN=AMAZON-2 starts on 2027-06-13 15:00 UTC" in notice.text


def test_what_has_been_replaced_is_not_noticed(row: Connection) -> None:
    moments.theirs(row, start=NOW + DAY)
    assert make_notices(days_before_the_end(7)) == []


def test_a_successor_for_half_of_the_uses_is_none(row: Connection) -> None:
    value = moments.certificate("HALF", days=500)
    start = NOW + 95 * DAY
    factories.partner_certificate(row, value, activates_at=start, encrypts=False)
    [notice] = make_notices(days_before_the_end(7))
    assert notice.urgent


def test_test_and_production_are_told_together(row: Connection) -> None:
    factories.partner_certificate(
        factories.bare_connection(row.organization, row.partner, as2_id="AMAZON-P"),
        row.certificates.get().value,
        activates_at=NOW - DAY,
    )
    [notice] = make_notices(days_before_the_end(30))
    assert "VENDOR → AMAZON (test), VENDOR → AMAZON-P (test)" in notice.title


def test_ours_are_noticed_and_the_partner_is_not_asked(row: Connection) -> None:
    ours = row.organization.keys.get()
    [notice] = [each for each in make_notices(ours.not_after - 14 * DAY) if "Our" in each.title]
    assert (notice.urgent, notice.recipients) == (True, ["ops@vendor.example"])


def test_an_api_key_is_to_be_changed_after_90_days(row: Connection) -> None:
    User.objects.create_superuser("root", "root@vendor.example")
    key = APIKeyPair(
        partner=row.partner, name="pay", owner="Shop", purpose="checkout", external_key_id="LIVE-1"
    )
    api_keys.fill(key, factories.rsa_key("VENDOR"))
    key.save()
    for state in (APIKeyState.RECORDED, APIKeyState.ACTIVE):
        assert api_keys.advance(key, state, NOW - 83 * DAY, By())
    [notice] = make_notices(NOW)
    assert "The time to change the API key Amazon: pay ends on 2027-03-17" in notice.title
    assert notice.recipients == ["root@vendor.example"]


def test_a_notice_is_an_event(row: Connection) -> None:
    make_notices(days_before_the_end(60))
    event = AuditEvent.objects.get(tag="certificate:end:noticed")
    assert event.data["days_left"] == 60


def silence(now: dt.datetime) -> list[str]:
    return [each.title for each in make_notices(now) if each.key.startswith("rollover/")]


def test_who_has_not_acknowledged_is_named_before_the_start(row: Connection) -> None:
    walmart = factories.bare_connection(row.organization, row.partner, as2_id="WALMART")
    rollover = moments.ours(row.organization, start=NOW + 20 * DAY)
    assert silence(NOW) == []
    acknowledge(rollover.confirmations.get(connection=walmart), NOW, BY)
    title = "Our new certificate next is not acknowledged yet: AMAZON"
    assert silence(NOW + 14 * DAY) == [title]
    assert silence(NOW + 14 * DAY) == []


def test_who_has_not_used_it_is_named_after_the_start(row: Connection) -> None:
    factories.bare_connection(row.organization, row.partner, as2_id="WALMART")
    rollover = moments.ours(row.organization, start=NOW)
    used([rollover.new.fingerprint], row, NOW)
    make_notices(NOW)
    assert silence(NOW + 3 * DAY) == ["Our new certificate next is not used yet: WALMART"]
