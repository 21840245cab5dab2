"""Deadlines of profiles: reminded of at each step, once, whatever was down meanwhile."""

import datetime as dt
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.utils import timezone
from pytest_django import Settings

from partners import mailing
from partners.compliance.verdicts import reevaluate
from partners.models import Acknowledgement, Connection, Notice
from partners.noticing import make_notices
from tests import factories
from tests.partners.profiles import sheet

pytestmark = pytest.mark.django_db
DAY = dt.timedelta(days=1)
DEADLINE = dt.datetime(2031, 3, 1, tzinfo=dt.UTC)
STEPS = (90, 60, 30, 14, 7, 3, 1, 0)


@pytest.fixture(autouse=True)
def versions(sheets: Path) -> None:
    """A profile in force, and one to come that asks for SHA-512."""
    (sheets / "1.toml").write_text(sheet())
    (sheets / "2.toml").write_text(
        sheet(version="2", date=f"{DEADLINE:%Y-%m-%d}", minimum="sha-512")
    )


@pytest.fixture
def connection() -> Connection:
    owner = factories.organization(email="edi@vendor.example")
    return factories.connection(owner, profile="acme", environment="production")


def at(now: dt.datetime) -> list[Notice]:
    """Judge as the daily task does, then make notices; those about deadlines."""
    reevaluate(Connection.objects.all(), now)
    return [each for each in make_notices(now) if each.key.startswith("deadline/")]


def test_each_step_is_reminded_of_once(connection: Connection) -> None:
    made = []
    moment = DEADLINE - 100 * DAY
    while moment < DEADLINE + 3 * DAY:
        made += [each.key.rsplit("/", 1)[1] for each in at(moment)]
        moment += dt.timedelta(hours=8)
    assert [int(step) for step in made] == list(STEPS)


def test_a_restart_doubles_nothing(connection: Connection) -> None:
    assert len(at(DEADLINE - 30 * DAY)) == 1
    assert at(DEADLINE - 30 * DAY) == []


def test_after_two_days_down_only_the_last_step_is_said(connection: Connection) -> None:
    at(DEADLINE - 9 * DAY)
    made = at(DEADLINE - dt.timedelta(hours=10))
    assert [each.key.rsplit("/", 1)[1] for each in made] == ["1"]


def test_the_mail_says_what_has_to_be_set(connection: Connection, settings: Settings) -> None:
    settings.AS2_MAIL = True
    now = DEADLINE - dt.timedelta(days=13, hours=12)
    at(now)
    mailing.mail_notices(now)
    text = next(each for each in mail.outbox if "to be set right" in each.subject)
    assert text.subject == (
        "URGENT: Amazon: 1 connection has to be set right, errors from 2031-03-01 on"
    )
    assert text.to == ["edi@vendor.example"]
    for said in ("13 days left", "VENDOR → AMAZON (production)", "as2.sign.min: sha-256"):
        assert said in text.body


def test_administrators_are_told_in_the_last_week(connection: Connection) -> None:
    User.objects.create_superuser("root", email="root@example.com")
    early, late = at(DEADLINE - 8 * DAY), at(DEADLINE - 7 * DAY)
    assert [each.recipients for each in (*early, *late)] == [
        ["edi@vendor.example"],
        ["edi@vendor.example", "root@example.com"],
    ]


def test_test_and_production_are_one_mail(connection: Connection) -> None:
    owner, partner = connection.organization, connection.partner
    factories.connection(owner, partner, as2_id="AMAZON-TEST", profile="acme")
    (notice,) = at(DEADLINE - 30 * DAY)
    assert "2 connections have to be set right" in notice.title
    assert "AMAZON-TEST (test)" in notice.text


def test_what_is_set_right_is_not_reminded_of(connection: Connection) -> None:
    connection.sign = "sha-512"
    connection.save()
    assert at(DEADLINE - 30 * DAY) == []


def test_what_is_acknowledged_is_not_reminded_of(connection: Connection) -> None:
    Acknowledgement.objects.create(
        connection=connection,
        rule="as2.sign.min",
        until=DEADLINE.date(),
        reason="they know",
        created_by="ann",
    )
    assert at(DEADLINE - 30 * DAY) == []


def test_what_was_over_long_ago_is_no_news(connection: Connection) -> None:
    assert at(DEADLINE + 30 * DAY) == []
    assert not Notice.objects.filter(key__startswith="deadline/", created_at__lt=timezone.now())
