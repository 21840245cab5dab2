"""What can be done with a list of messages: filters, views, counts, CSV, sending many again."""

import csv
import datetime as dt
import io
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from audit.models import AuditEvent
from config.access.roles import Role
from messages.admin.exporting import cell
from messages.models import Message, SavedView, State
from partners.models import Connection
from tests.config.access import world
from tests.messages import made_up

LIST = "/admin/as2_messages/message/"
MAY = ("as2_messages.view_message", "as2_messages.resend_message")

pytestmark = pytest.mark.django_db


@pytest.fixture
def link() -> Connection:
    return made_up.connection()


def shown(client: Client, query: str) -> set[str]:
    """Return the file names of the rows that a list with this query has."""
    return {row.filename for row in client.get(f"{LIST}?{query}").context["cl"].result_list}


def streamed(client: Client, address: str) -> list[list[str]]:
    answer: Any = client.get(address)
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    return list(csv.reader(io.StringIO(b"".join(answer.streaming_content).decode())))


# ------------------------------------------------------------------------------ filters


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("failure=dns", {"b"}),
        ("failure=any", {"b", "c"}),
        ("kind=X12+850", {"b"}),
        ("kind=unknown", {"c"}),
        ("q=PO77", {"a"}),
        ("attention=not-understood", set()),
    ],
)
def test_a_list_is_narrowed_by_failure_kind_and_order_number(
    admin_client: Client, link: Connection, query: str, found: set[str]
) -> None:
    made_up.message(link, State.DELIVERED, filename="a", edi_references="order PO77")
    made_up.message(link, State.FAILED, filename="b", failure_code="dns", edi_type="850")
    made_up.message(link, State.FAILED, filename="c", failure_code="tls", edi_type="")
    assert shown(admin_client, query) == found


# ---------------------------------------------------------------------------------- CSV


def test_csv_has_what_the_list_shows_and_no_more(admin_client: Client, link: Connection) -> None:
    made_up.message(link, State.DELIVERED, filename="a.edi")
    made_up.message(link, State.FAILED, filename="b.edi", failure_text="one\ntwo, three")
    titles, *rows = streamed(admin_client, f"{LIST}export/?state__exact=failed&p=3")
    assert [dict(zip(titles, row, strict=True))["file"] for row in rows] == ["b.edi"]
    assert dict(zip(titles, rows[0], strict=True))["explanation"] == "one · two, three"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "\r=", " ="])
def test_no_cell_is_a_formula(start: str) -> None:
    assert cell(f"{start}HYPERLINK(1)").startswith("'")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (7, "7"),
        ("a=b", "a=b"),
        (dt.datetime(2026, 1, 2, tzinfo=dt.UTC), "2026-01-02 00:00:00"),
    ],
)
def test_other_cells_are_as_they_are(value: object, text: str) -> None:
    assert cell(value) == text


def test_an_export_is_written_down(client: Client, link: Connection) -> None:
    user = made_up.user("as2_messages.view_message")
    client.force_login(user)
    streamed(client, f"{LIST}export/?state__exact=failed")
    event = AuditEvent.objects.get(tag="message:list:exported")
    assert (event.actor, event.data) == (user.username, {"filters": "state__exact=failed"})


def test_a_provider_exports_its_own_only(client: Client) -> None:
    rows = world.build()
    client.force_login(world.user(Role.PROVIDER, scope=rows.own))
    _titles, *found = streamed(client, f"{LIST}export/")
    assert len(found) == 1
    assert world.SECRET not in str(found)
    assert world.SECRET not in client.get(f"{LIST}counts/").content.decode()


@pytest.mark.parametrize("door", ["export/", "counts/"])
def test_who_sees_no_messages_gets_no_list_of_them(client: Client, door: str) -> None:
    client.force_login(made_up.user("as2_messages.view_mdn"))
    assert client.get(LIST + door).status_code == 403


@pytest.mark.parametrize("door", ["export/", "counts/"])
def test_a_filter_that_does_not_exist_leads_back_to_the_list(
    admin_client: Client, door: str
) -> None:
    assert admin_client.get(f"{LIST}{door}?colour=blue").status_code == 302


# ------------------------------------------------------------------------------- counts


def test_messages_are_counted_over_time_and_by_what_they_are(
    admin_client: Client, link: Connection
) -> None:
    made_up.message(link, State.DELIVERED)
    made_up.message(link, State.FAILED, failure_code="dns")
    made_up.message(made_up.connection(), State.ACCEPTED, age=dt.timedelta(days=100))
    counts = admin_client.get(f"{LIST}counts/").context["counts"]
    by_time, by_partner, by_kind, by_failure = (table.rows for table in counts.tables)
    assert [row.numbers for row in by_time] == [(0, 0, 1, 1, 0)]
    assert [(row.name, row.rate) for row in by_partner] == [(link.partner.name, "50.0 %")]
    assert [row.name for row in by_kind] == ["X12 810"]
    assert [(row.name, row.numbers[3]) for row in by_failure] == [("dns", 1)]


def test_a_month_looks_further_back_than_a_day(admin_client: Client, link: Connection) -> None:
    for age in (1, 100, 400):
        made_up.message(link, State.DELIVERED, age=dt.timedelta(days=age))
    for step, rows in (("day", 1), ("week", 2), ("month", 3)):
        counts = admin_client.get(f"{LIST}counts/?step={step}").context["counts"]
        assert (counts.step, len(counts.tables[0].rows)) == (step, rows)


def test_counts_keep_to_the_filters_of_the_list(admin_client: Client, link: Connection) -> None:
    made_up.message(link, State.DELIVERED)
    made_up.message(link, State.FAILED)
    counts = admin_client.get(f"{LIST}counts/?state__exact=failed&step=day").context["counts"]
    assert [row.numbers for row in counts.tables[0].rows] == [(0, 0, 0, 1, 0)]


# -------------------------------------------------------------------------------- views


def save(client: Client, **data: str) -> Any:
    return client.post(f"{LIST}views/", {"name": "Mine", "query": "state__exact=failed", **data})


def test_a_view_brings_its_filters_back(admin_client: Client, link: Connection) -> None:
    made_up.message(link, State.FAILED, filename="b.edi")
    made_up.message(link, State.DELIVERED)
    save(admin_client, query="state__exact=failed&p=2&csrfmiddlewaretoken=x")
    (view,) = admin_client.get(LIST).context["tools"]["views"]
    assert (view.name, view.query) == ("Mine", "state__exact=failed")
    assert shown(admin_client, view.query) == {"b.edi"}


def test_a_view_of_the_same_name_is_replaced(admin_client: Client) -> None:
    save(admin_client)
    save(admin_client, query="q=PO77")
    assert [view.query for view in SavedView.objects.all()] == ["q=PO77"]


@pytest.mark.parametrize("data", [{"name": " "}, {"name": "n" * 81}, {"query": "q=" + "x" * 3000}])
def test_what_is_no_view_is_not_saved(admin_client: Client, data: dict[str, str]) -> None:
    assert save(admin_client, **data).status_code == 302
    assert not SavedView.objects.exists()


def test_a_view_is_one_s_own_unless_it_is_shared(admin_client: Client, client: Client) -> None:
    save(admin_client)
    save(admin_client, name="Everybody's", shared="on")
    client.force_login(made_up.user("as2_messages.view_message"))
    assert [view.name for view in client.get(LIST).context["tools"]["views"]] == ["Everybody's"]
    other = SavedView.objects.get(name="Everybody's")
    assert client.post(f"{LIST}views/{other.pk}/delete/").status_code == 404
    assert admin_client.post(f"{LIST}views/{other.pk}/delete/").status_code == 302
    assert not SavedView.objects.filter(pk=other.pk).exists()


def test_a_provider_sees_no_shared_view_and_shares_none(
    admin_client: Client, client: Client
) -> None:
    rows = world.build()
    save(admin_client, name=world.SECRET, shared="on")
    client.force_login(world.user(Role.PROVIDER, scope=rows.own))
    assert world.SECRET not in client.get(LIST).content.decode()
    save(client, name="own", shared="on")
    assert not SavedView.objects.get(name="own").shared


# ------------------------------------------------------------------------ sending many again


def act(client: Client, action: str, rows: list[Message], **data: str) -> Any:
    keys = [row.pk for row in rows]
    return client.post(LIST, {"action": action, "_selected_action": keys, **data}, follow=True)


@pytest.fixture
def chosen(home: Path, link: Connection) -> list[Message]:
    failed = [
        made_up.message(link, State.FAILED, payload_key=made_up.stored()) for _number in range(2)
    ]
    return [*failed, made_up.message(link, State.ACCEPTED)]


def test_many_are_looked_at_before_anything_is_sent(
    admin_client: Client, chosen: list[Message]
) -> None:
    text = act(admin_client, "resend_selected", chosen).content.decode()
    assert "Send again: 2 messages?" in text
    assert "1 of those chosen cannot be sent so" in text
    assert Message.objects.filter(state=State.FAILED).count() == 2


def test_many_are_resent_under_their_message_ids(client: Client, chosen: list[Message]) -> None:
    user = made_up.user(*MAY)
    client.force_login(user)
    act(client, "resend_selected", chosen, confirmed="yes")
    assert Message.objects.filter(state=State.QUEUED).count() == 2
    events = AuditEvent.objects.filter(tag="message:outbound:resend", actor=user.username)
    assert events.count() == 2


def test_many_are_resubmitted_as_new_messages(client: Client, chosen: list[Message]) -> None:
    user = made_up.user(*MAY)
    client.force_login(user)
    act(client, "resubmit_selected", chosen, confirmed="yes")
    new = Message.objects.filter(state=State.QUEUED)
    assert {row.filename for row in new} == {row.filename for row in chosen[:2]}
    assert not {row.message_id for row in new} & {row.message_id for row in chosen}
    assert "sent anew" in new[0].notes[0]
    events = AuditEvent.objects.filter(tag="message:outbound:resubmit", actor=user.username)
    assert events.count() == 4  # on the old ones and on the new ones


def test_a_document_that_is_gone_is_left_alone(admin_client: Client, chosen: list[Message]) -> None:
    Message.objects.filter(pk=chosen[0].pk).update(payload_key="2026/01/01/gone.payload")
    text = act(admin_client, "resubmit_selected", chosen, confirmed="yes").content.decode()
    assert "1 were left alone" in text
    assert Message.objects.filter(state=State.QUEUED).count() == 1


def test_too_many_at_once_are_refused(
    admin_client: Client, chosen: list[Message], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("messages.admin.resending.MOST", 2)
    text = act(admin_client, "resend_selected", chosen, confirmed="yes").content.decode()
    assert "Choose at most 2 messages at once" in text
    assert not Message.objects.filter(state=State.QUEUED).exists()


def test_what_came_in_cannot_be_sent_again(admin_client: Client, chosen: list[Message]) -> None:
    text = act(admin_client, "resend_selected", chosen[2:]).content.decode()
    assert "None of these can be sent again" in text


def test_without_the_permission_there_is_no_such_action(
    client: Client, chosen: list[Message]
) -> None:
    client.force_login(made_up.user("as2_messages.view_message"))
    act(client, "resend_selected", chosen, confirmed="yes")
    assert not Message.objects.filter(state=State.QUEUED).exists()


def test_a_provider_sends_only_its_own_again(client: Client) -> None:
    rows = world.build()
    client.force_login(world.user(Role.PROVIDER, scope=rows.own))
    both = [rows.own_message, rows.other_message]
    act(client, "resend_selected", both, confirmed="yes")
    states = {row.pk: row.state for row in Message.objects.all()}
    assert states == {rows.own_message.pk: "queued", rows.other_message.pk: "failed"}


def test_one_document_is_sent_as_a_new_message(admin_client: Client, chosen: list[Message]) -> None:
    address = f"{LIST}{chosen[0].pk}/resubmit/"
    assert "new Message-ID" in admin_client.get(address).content.decode()
    answer = admin_client.post(address)
    new = Message.objects.get(state=State.QUEUED)
    assert answer["Location"] == f"{LIST}{new.pk}/change/"
