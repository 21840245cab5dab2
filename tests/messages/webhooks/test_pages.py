"""Pages and the command: what an operator sees and does. The secret is shown by none of them."""

import base64
import re
from collections.abc import Iterator

import pytest
from django.contrib.auth.models import Permission, User
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from audit.models import AuditEvent
from messages.models import WebhookEvent
from messages.webhooks import posting
from messages.webhooks.noting import note_test
from partners.models import Webhook
from tests.messages.made_up import user
from tests.messages.servers import Peer, answer, serve
from tests.messages.webhooks import hooks
from tests.messages.webhooks.hooks import SECRET, webhook

pytestmark = pytest.mark.django_db

LIST = "/admin/partners/webhook/"
EVENTS = "/admin/as2_messages/webhookevent/"
WRITTEN = f"whsec_{base64.b64encode(SECRET).decode()}"


@pytest.fixture(autouse=True)
def allowed(settings: Settings) -> None:
    """Receivers of tests are on this machine."""
    settings.AS2_WEBHOOK_ALLOW_PRIVATE = True


@pytest.fixture
def admin(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("root", "root@vendor.example"))
    return client


@pytest.fixture
def receiver() -> Iterator[Peer]:
    with serve(answer(status="204 No Content")) as peer:
        yield peer


def form(**fields: str) -> dict[str, str]:
    given = {"name": "ERP", "url": "https://erp.example/hooks", "events": "message.failed"}
    return {**given, "partner": "", "active": "on", "tls_ca": "", "new_secret": "", **fields}


def page(admin: Client, row: Webhook) -> str:
    return admin.get(f"{LIST}{row.pk}/change/").content.decode()


def test_a_new_webhook_proposes_a_secret_that_is_then_never_shown(admin: Client) -> None:
    shown = admin.get(f"{LIST}add/").content.decode()
    [proposed] = re.findall(r'value="(whsec_[^"]+)"', shown)
    admin.post(f"{LIST}add/", form(new_secret=proposed))
    row = Webhook.objects.get()
    assert [*row.secrets(timezone.now())] == [base64.b64decode(proposed.removeprefix("whsec_"))]
    event = AuditEvent.objects.get(tag="webhook:settings:changed")
    for text in (page(admin, row), admin.get(LIST).content.decode(), str(event.data)):
        assert proposed.removeprefix("whsec_") not in text


def test_another_secret_is_recorded_as_set_and_no_more(admin: Client) -> None:
    row = webhook("https://erp.example/hooks", name="ERP", events="message.failed")
    admin.post(f"{LIST}{row.pk}/change/", form(new_secret=f"whsec_{'A' * 44}"))
    row.refresh_from_db()
    assert [*row.secrets(timezone.now())] == [bytes(33), SECRET]
    [event] = AuditEvent.objects.filter(tag="webhook:settings:changed")
    assert list(event.data) == ["secret_set_at"]


def test_settings_are_changed_without_the_secret(admin: Client) -> None:
    row = webhook("https://erp.example/hooks", name="ERP", events="message.failed")
    admin.post(f"{LIST}{row.pk}/change/", form(events="certificate.*\nkey.reminder"))
    row.refresh_from_db()
    assert (row.events.split(), [*row.secrets(timezone.now())]) == (
        ["certificate.*", "key.reminder"],
        [SECRET],
    )


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"events": "message.faild"}, "No event is called message.faild"),
        ({"new_secret": "short"}, "It has to"),
        ({"url": "https://olga:pw@erp.example/"}, "no place for a password"),
        ({"tls_ca": "nothing"}, "No certificate in PEM"),
    ],
)
def test_what_could_not_work_is_refused(admin: Client, fields: dict[str, str], words: str) -> None:
    shown = admin.post(f"{LIST}add/", form(**{"new_secret": WRITTEN, **fields}))
    assert words in shown.content.decode()
    assert not Webhook.objects.exists()


def test_plain_http_is_for_private_networks_only(admin: Client, settings: Settings) -> None:
    settings.AS2_WEBHOOK_ALLOW_PRIVATE = False
    data = form(new_secret=WRITTEN, url="http://erp.example/")
    assert "It has to begin with https://" in admin.post(f"{LIST}add/", data).content.decode()


def test_the_button_posts_a_test_event_and_says_what_came(admin: Client, receiver: Peer) -> None:
    row = webhook(receiver.url, active=False)
    shown = admin.post(f"{LIST}{row.pk}/act/", {"act": "test"}, follow=True).content.decode()
    assert f"{row} answered 204." in shown
    assert receiver.header("webhook-signature") == hooks.signature_of(receiver)
    assert AuditEvent.objects.get(tag="webhook:event:tested").actor == "root"
    assert "as2-badge as2-good" in admin.get(LIST).content.decode()


def test_a_test_that_fails_says_why(admin: Client) -> None:
    row = webhook("http://127.0.0.1:9/")
    shown = admin.post(f"{LIST}{row.pk}/act/", {"act": "test"}, follow=True).content.decode()
    assert "The test was not taken: no connection to 127.0.0.1" in shown


def test_what_was_given_up_is_sent_again_by_hand(admin: Client) -> None:
    row = note_test(webhook("http://127.0.0.1:9/"))
    WebhookEvent.objects.update(state="failed", due_at=None, failure_text="The receiver is down.")
    assert "The receiver is down." in admin.get(EVENTS).content.decode()
    admin.post(EVENTS, {"action": "send_again", "_selected_action": [row.pk]})
    row.refresh_from_db()
    assert (row.state, row.due_at is not None) == ("queued", True)


def test_what_was_given_up_is_on_the_start_page(admin: Client) -> None:
    posting.post(note_test(webhook("http://127.0.0.1:9/")).pk)
    shown = admin.get("/admin/").content.decode()
    assert "Events that a webhook did not take" in shown
    assert "webhook.test for hook 1" in shown


def test_a_webhook_with_a_history_is_switched_off_and_not_deleted(admin: Client) -> None:
    row = webhook()
    note_test(row)
    shown = admin.post(f"{LIST}{row.pk}/delete/", {"post": "yes"}, follow=True).content.decode()
    assert "Switch it off instead." in shown
    assert Webhook.objects.exists()


def test_whoever_sees_some_partners_only_sees_no_webhook(client: Client) -> None:
    webhook()
    somebody = user("partners.view_webhook", "as2_messages.view_webhookevent")
    somebody.user_permissions.remove(Permission.objects.get(codename="see_everything"))
    client.force_login(somebody)
    assert "hook 1" not in client.get(LIST).content.decode()
    assert "hook 1" not in client.get(EVENTS).content.decode()


def test_whoever_may_only_look_sees_no_secret_field(client: Client) -> None:
    row = webhook()
    client.force_login(user("partners.view_webhook"))
    shown = client.get(f"{LIST}{row.pk}/change/")
    assert (shown.status_code, b"new_secret" in shown.content) == (200, False)
    assert client.post(f"{LIST}{row.pk}/act/", {"act": "test"}).status_code == 403


def test_the_command_says_what_came_of_it(
    receiver: Peer, capsys: pytest.CaptureFixture[str]
) -> None:
    webhook(receiver.url, name="ERP")
    call_command("send_test_event", "ERP")
    assert "ERP took evt_" in capsys.readouterr().out
    webhook("http://127.0.0.1:9/", name="down")
    with pytest.raises(CommandError, match=r"down did not take evt_.*no connection"):
        call_command("send_test_event", "down")
    with pytest.raises(CommandError, match="There are: ERP, down"):
        call_command("send_test_event", "nobody")
