"""Redeliveries: asked for, told to the partner, answered by what arrives."""

import datetime as dt
from typing import Any

import pytest
from django.core import mail
from django.core.mail import EmailMessage
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from audit.models import AuditEvent
from config.access.roles import Role
from messages import redelivering, tasks
from messages.models import Message, Redelivery, State
from partners.letters import CannotMail
from partners.models import Connection
from partners.rollover.recording import By
from tests import factories
from tests.config.access import world
from tests.messages import made_up

LIST = "/admin/as2_messages/redelivery/"
DAY = dt.timedelta(days=1)

pytestmark = pytest.mark.django_db


@pytest.fixture
def link() -> Connection:
    owner = factories.organization("VENDOR", email="edi@vendor.example")
    company = factories.partner("Amazon", email="edi@amazon.example")
    return factories.bare_connection(owner, company, profile="amazon-vendor-as2")


def request_for(link: Connection, *numbers: str, **fields: Any) -> Redelivery:
    row = Redelivery.objects.create(connection=link, created_by="ann", **fields)
    for number in numbers:
        row.items.create(number=number)
    return row


def arrives(link: Connection, **fields: Any) -> Message:
    return made_up.message(link, State.ACCEPTED, **fields)


# ----------------------------------------------------------------------------- matching


@pytest.mark.parametrize(
    ("number", "fields"),
    [
        ("905", {"edi_control_number": "000000905"}),
        ("000000905", {"edi_control_number": "905"}),
        ("REF77", {"edi_control_number": "REF77"}),
        ("PO77", {"edi_references": "order PO77"}),
        ("PO77", {"edi_references": "shipment S1\norder PO77\ninvoice I1"}),
        ("I1", {"edi_references": "order PO77\ninvoice I1"}),
        ("orders 7.edi", {"filename": "orders 7.edi"}),
        ("7@amazon.example", {"message_id": "<7@amazon.example>"}),
    ],
)
def test_a_request_is_answered_by_what_was_asked_for(
    link: Connection, number: str, fields: dict[str, str]
) -> None:
    row = request_for(link, number)
    message = arrives(link, **fields)
    tasks.match_redeliveries()
    row.refresh_from_db()
    assert (row.state, row.finished_at is not None) == ("answered", True)
    assert row.items.get().message == message
    assert AuditEvent.objects.filter(tag="redelivery:request:answered").count() == 1


@pytest.mark.parametrize(
    ("number", "fields"),
    [
        ("PO7", {"edi_references": "order PO77"}),
        ("77", {"edi_references": "order PO77\ninvoice 779"}),
        ("90", {"edi_control_number": "000000905"}),
        ("905", {"edi_control_number": "9050"}),
    ],
)
def test_a_number_that_only_begins_alike_answers_nothing(
    link: Connection, number: str, fields: dict[str, str]
) -> None:
    row = request_for(link, number)
    arrives(link, **fields)
    tasks.match_redeliveries()
    row.refresh_from_db()
    assert row.state == "open"


def test_what_came_before_from_another_or_was_rejected_answers_nothing(link: Connection) -> None:
    arrives(link, filename="a", age=DAY)
    row = request_for(link, "a")
    made_up.message(made_up.connection(), State.ACCEPTED, filename="a")
    made_up.message(link, State.REJECTED, filename="a")
    made_up.message(link, State.DELIVERED, filename="a")
    tasks.match_redeliveries()
    assert row.items.get().message is None


def test_a_request_stays_open_until_all_of_it_has_come(link: Connection) -> None:
    request_for(link, "a", "b")
    arrives(link, filename="a")
    assert redelivering.match(timezone.now()) == 0
    arrives(link, filename="b")
    assert redelivering.match(timezone.now()) == 1
    assert redelivering.match(timezone.now()) == 0


def test_a_request_by_time_is_closed_by_hand(link: Connection) -> None:
    row = request_for(link, since=timezone.now() - DAY)
    arrives(link)
    assert redelivering.match(timezone.now()) == 0
    assert redelivering.close(row, By("ann"), timezone.now())
    assert not redelivering.close(row, By("ann"), timezone.now())
    assert AuditEvent.objects.get(tag="redelivery:request:closed").actor == "ann"


# --------------------------------------------------------------------------- the letter


def test_the_letter_names_what_is_missing_and_for_whom(link: Connection) -> None:
    row = request_for(link, "a", "b", "c", documents="850 orders", reason="Our\ndisk was full.")
    arrives(link, filename="b")
    redelivering.match(timezone.now())
    text = redelivering.letter(row)
    for part in ("AMAZON", "VENDOR", "850 orders", "Our disk was full.", "number             a\n"):
        assert part in text
    assert [
        line.split()[-1] for line in text.splitlines() if line.endswith((" a", " b", " c"))
    ] == [
        "a",
        "c",
    ]


def test_a_letter_by_time_says_from_when_to_when(link: Connection) -> None:
    since = dt.datetime(2026, 11, 1, 6, tzinfo=dt.UTC)
    text = redelivering.letter(request_for(link, since=since, until=since + DAY))
    assert "2026-11-01 06:00 UTC" in text
    assert "2026-11-02 06:00 UTC" in text


def test_it_goes_by_mail_and_that_is_written_down(link: Connection, settings: Settings) -> None:
    settings.AS2_MAIL = True
    row = request_for(link, "PO77")
    redelivering.mail(row, By("ann"), timezone.now())
    (sent,) = mail.outbox
    assert (sent.to, sent.reply_to) == (["edi@amazon.example"], ["edi@vendor.example"])
    assert "PO77" in sent.body
    row.refresh_from_db()
    assert (row.mailed_to, row.mailed_at is not None) == ("edi@amazon.example", True)
    assert AuditEvent.objects.get(tag="redelivery:request:mailed").actor == "ann"


def test_without_address_or_server_it_has_to_be_copied(
    link: Connection, settings: Settings
) -> None:
    settings.AS2_MAIL = False
    with pytest.raises(CannotMail, match="EMAIL_URL"):
        redelivering.mail(request_for(link, "a"), By("ann"), timezone.now())
    link.partner.email = ""
    with pytest.raises(CannotMail, match="no mail address"):
        redelivering.mail(request_for(link, "a"), By("ann"), timezone.now())


def test_a_mail_that_was_refused_is_not_called_sent(
    link: Connection, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.AS2_MAIL = True

    def refuse(*_args: object, **_kwargs: object) -> int:
        raise OSError("550 no")

    monkeypatch.setattr(EmailMessage, "send", refuse)
    row = request_for(link, "a")
    with pytest.raises(CannotMail, match="550 no"):
        redelivering.mail(row, By("ann"), timezone.now())
    row.refresh_from_db()
    assert row.mailed_at is None


# -------------------------------------------------------------------------------- pages


def ask(client: Client, link: Connection, **data: str) -> Any:
    form = {"connection": link.pk, "numbers": "PO77\nPO78, PO77", **data}
    return client.post(f"{LIST}add/", form, follow=True)


def test_a_request_is_made_on_a_page_and_shows_its_text(
    admin_client: Client, link: Connection
) -> None:
    text = ask(admin_client, link).content.decode()
    row = Redelivery.objects.get()
    assert [item.number for item in row.items.all()] == ["PO77", "PO78"]
    assert "please send these documents again" in text
    assert "Contact Us" in text  # the way to the partner's help
    event = AuditEvent.objects.get(tag="redelivery:request:made")
    assert event.data["numbers"] == ["PO77", "PO78"]
    assert row.created_by == event.actor == "admin"
    assert event.address == "127.0.0.1"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"numbers": ""}, "Say which documents"),
        ({"numbers": "\n".join(map(str, range(201)))}, "at most 200"),
        ({"numbers": "9" * 256}, "at most 255"),
        (
            {
                "since_0": "2026-11-02",
                "since_1": "00:00",
                "until_0": "2026-11-01",
                "until_1": "00:00",
            },
            "begin before it ends",
        ),
    ],
)
def test_a_request_for_nothing_in_particular_is_refused(
    admin_client: Client, link: Connection, data: dict[str, str], words: str
) -> None:
    assert words in ask(admin_client, link, **data).content.decode()
    assert not Redelivery.objects.exists()


def test_a_page_shows_what_has_come(admin_client: Client, link: Connection) -> None:
    row = request_for(link, "a", "b")
    message = arrives(link, filename="a")
    redelivering.match(timezone.now())
    text = admin_client.get(f"{LIST}{row.pk}/change/").content.decode()
    assert f"/admin/as2_messages/message/{message.pk}/change/" in text
    assert "1 of 2" in admin_client.get(f"{LIST}?q=b").content.decode()


def test_a_page_by_time_shows_what_came_since(admin_client: Client, link: Connection) -> None:
    row = request_for(link, since=timezone.now() - DAY)
    arrives(link, filename="late.edi")
    assert "late.edi" in admin_client.get(f"{LIST}{row.pk}/change/").content.decode()


@pytest.mark.parametrize(("act", "words"), [("close", "Closed."), ("mail", "no mail server")])
def test_buttons_close_and_mail(
    admin_client: Client, link: Connection, act: str, words: str
) -> None:
    row = request_for(link, "a")
    answer = admin_client.post(f"{LIST}{row.pk}/act/", {"act": act}, follow=True)
    assert words in answer.content.decode()
    events = AuditEvent.objects.filter(tag__startswith="redelivery:")
    assert {(each.actor, each.address) for each in events} <= {("admin", "127.0.0.1")}
    assert events.count() == (act == "close")


def test_there_is_no_other_act(admin_client: Client, link: Connection) -> None:
    row = request_for(link, "a")
    assert admin_client.post(f"{LIST}{row.pk}/act/", {"act": "burn"}).status_code == 404
    assert admin_client.get(f"{LIST}{row.pk}/act/").status_code == 404


def test_a_provider_asks_for_its_own_only(client: Client) -> None:
    rows = world.build()
    foreign = Redelivery.objects.get(connection=rows.other)
    known = list(Redelivery.objects.values_list("pk", flat=True))
    client.force_login(world.user(Role.PROVIDER, scope=rows.own))
    ask(client, rows.own)
    ask(client, rows.other)
    assert [row.connection for row in Redelivery.objects.exclude(pk__in=known)] == [rows.own]
    assert client.post(f"{LIST}{foreign.pk}/act/", {"act": "close"}).status_code == 404
    foreign.refresh_from_db()
    assert foreign.state == "open"


def test_an_auditor_looks_and_asks_for_nothing(client: Client, link: Connection) -> None:
    row = request_for(link, "a")
    client.force_login(world.user(Role.AUDITOR))
    assert client.get(f"{LIST}{row.pk}/change/").status_code == 200
    assert client.post(f"{LIST}{row.pk}/act/", {"act": "close"}).status_code == 403
    assert client.get(f"{LIST}add/").status_code == 403
