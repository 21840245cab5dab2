"""Mailing: through a real mail server, each notice once, and what is done when it is away."""

import datetime as dt
from collections.abc import Iterator
from email.message import Message

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message as MessageHandler
from pytest_django import Settings

from partners import mailing, tasks
from partners.models import Notice
from tests.factories import DAY
from tests.partners.rollover.moments import NOW
from tests.services import free_port

pytestmark = pytest.mark.django_db


class Inbox(MessageHandler):
    """Keeps what arrives."""

    def __init__(self) -> None:
        super().__init__()
        self.mails: list[Message] = []

    def handle_message(self, message: Message) -> None:
        self.mails.append(message)


@pytest.fixture
def inbox(settings: Settings) -> Iterator[Inbox]:
    handler = Inbox()
    server = Controller(handler, hostname="127.0.0.1", port=free_port(), ready_timeout=10)
    server.start()
    settings.AS2_MAIL = True
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST = "127.0.0.1"
    settings.EMAIL_PORT = server.port
    settings.DEFAULT_FROM_EMAIL = "as2gateway@vendor.example"
    yield handler
    server.stop()


def notice(key: str = "certificate/1", **fields: object) -> Notice:
    columns = {
        "title": "URGENT: The certificate of Amazon ends on 2027-03-17",
        "text": "No successor is planned.\n",
        "recipients": ["ops@vendor.example", "edi@amazon.example"],
        "days_left": 7,
        "urgent": True,
        "created_at": NOW,
    }
    return Notice.objects.create(key=key, **columns | fields)


def test_a_notice_arrives(inbox: Inbox) -> None:
    notice()
    assert mailing.mail_notices(NOW) == 1
    [mail] = inbox.mails
    assert mail["Subject"] == "URGENT: The certificate of Amazon ends on 2027-03-17"
    assert mail["To"] == "ops@vendor.example, edi@amazon.example"
    assert mail["From"] == "as2gateway@vendor.example"
    assert (mail["Importance"], mail["Auto-Submitted"]) == ("high", "auto-generated")
    assert "No successor is planned." in str(mail.get_payload())
    assert Notice.objects.get().mailed_at == NOW


def test_a_calm_notice_does_not_shout(inbox: Inbox) -> None:
    notice(urgent=False)
    mailing.mail_notices(NOW)
    assert inbox.mails[0]["Importance"] is None


def test_it_arrives_once(inbox: Inbox) -> None:
    notice()
    assert [mailing.mail_notices(NOW), mailing.mail_notices(NOW + DAY)] == [1, 0]
    assert len(inbox.mails) == 1


def test_what_a_dead_process_claimed_does_not_go_twice(inbox: Inbox) -> None:
    notice(claimed_at=NOW)
    assert mailing.mail_notices(NOW) == 0
    assert inbox.mails == []


def test_a_line_break_in_a_name_makes_no_header(inbox: Inbox) -> None:
    notice(title="The certificate of A\r\nBcc: evil@example.com ends")
    mailing.mail_notices(NOW)
    [mail] = inbox.mails
    assert mail["Bcc"] is None
    assert mail["Subject"] == "The certificate of A Bcc: evil@example.com ends"


def test_a_mail_server_that_is_away_is_tried_again(inbox: Inbox, settings: Settings) -> None:
    notice()
    port, settings.EMAIL_PORT = settings.EMAIL_PORT, 9  # nobody listens
    assert mailing.mail_notices(NOW) == 0
    row = Notice.objects.get()
    assert row.mailed_at is None
    assert row.error.startswith("ConnectionRefusedError")
    settings.EMAIL_PORT = port
    assert mailing.mail_notices(NOW) == 1
    assert Notice.objects.get().error == ""


def test_old_news_is_not_sent(inbox: Inbox) -> None:
    notice(created_at=NOW - mailing.FRESH)
    assert mailing.mail_notices(NOW) == 0


def test_without_an_address_that_is_said(inbox: Inbox) -> None:
    notice(recipients=[])
    assert mailing.mail_notices(NOW) == 0
    assert Notice.objects.get().error == "Nobody to write to: no address is set."


def test_without_a_mail_server_notices_wait(settings: Settings) -> None:
    settings.AS2_MAIL = False
    notice()
    assert mailing.mail_notices(NOW) == 0
    assert Notice.objects.get().claimed_at is None


def test_the_task_makes_and_sends(inbox: Inbox) -> None:
    notice(created_at=dt.datetime.now(dt.UTC))
    tasks.send_notices()
    tasks.send_notices()
    assert len(inbox.mails) == 1
