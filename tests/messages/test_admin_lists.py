"""The other lists: read-only, quick, and with a way to what they tell of."""

import re

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from audit.models import AuditEvent
from audit.sealing import seal
from audit.tags import Tag
from messages.models import DeliveryState, MDNState, State, UnknownSender
from tests.messages import made_up

MDNS = "/admin/as2_messages/mdn/"
DELIVERIES = "/admin/as2_messages/delivery/"
SENDERS = "/admin/as2_messages/unknownsender/"
EVENTS = "/admin/audit/auditevent/"
SEALS = "/admin/audit/auditseal/"

pytestmark = pytest.mark.django_db


def fill(count: int) -> None:
    """Make so many rows for each list."""
    for number in range(count):
        row = made_up.message(made_up.connection(), State.ACCEPTED)
        made_up.mdn(row, MDNState.ANSWERED)
        made_up.delivery(row)
        made_up.event(row, Tag.MESSAGE_INBOUND_ACCEPTED, "Accepted.", data={"old": 1})
        seal()
        now = timezone.now()
        UnknownSender.objects.create(
            as2_from=f"WHO{number}", as2_to="US", first_seen=now, last_seen=now
        )


@pytest.mark.parametrize("count", [1, 30])
@pytest.mark.parametrize("address", [MDNS, DELIVERIES, SENDERS, EVENTS, SEALS])
def test_a_list_takes_the_same_queries_for_any_number_of_rows(
    admin_client: Client,
    address: str,
    count: int,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    fill(count)
    admin_client.get(address)
    # session, user, second factor, count, rows
    with django_assert_num_queries(5):
        assert admin_client.get(address).status_code == 200


@pytest.mark.parametrize("address", [MDNS, DELIVERIES, SENDERS, EVENTS, SEALS])
def test_history_is_only_looked_at(admin_client: Client, address: str) -> None:
    fill(1)
    link = re.search(rf'href="({address}\d+/)change/', admin_client.get(address).content.decode())
    assert link is not None
    assert admin_client.get(f"{link[1]}change/").status_code == 200
    assert admin_client.post(f"{link[1]}change/", {"text": "x"}).status_code == 403
    assert admin_client.post(f"{link[1]}delete/").status_code == 403
    assert admin_client.get(f"{address}add/").status_code == 403


def test_messages_are_only_looked_at(admin_client: Client) -> None:
    row = made_up.message(made_up.connection(), State.ACCEPTED)
    address = "/admin/as2_messages/message/"
    assert admin_client.post(f"{address}{row.pk}/delete/").status_code == 403
    assert admin_client.get(f"{address}add/").status_code == 403


def test_unmatched_mdns_are_found_by_their_state(admin_client: Client) -> None:
    made_up.mdn(None, MDNState.UNMATCHED, original_message_id="<lost@us>", positive=False)
    made_up.mdn(made_up.message(made_up.connection(), State.DELIVERED))
    text = admin_client.get(f"{MDNS}?state__exact=unmatched").content.decode()
    assert "&lt;lost@us&gt;" in text
    assert text.count("as2-badge as2-warn") == 1


def test_the_page_of_an_mdn_shows_its_proof(admin_client: Client) -> None:
    row = made_up.message(made_up.connection(), State.DELIVERED)
    mdn = made_up.mdn(row, headers=[["AS2-Version", "1.2"]])
    text = admin_client.get(f"{MDNS}{mdn.pk}/change/").content.decode()
    for fact in (mdn.disposition, mdn.mic, mdn.signer, "AS2-Version: 1.2", row.message_id[1:-1]):
        assert fact in text


def test_an_event_shows_old_and_new_values(admin_client: Client) -> None:
    row = made_up.message(made_up.connection(), State.DELIVERED)
    data = {"url": {"old": "http://a", "new": "https://a"}}
    made_up.event(row, Tag.CONNECTION_SETTINGS_CHANGED, "Changed.", data=data)
    event = AuditEvent.objects.get()
    text = admin_client.get(f"{EVENTS}{event.pk}/change/").content.decode()
    assert "https://a" in text
    assert "http://a" in text


def test_an_event_without_data_says_nothing_more(admin_client: Client) -> None:
    row = made_up.message(made_up.connection(), State.DELIVERED)
    made_up.event(row, Tag.MESSAGE_OUTBOUND_SENT, "Sent.")
    event = AuditEvent.objects.get()
    text = admin_client.get(f"{EVENTS}{event.pk}/change/").content.decode()
    assert "as2-code" not in text


def test_events_are_filtered_by_tag(admin_client: Client) -> None:
    row = made_up.message(made_up.connection(), State.DELIVERED)
    made_up.event(row, Tag.MESSAGE_OUTBOUND_SENT, "It was sent.")
    made_up.event(row, Tag.MESSAGE_OUTBOUND_DELIVERED, "It is proven.")
    text = admin_client.get(f"{EVENTS}?tag=message:outbound:sent").content.decode()
    assert "It was sent." in text
    assert "It is proven." not in text


def test_a_held_delivery_is_retried_by_hand(admin_client: Client) -> None:
    row = made_up.message(made_up.connection(), State.ACCEPTED)
    held = made_up.delivery(row, DeliveryState.HELD, failure_text="It is full.")
    done = made_up.delivery(row, target="elsewhere")
    choice = {"action": "retry_selected", "_selected_action": [held.pk, done.pk]}
    text = admin_client.post(DELIVERIES, choice, follow=True).content.decode()
    assert "Deliveries that are tried again now: 1." in text
    assert "not held were left alone" in text
    held.refresh_from_db()
    done.refresh_from_db()
    assert (held.state, done.state) == (DeliveryState.QUEUED, DeliveryState.DONE)


def test_several_held_deliveries_are_retried_at_once(admin_client: Client) -> None:
    row = made_up.message(made_up.connection(), State.ACCEPTED)
    held = [made_up.delivery(row, DeliveryState.HELD, target=name).pk for name in "ab"]
    choice = {"action": "retry_selected", "_selected_action": held}
    text = admin_client.post(DELIVERIES, choice, follow=True).content.decode()
    assert "Deliveries that are tried again now: 2." in text
    assert "left alone" not in text


def test_a_delivery_that_is_not_held_is_left_alone(admin_client: Client) -> None:
    row = made_up.message(made_up.connection(), State.ACCEPTED)
    done = made_up.delivery(row)
    choice = {"action": "retry_selected", "_selected_action": [done.pk]}
    text = admin_client.post(DELIVERIES, choice, follow=True).content.decode()
    assert "tried again" not in text


def test_nobody_without_permission_retries_a_delivery(client: Client) -> None:
    row = made_up.message(made_up.connection(), State.ACCEPTED)
    held = made_up.delivery(row, DeliveryState.HELD)
    client.force_login(made_up.user("as2_messages.view_delivery"))
    choice = {"action": "retry_selected", "_selected_action": [held.pk]}
    client.post(DELIVERIES, choice)
    held.refresh_from_db()
    assert held.state == DeliveryState.HELD
