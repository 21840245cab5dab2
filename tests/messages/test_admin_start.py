"""The start page: empty when all is well."""

import datetime as dt
import re

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from config.access.roles import Role
from messages.models import MDN, DeliveryState, Redelivery, State, UnknownSender
from partners.models import Compliance, Confirmation, Connection, Rollover
from tests import factories
from tests.config.access import world
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


@pytest.mark.usefixtures("still_clock")
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
    admin_client: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    admin_client.get("/admin/")
    # session, user, second factor; one or two a section, of which there are 14; what partners leave
    # to be done; the figures, the charts, the history of the user
    with django_assert_max_num_queries(30):
        admin_client.get("/admin/")


# ------------------------------------------------------- what partners leave, and what is to come


def test_a_late_acknowledgement_and_a_refusing_one_are_shown(admin_client: Client) -> None:
    link = made_up.connection(acknowledge_hours=24)
    delivered = {"edi_ack_number": "42", "finished_at": timezone.now() - 2 * DAY}
    row = made_up.message(link, State.DELIVERED, **delivered)
    assert sections(admin_client) == ["Acknowledgements that are late"]
    row.acknowledgement, row.acknowledged_at = "rejected", timezone.now()
    row.save()
    assert sections(admin_client) == ["Refused by an acknowledgement"]


def test_a_silent_partner_is_shown_with_its_days(admin_client: Client) -> None:
    link = made_up.connection(silent_days=3)
    made_up.message(link, State.ACCEPTED, age=5 * DAY)
    page = admin_client.get("/admin/")
    (section,) = page.context["sections"]
    assert section.kind.title == "Silent partners"
    assert "No document for 5 days" in section.items[0].text


def test_a_connection_that_falls_short_is_shown(admin_client: Client) -> None:
    link = made_up.connection()
    Compliance.objects.create(
        connection=link, verdict="error", profile="amazon 1", evaluated_at=timezone.now()
    )
    (section,) = admin_client.get("/admin/").context["sections"]
    assert (section.kind.title, section.kind.tone) == ("Partners and endpoints", "bad")
    assert "falls short of amazon 1" in section.items[0].title


def rollover(link: Connection, starts: dt.timedelta, state: str, **steps: object) -> Rollover:
    """Make a change of our certificate that concerns one connection."""
    owner = link.organization
    old = factories.key_pair(owner, factories.identity("OLD"))
    start = (timezone.now() + starts).replace(microsecond=0)
    new = factories.key_pair(owner, factories.identity("NEW"), activates_at=start)
    row = Rollover.objects.create(
        old_pair=old, new_pair=new, state=state, created_by="ann", created_at=timezone.now()
    )
    Confirmation.objects.create(rollover=row, connection=link, **steps)
    return row


@pytest.mark.parametrize(
    ("days", "state", "step", "title"),
    [
        (10, "planned", "", "Rollovers to come"),
        (20, "planned", "", None),
        (2, "planned", "", "Rollovers that are not confirmed"),
        (2, "planned", "acknowledged_at", "Rollovers to come"),
        (-2, "active", "acknowledged_at", "Rollovers that are not confirmed"),
        (-2, "active", "confirmed_at", None),
    ],
)
def test_rollovers_are_shown_when_they_come_and_until_they_are_confirmed(
    admin_client: Client, days: int, state: str, step: str, title: str | None
) -> None:
    steps = {step: timezone.now()} if step else {}
    rollover(made_up.connection(), days * DAY, state, **steps)
    assert sections(admin_client) == ([title] if title else [])


def test_what_was_asked_of_a_partner_is_shown_and_no_trouble(admin_client: Client) -> None:
    row = Redelivery.objects.create(connection=made_up.connection(), created_by="ann")
    row.items.create(number="PO77")
    page = admin_client.get("/admin/")
    (section,) = page.context["sections"]
    assert (section.kind.title, section.items[0].text) == (
        "Asked of partners",
        "0 of 1 documents have come.",
    )
    assert page.context["all_is_well"]


def test_trouble_stands_above_what_goes_its_way(admin_client: Client) -> None:
    link = made_up.connection(silent_days=3)
    made_up.message(link, State.ACCEPTED, age=5 * DAY)
    made_up.message(link, State.WAITING, mdn_deadline=timezone.now() + DAY)
    made_up.message(link, State.FAILED)
    assert sections(admin_client) == ["Failed messages", "Silent partners", "Waiting for an MDN"]


def test_a_provider_s_start_page_keeps_to_its_scope(client: Client) -> None:
    rows = world.build()
    for link in (rows.own, rows.other):
        rollover(link, 2 * DAY, "planned")
        Connection.objects.filter(pk=link.pk).update(
            silent_days=1, created_at=timezone.now() - 9 * DAY
        )
    client.force_login(world.user(Role.PROVIDER, scope=rows.own))
    page = client.get("/admin/")
    titles = {section.kind.title for section in page.context["sections"]}
    assert {"Asked of partners", "Silent partners", "Rollovers that are not confirmed"} <= titles
    assert world.SECRET not in page.content.decode()
    assert {section.count for section in page.context["sections"]} == {1}


# ------------------------------------------------------------------------------------- charts


def test_without_traffic_there_is_no_chart(admin_client: Client) -> None:
    assert admin_client.get("/admin/").context["charts"] == []


@pytest.mark.usefixtures("still_clock")
def test_charts_count_by_day_and_say_it_in_words(admin_client: Client) -> None:
    link = made_up.connection()
    for state, age in ((State.ACCEPTED, 0), (State.ACCEPTED, 1), (State.FAILED, 1)):
        made_up.message(link, state, age=age * DAY)
    made_up.message(link, State.ACCEPTED, age=20 * DAY)
    traffic, failures = admin_client.get("/admin/").context["charts"]
    assert traffic.words == "2 received, 0 delivered; highest 1"
    assert failures.words == "1 failed, 0 rejected; highest 1"
    yesterday = f"{timezone.now() - DAY:%Y-%m-%d}"
    assert [bar.text for bar in failures.bars] == [f"{yesterday}: 1 failed"]
    text = admin_client.get("/admin/").content.decode()
    assert f'aria-label="Traffic: {traffic.words}"' in text


def test_bars_stand_on_the_ground_and_stay_inside(admin_client: Client) -> None:
    link = made_up.connection()
    for state in (State.ACCEPTED, State.DELIVERED, State.DELIVERED):
        made_up.message(link, state)
    (bars,) = [chart.bars for chart in admin_client.get("/admin/").context["charts"][:1]]
    assert [(bar.y, bar.height) for bar in bars] == [(26.67, 13.33), (0.0, 26.67)]
    assert all(0 <= bar.x <= 100 - bar.width for bar in bars)


def test_the_time_to_the_mdn_is_that_from_the_attempt_that_it_answers(
    admin_client: Client,
) -> None:
    link = made_up.connection()
    now = timezone.now()
    for seconds in (2, 4, 90):
        row = made_up.message(link, State.DELIVERED)
        made_up.attempt(row, started_at=now - 3 * DAY)
        made_up.attempt(row, started_at=now - dt.timedelta(seconds=seconds))
        MDN.objects.filter(pk=made_up.mdn(row).pk).update(created_at=now)
    chart = admin_client.get("/admin/").context["charts"][2]
    assert chart.title == "Time to the MDN"
    assert chart.words.startswith("half within 4.0 s")
    assert chart.words.endswith("highest 1.5 min")


def test_a_provider_s_charts_count_its_own(client: Client) -> None:
    rows = world.build()
    client.force_login(world.user(Role.PROVIDER, scope=rows.own))
    assert "1 failed" in client.get("/admin/").context["charts"][1].words
