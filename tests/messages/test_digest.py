"""The daily mail: the start page for those who act, once a day."""

import datetime as dt

import pytest
import time_machine
from django.contrib.auth.models import User
from django.core import mail
from pytest_django import Settings

from config.access.roles import Role
from messages import tasks
from messages.admin import digest
from messages.models import State
from partners.models import Notice
from tests import factories
from tests.config.access import world
from tests.messages import made_up

MORNING = dt.datetime(2026, 11, 30, 6, 5, tzinfo=dt.UTC)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def with_a_mail_server(settings: Settings) -> None:
    settings.AS2_MAIL, settings.AS2_DIGEST_HOUR = True, 6
    settings.AS2_BASE_URL = "https://as2.vendor.example"


@pytest.fixture
def ann() -> User:
    user = world.user(Role.OPERATOR)
    user.email = "ann@vendor.example"
    user.save()
    return user


def test_it_tells_what_the_start_page_shows(ann: User) -> None:
    with time_machine.travel(MORNING, tick=False):
        made_up.message(made_up.connection(), State.FAILED, failure_text="They hold\nno key.")
        tasks.make_digest()
    (sent,) = mail.outbox
    assert sent.subject == "AS2 gateway: 1 Failed messages"
    assert sent.to == ["ann@vendor.example"]
    assert "They hold no key." in sent.body
    address = "https://as2.vendor.example/admin/as2_messages/message/?attention=failed"
    assert address in sent.body
    assert sent.extra_headers["Importance"] == "high"


def test_it_says_so_when_all_is_well(ann: User) -> None:
    assert digest.make(MORNING)
    (sent,) = mail.outbox
    assert sent.subject == "AS2 gateway: all is well"
    assert "Importance" not in sent.extra_headers


def test_it_goes_once_a_day_whoever_asks_again(ann: User) -> None:
    for minutes in (0, 5, 600):
        digest.make(MORNING + dt.timedelta(minutes=minutes))
    assert len(mail.outbox) == 1
    assert digest.make(MORNING + dt.timedelta(days=1))
    assert [row.key for row in Notice.objects.order_by("pk")] == [
        "digest/2026-11-30",
        "digest/2026-12-01",
    ]


@pytest.mark.parametrize(
    ("hour", "server", "at"),
    [(6, True, MORNING - dt.timedelta(hours=1)), (None, True, MORNING), (6, False, MORNING)],
    ids=["too early", "switched off", "no server"],
)
def test_otherwise_there_is_none(
    ann: User, settings: Settings, hour: int | None, server: bool, at: dt.datetime
) -> None:
    settings.AS2_DIGEST_HOUR, settings.AS2_MAIL = hour, server
    assert not digest.make(at)
    assert (len(mail.outbox), Notice.objects.count()) == (0, 0)


def test_who_sees_a_part_only_or_acts_on_nothing_gets_none(ann: User) -> None:
    rows = world.build()
    for number, role in enumerate((Role.PROVIDER, Role.AUDITOR)):
        user = world.user(role, scope=rows.own)
        User.objects.filter(pk=user.pk).update(email=f"other{number}@vendor.example")
    assert list(digest.recipients()) == ["ann@vendor.example"]


def test_without_such_a_user_it_goes_to_our_own_addresses() -> None:
    factories.organization("VENDOR", email="edi@vendor.example")
    assert list(digest.recipients()) == ["edi@vendor.example"]
