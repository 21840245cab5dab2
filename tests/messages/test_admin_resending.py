"""Resending by hand."""

import datetime as dt
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from audit.models import AuditEvent
from messages.models import Message, State
from tests.messages import made_up

MAY = ("as2_messages.view_message", "as2_messages.resend_message")

pytestmark = pytest.mark.django_db


@pytest.fixture
def row() -> Message:
    return made_up.message(made_up.connection(), State.FAILED)


def address(row: Message) -> str:
    return f"/admin/as2_messages/message/{row.pk}/resend/"


def test_a_question_comes_first_and_changes_nothing(admin_client: Client, row: Message) -> None:
    assert "Send again" in admin_client.get(address(row)).content.decode()
    row.refresh_from_db()
    assert row.state == State.FAILED


def test_a_failed_message_is_queued_again(client: Client, row: Message) -> None:
    user = made_up.user(*MAY)
    client.force_login(user)
    answer = client.post(address(row), follow=True)
    assert "The message is sent again" in answer.content.decode()
    row.refresh_from_db()
    assert row.state == State.QUEUED
    event = AuditEvent.objects.get()
    assert (event.tag, event.actor) == ("message:outbound:resend", user.username)


@pytest.mark.parametrize("permissions", [(), MAY[:1], MAY[1:]])
def test_nobody_else_may_resend(client: Client, row: Message, permissions: tuple[str, ...]) -> None:
    client.force_login(made_up.user(*permissions))
    assert client.post(address(row)).status_code == 403
    row.refresh_from_db()
    assert row.state == State.FAILED


def test_a_resend_needs_the_page_s_own_form(row: Message) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(made_up.user(*MAY))
    assert client.post(address(row)).status_code == 403


@pytest.mark.parametrize("state", [State.SENDING, State.ACCEPTED, State.QUEUED])
def test_what_goes_out_by_itself_or_came_in_is_not_resent(
    admin_client: Client, state: State
) -> None:
    row = made_up.message(made_up.connection(), state)
    answer = admin_client.post(address(row), follow=True)
    assert "cannot be sent again" in answer.content.decode()
    row.refresh_from_db()
    assert row.state == state


def test_a_message_that_a_worker_took_meanwhile_is_left_to_it(
    admin_client: Client, row: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle = Message.settle

    def taken_first(message: Message, **changes: Any) -> bool:
        later = timezone.now() + dt.timedelta(hours=1)
        Message.objects.filter(pk=row.pk).update(state=State.SENDING, due_at=later)
        return settle(message, **changes)

    monkeypatch.setattr(Message, "settle", taken_first)
    answer = admin_client.post(address(row), follow=True)
    assert "being sent at this moment" in answer.content.decode()
    row.refresh_from_db()
    assert row.state == State.SENDING
