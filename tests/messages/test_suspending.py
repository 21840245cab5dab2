"""Suspensions: proposed after refusals in a row, decided by a person, withdrawn by time."""

import datetime as dt
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from audit.models import AuditEvent
from messages import refusals
from messages.models import Message, State
from partners.models import Connection, Notice, Scope, Suspension
from tests.messages import made_up

pytestmark = pytest.mark.django_db
MINUTE = dt.timedelta(minutes=1)
DAY = dt.timedelta(days=1)
NEGATIVE: dict[str, Any] = {"decided_by_mdn": True, "failure_code": "authentication-failed"}


@pytest.fixture
def link() -> Connection:
    return made_up.connection()


def ended(
    link: Connection, minutes_ago: float, state: State = State.FAILED, **fields: Any
) -> Message:
    moment = timezone.now() - minutes_ago * MINUTE
    given = {"finished_at": moment, "failure_text": f"refused {minutes_ago} minutes ago", **fields}
    return made_up.message(link, state, **given)


def refused(link: Connection, number: int = 5, **fields: Any) -> None:
    for minutes_ago in range(number, 0, -1):
        ended(link, minutes_ago, **{**NEGATIVE, **fields})


def review() -> int:
    return refusals.review(timezone.now())


@pytest.mark.parametrize(
    "how", [NEGATIVE, {"failure_code": "http-403"}, {"failure_code": "http-404"}], ids=str
)
def test_refusals_in_a_row_make_a_proposal_and_nothing_else(
    link: Connection, how: dict[str, Any]
) -> None:
    refused(link, **{"decided_by_mdn": False, **how})
    assert (review(), review()) == (1, 0)
    row = Suspension.objects.get()
    assert (row.connection, row.refusals, row.reason) == (link, 5, "refused 1 minutes ago")
    link.refresh_from_db()
    assert link.state == "active"


def test_it_is_told_by_a_notice(link: Connection) -> None:
    link.organization.email = "edi@vendor.example"
    link.organization.save()
    refused(link)
    review()
    notice = Notice.objects.get()
    assert notice.urgent
    assert notice.recipients == ["edi@vendor.example"]
    assert "refused 1 minutes ago" in notice.text


@pytest.mark.parametrize(
    "fields",
    [
        {"decided_by_mdn": False, "failure_code": "http-503"},
        {"decided_by_mdn": False, "failure_code": "connect"},
        {"finished_at": timezone.now() - 8 * DAY},
    ],
    ids=["out of order", "not reached", "long ago"],
)
def test_what_is_no_refusal_of_today_proposes_nothing(
    link: Connection, fields: dict[str, Any]
) -> None:
    refused(link, **fields)
    assert review() == 0


def test_one_message_that_was_taken_ends_the_row(link: Connection) -> None:
    refused(link, 9)
    ended(link, 4.5, State.DELIVERED)
    assert review() == 0


@pytest.mark.parametrize(("number", "proposed"), [(4, 0), (5, 1)])
def test_fewer_are_no_row(link: Connection, number: int, proposed: int) -> None:
    refused(link, number)
    assert review() == proposed


def test_by_a_setting_nothing_is_proposed(link: Connection, settings: Settings) -> None:
    settings.AS2_REFUSALS = 0
    refused(link)
    assert review() == 0


def test_a_connection_that_rests_is_left_alone(link: Connection) -> None:
    refused(link)
    Connection.objects.update(state="paused")
    assert review() == 0


def test_a_delivery_withdraws_the_proposal(link: Connection) -> None:
    refused(link)
    review()
    ended(link, -1, State.DELIVERED)
    review()
    row = Suspension.objects.get()
    assert (row.closed_by, row.suspended) == ("system", False)


def test_a_connection_that_was_paused_withdraws_it(link: Connection) -> None:
    refused(link)
    review()
    Connection.objects.update(state="paused")
    review()
    assert Suspension.objects.get().closed_at is not None


def test_after_it_was_set_aside_as_many_anew_are_needed(
    admin_client: Client, link: Connection
) -> None:
    refused(link)
    review()
    decide(admin_client, "aside")
    assert review() == 0
    for minutes in range(5):
        assert refusals.review(timezone.now() + 9 * MINUTE) == 0
        ended(link, -minutes - 1, **NEGATIVE)
    assert refusals.review(timezone.now() + 9 * MINUTE) == 1


def decide(client: Client, decision: str) -> str:
    row = Suspension.objects.get(closed_at__isnull=True)
    door = reverse("admin:partners_suspension_act", args=(row.pk,))
    return client.post(door, {"act": decision}, follow=True).content.decode()


def test_a_button_suspends_the_connection(admin_client: Client, link: Connection) -> None:
    refused(link)
    review()
    assert "The connection is suspended" in decide(admin_client, "suspend")
    link.refresh_from_db()
    row = Suspension.objects.get()
    assert (link.state, row.suspended, row.closed_by) == ("suspended", True, "admin")
    event = AuditEvent.objects.get(tag="connection:state:changed")
    assert (event.actor, event.data["state"]) == ("admin", {"old": "active", "new": "suspended"})


def test_a_provider_decides_about_its_own(client: Client, link: Connection) -> None:
    user = User.objects.create_user("van", is_staff=True)
    user.groups.add(Group.objects.get(name="provider"))
    client.force_login(user)
    refused(link)
    review()
    door = reverse("admin:partners_suspension_act", args=(Suspension.objects.get().pk,))
    assert client.post(door, {"act": "suspend"}).status_code == 404
    Scope.objects.create(user=user).connections.add(link)
    assert client.post(door, {"act": "suspend"}).status_code == 302


def test_an_auditor_decides_nothing(client: Client, link: Connection) -> None:
    user = User.objects.create_user("eve", is_staff=True)
    user.groups.add(Group.objects.get(name="auditor"))
    client.force_login(user)
    refused(link)
    review()
    door = reverse("admin:partners_suspension_act", args=(Suspension.objects.get().pk,))
    assert client.post(door, {"act": "suspend"}).status_code == 403
    page = client.get(door.removesuffix("act/") + "change/").content.decode()
    assert "refused 5 messages in a row" in page
    assert "Suspend the connection" not in page
