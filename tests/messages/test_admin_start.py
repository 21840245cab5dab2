"""The start page: empty when all is well."""

import datetime as dt
import re

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from messages.models import DeliveryState, State, UnknownSender
from tests import factories
from tests.messages import made_up

DAY = dt.timedelta(days=1)

pytestmark = pytest.mark.django_db


def sections(client: Client) -> list[str]:
    """Return the titles that the start page shows."""
    return [section.kind.title for section in client.get("/admin/").context["sections"]]


def test_a_start_page_without_trouble_is_empty(admin_client: Client) -> None:
    made_up.message(made_up.connection(), State.DELIVERED)
    assert sections(admin_client) == []
    assert "All is well" in admin_client.get("/admin/").content.decode()


def test_a_failed_message_is_shown_with_its_reason(admin_client: Client) -> None:
    made_up.message(made_up.connection(), State.FAILED, failure_text="They hold no key.")
    text = admin_client.get("/admin/").content.decode()
    assert sections(admin_client) == ["Failed messages"]
    assert "They hold no key." in text
    assert "All is well" not in text


def test_a_refused_message_that_was_accepted_later_is_no_trouble(admin_client: Client) -> None:
    link = made_up.connection()
    made_up.message(link, State.REJECTED, message_id="<same@them>")
    assert sections(admin_client) == ["Failed messages"]
    made_up.message(link, State.ACCEPTED, message_id="<same@them>")
    assert sections(admin_client) == []


def test_a_message_that_no_worker_takes_is_stuck(admin_client: Client) -> None:
    long_ago = timezone.now() - DAY
    made_up.message(made_up.connection(state="paused"), State.QUEUED, due_at=long_ago)
    assert sections(admin_client) == []  # parked on purpose
    made_up.message(made_up.connection(), State.QUEUED, due_at=long_ago)
    assert sections(admin_client) == ["Stuck: due, but no worker takes them"]


def test_a_message_that_waits_for_its_mdn_is_shown_and_no_trouble(admin_client: Client) -> None:
    made_up.message(made_up.connection(), State.WAITING, mdn_deadline=timezone.now() + DAY)
    assert sections(admin_client) == ["Waiting for an MDN"]
    assert "All is well" in admin_client.get("/admin/").content.decode()


def test_a_document_that_the_business_side_lacks_is_shown(admin_client: Client) -> None:
    row = made_up.message(made_up.connection(), State.ACCEPTED)
    made_up.delivery(row, DeliveryState.QUEUED, target="a")
    assert sections(admin_client) == []  # it has not been tried yet
    made_up.delivery(row, DeliveryState.HELD, target="b", failure_text="It is full.")
    assert sections(admin_client) == ["Not handed over to the business side"]


@pytest.mark.parametrize(
    ("lifetime", "retires", "shown"),
    [(20, None, True), (-1, None, True), (40, None, False), (20, 10, False), (20, 25, True)],
)
def test_a_certificate_is_shown_before_it_ends(
    admin_client: Client, lifetime: int, retires: int | None, shown: bool
) -> None:
    now = timezone.now()
    value = factories.certificate("PARTNER", start=now - 9 * DAY, lifetime=(9 + lifetime) * DAY)
    retires_at = now + retires * DAY if retires else None
    factories.partner_certificate(made_up.connection(), value, retires_at=retires_at)
    assert sections(admin_client) == ["Partners' certificates that end"] * shown


def test_our_own_certificate_is_shown_before_it_ends(admin_client: Client) -> None:
    pair = factories.key_pair(factories.organization())
    assert sections(admin_client) == []
    type(pair).objects.update(not_after=timezone.now() + 3 * DAY)
    assert sections(admin_client) == ["Our certificates that end"]


def test_unknown_senders_of_today_are_shown(admin_client: Client) -> None:
    now = timezone.now()
    UnknownSender.objects.create(as2_from="A", as2_to="B", first_seen=now, last_seen=now)
    old = now - 2 * DAY
    UnknownSender.objects.create(as2_from="C", as2_to="D", first_seen=old, last_seen=old)
    (section,) = admin_client.get("/admin/").context["sections"]
    assert (section.kind.title, section.count) == ("Unknown senders today", 1)


def test_a_section_shows_a_few_and_leads_to_all(admin_client: Client) -> None:
    link = made_up.connection()
    for _ in range(8):
        made_up.message(link, State.FAILED)
    page = admin_client.get("/admin/")
    (section,) = page.context["sections"]
    assert (section.count, len(section.items)) == (8, 5)
    listed = admin_client.get(section.kind.url).content.decode()
    assert len(set(re.findall(r"invoice-\d+\.edi", listed))) == 8


def test_the_traffic_of_a_day_is_counted(admin_client: Client) -> None:
    link = made_up.connection()
    for state in (State.ACCEPTED, State.ACCEPTED, State.REJECTED, State.DELIVERED):
        made_up.message(link, state)
    made_up.message(link, State.DELIVERED, age=2 * DAY)
    figures = admin_client.get("/admin/").context["figures"]
    assert {figure.label: figure.value for figure in figures} == {
        "received": 2,
        "rejected": 1,
        "delivered": 1,
        "failed": 0,
    }


def test_a_start_page_shows_only_what_the_user_may_see(client: Client) -> None:
    made_up.message(made_up.connection(), State.FAILED)
    client.force_login(made_up.user("as2_messages.view_mdn"))
    page = client.get("/admin/")
    assert (page.context["sections"], page.context["figures"]) == ([], [])
    bar = [item["title"] for group in page.context["sidebar_navigation"] for item in group["items"]]
    assert bar == ["Start", "MDNs"]


def test_the_side_bar_leads_everywhere(admin_client: Client) -> None:
    bar = admin_client.get("/admin/").context["sidebar_navigation"]
    links = [item["link"] for group in bar for item in group["items"]]
    assert len(links) == len(set(links)) > 14
    assert {admin_client.get(link).status_code for link in links} == {200}


def test_a_quiet_start_page_takes_few_queries(
    admin_client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    admin_client.get("/admin/")
    # session, user, second factor; one or two a section, which are 15; the figures, the charts;
    # the history of the user
    with django_assert_num_queries(20):
        admin_client.get("/admin/")
