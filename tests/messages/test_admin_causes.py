"""The page of a failed message: whose side it is on, and how to ask the partner for help."""

import datetime as dt
import html
import re
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from config.access.roles import Role
from messages.models import Message, State
from partners.models import Connection
from tests.config.access import world
from tests.messages import made_up

pytestmark = pytest.mark.django_db


@pytest.fixture
def link() -> Connection:
    return made_up.connection()


def page_of(client: Client, row: Message) -> str:
    answer = client.get(f"/admin/as2_messages/message/{row.pk}/change/")
    assert answer.status_code == 200
    return answer.content.decode()


def failing(link: Connection, code: str = "tls", hours: float = 0, **fields: Any) -> Message:
    """Make a message that failed so many hours ago."""
    ago = dt.timedelta(hours=hours)
    at = timezone.now() - ago
    return made_up.message(link, State.FAILED, failure_code=code, age=ago, finished_at=at, **fields)


@pytest.mark.parametrize(
    ("others", "words"),
    [
        ([], "No other partner fails this way"),
        ([("tls", 1)], "1 other partner fails the same way"),
        ([("tls", 1), ("tls", 3), ("tls", 5.5)], "3 other partners fail the same way"),
        ([("dns", 1), ("tls", 7)], "No other partner fails this way"),
    ],
)
def test_a_page_says_whether_others_fail_likewise(
    admin_client: Client, link: Connection, others: list[tuple[str, float]], words: str
) -> None:
    for code, hours in others:
        failing(made_up.connection(), code, hours)
    failing(link, "tls", 1)  # of the same partner
    assert words in page_of(admin_client, failing(link))


def test_a_message_that_did_not_fail_is_not_compared(
    admin_client: Client, link: Connection
) -> None:
    failing(made_up.connection())
    text = page_of(admin_client, made_up.message(link, State.DELIVERED))
    assert "fails the same way" not in text
    assert "Ask the partner" not in text


def test_a_provider_is_told_of_no_other_partner_s_failures(client: Client) -> None:
    rows = world.build()
    Message.objects.update(failure_code="tls")
    client.force_login(world.user(Role.PROVIDER, scope=rows.own))
    text = page_of(client, rows.own_message)
    assert world.SECRET not in text
    assert "No other partner fails this way" in text


def test_a_case_has_what_the_partner_s_people_ask_for(
    admin_client: Client, link: Connection
) -> None:
    Connection.objects.update(profile="amazon-vendor-as2")
    row = failing(
        link,
        failure_text="The handshake failed: ask them.",
        edi_references="order PO77",
        settings={"encrypt_to": "ef" * 32},
    )
    made_up.attempt(row, error_class="tls", error_text="alert 40", peer="192.0.2.9:443")
    made_up.mdn(row, disposition="automatic-action/MDN-sent-automatically; failed")
    text = html.unescape(page_of(admin_client, row))
    assert "Contact Us" in text  # the way to Amazon's help
    found = re.search(r'<pre[^>]* id="case"[^>]*>(.*?)</pre>', text, re.DOTALL)
    assert found is not None
    assert "ask them" not in found[1]  # what we make of it is not for the partner
    for part in (
        row.message_id,
        row.as2_from,
        "tls",
        "alert 40",
        "Order number           PO77",
        "TLSv1.3 TLS_AES_256_GCM_SHA384",
        "192.0.2.9:443",
        "SHA-256 " + "ef" * 32,
        "automatic-action/MDN-sent-automatically; failed",
        f"{row.created_at:%Y-%m-%d %H:%M:%S}",
    ):
        assert part in text


def test_a_rejected_message_leads_to_asking_for_it_again(
    admin_client: Client, link: Connection
) -> None:
    row = made_up.message(link, State.REJECTED, failure_code="decryption-failed")
    text = html.unescape(page_of(admin_client, row))
    found = re.search(r'href="(/admin/as2_messages/redelivery/add/[^"]*)"', text)
    assert found is not None
    form = admin_client.get(found[1]).context["adminform"].form
    assert (form.initial["numbers"], form.initial["connection"]) == (row.message_id, str(link.pk))


def test_a_page_tells_order_numbers_and_the_acknowledgement(
    admin_client: Client, link: Connection
) -> None:
    row = made_up.message(
        link,
        State.DELIVERED,
        edi_references="invoice INV9\norder PO77",
        acknowledgement="accepted",
        acknowledged_at=timezone.now(),
    )
    text = page_of(admin_client, row)
    for part in ("Invoice number", "INV9", "Order number", "PO77", "Acknowledgement", "accepted,"):
        assert part in text
