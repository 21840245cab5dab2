"""Downloads: only for those who may, never shown by the browser, always written down."""

from typing import cast

import pytest
from django.http import StreamingHttpResponse
from django.test import Client

from audit.models import AuditEvent
from messages.models import Message, State
from messages.store import Kind, get_store
from tests.messages import made_up
from tests.messages.made_up import PAYLOAD

MAY = ("as2_messages.view_message", "as2_messages.download_payload")

pytestmark = pytest.mark.django_db


@pytest.fixture
def row() -> Message:
    link = made_up.connection()
    return made_up.message(link, State.ACCEPTED, payload_key=made_up.stored(), address="192.0.2.1")


def address(row: Message, what: str = "payload") -> str:
    return f"/admin/as2_messages/message/{row.pk}/download/{what}/"


def octets(client: Client, url: str) -> bytes:
    answer = client.get(url)
    assert answer.status_code == 200
    return cast("StreamingHttpResponse", answer).getvalue()


def test_a_payload_comes_out_as_it_came_in(client: Client, row: Message) -> None:
    client.force_login(made_up.user(*MAY))
    assert octets(client, address(row)) == PAYLOAD


@pytest.mark.parametrize(
    ("state", "key"), [(State.ACCEPTED, "raw_key"), (State.FAILED, "wire_key")]
)
def test_the_raw_request_is_what_came_or_what_went(client: Client, state: State, key: str) -> None:
    row = made_up.message(
        made_up.connection(), state, filename="", **{key: made_up.stored(Kind.RAW, b"raw")}
    )
    client.force_login(made_up.user(*MAY))
    assert octets(client, address(row, "raw")) == b"raw"
    assert AuditEvent.objects.get().tag == "message:raw:downloaded"


def test_a_download_is_an_attachment_whatever_it_claims_to_be(client: Client) -> None:
    row = made_up.message(
        made_up.connection(),
        State.ACCEPTED,
        payload_key=made_up.stored(data=b"<script>"),
        filename='../x"\r\nSet-Cookie: a=b.html',
        content_type="text/html",
    )
    client.force_login(made_up.user(*MAY))
    answer = client.get(address(row))
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="x_Set-Cookie_a_b.html"'
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Length"] == "8"
    assert "sandbox" in answer.headers["Content-Security-Policy"]


def test_a_download_is_written_down_with_user_and_address(client: Client, row: Message) -> None:
    user = made_up.user(*MAY)
    client.force_login(user)
    client.get(address(row), REMOTE_ADDR="192.0.2.55")
    event = AuditEvent.objects.get()
    assert (event.tag, event.actor, event.address, event.subject_pk) == (
        "message:payload:downloaded",
        user.username,
        "192.0.2.55",
        str(row.pk),
    )


@pytest.mark.parametrize("permissions", [(), MAY[:1], MAY[1:]])
def test_nobody_else_may_download(
    client: Client, row: Message, permissions: tuple[str, ...]
) -> None:
    client.force_login(made_up.user(*permissions))
    assert client.get(address(row)).status_code == 403
    assert not AuditEvent.objects.exists()


def test_a_stranger_is_asked_to_log_in(client: Client, row: Message) -> None:
    assert client.get(address(row)).status_code == 302


def test_a_download_is_read_only(admin_client: Client, row: Message) -> None:
    assert admin_client.post(address(row)).status_code == 405


@pytest.mark.parametrize("what", ["raw", "settings"])
def test_what_a_message_has_not_is_not_found(admin_client: Client, row: Message, what: str) -> None:
    assert admin_client.get(address(row, what)).status_code == 404


def test_a_file_that_is_gone_is_explained(admin_client: Client, row: Message) -> None:
    get_store().delete(row.payload_key)
    answer = admin_client.get(address(row), follow=True)
    assert "no longer in the store" in answer.content.decode()
    assert not AuditEvent.objects.exists()
