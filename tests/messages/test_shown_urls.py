"""A password that stands in a URL from before is shown nowhere."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from config.access.roles import Role
from messages.models import Message, State
from messages.support import case
from partners.models import Connection
from partners.onboarding import sheet
from tests import factories
from tests.config.access import world
from tests.config.api import calling
from tests.messages import made_up

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("home")]

SECRET = "hunter2"
SHOWN = "https://erp:***@amazon.example/as2"


@pytest.fixture
def message() -> Message:
    link = factories.connection()
    Connection.objects.update(url=f"https://erp:{SECRET}@amazon.example/as2")
    link.refresh_from_db()
    row = made_up.message(link, State.FAILED)
    made_up.attempt(row, peer="")
    return row


def test_not_in_a_case_for_the_partner(message: Message) -> None:
    text = case(message)
    assert (text.count(SHOWN), SECRET in text) == (2, False)


def test_not_on_the_message_s_page(admin_client: Client, message: Message) -> None:
    page = admin_client.get(reverse("admin:as2_messages_message_change", args=(message.pk,)))
    assert (SHOWN in page.content.decode(), SECRET in page.content.decode()) == (True, False)


def test_not_by_the_api(message: Message) -> None:
    client = calling.client_of(world.user(Role.OPERATOR))
    answer = client.get(f"{calling.ROOT}messages/{message.pk}")
    assert [each["url"] for each in answer.json()["attempts"]] == [SHOWN]
    assert SECRET not in answer.content.decode()


def test_not_on_our_sheet(message: Message) -> None:
    assert sheet.build(message.connection, timezone.now()).partner_url == SHOWN
