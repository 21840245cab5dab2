"""The list of messages and the page of one."""

import datetime as dt
import re

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from audit.tags import Tag
from messages.models import DeliveryState, MDNState, Message, State
from partners.models import Connection
from tests import factories
from tests.messages import made_up

LIST = "/admin/as2_messages/message/"

pytestmark = pytest.mark.django_db


@pytest.fixture
def link() -> Connection:
    return made_up.connection()


def shown(client: Client, query: str) -> set[str]:
    """Return the files in the list."""
    page = client.get(f"{LIST}?{query}")
    assert page.status_code == 200
    return set(re.findall(r"[a-z0-9-]+\.edi", page.content.decode()))


def page_of(client: Client, row: Message) -> str:
    answer = client.get(f"{LIST}{row.pk}/change/")
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.parametrize("count", [1, 40])
def test_the_list_takes_the_same_queries_for_any_number_of_rows(
    admin_client: Client, count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(count):
        made_up.mdn(made_up.message(made_up.connection(), State.DELIVERED))
    admin_client.get(LIST)  # what Django keeps from the first request on
    # session, user, second factor, views, failures, kinds, connections, count, rows, MDNs
    with django_assert_num_queries(10):
        admin_client.get(LIST)


def test_the_list_shows_state_and_mdn_as_words(admin_client: Client, link: Connection) -> None:
    row = made_up.message(link, State.DELIVERED)
    made_up.mdn(row)
    text = admin_client.get(LIST).content.decode()
    assert '<span class="as2-badge as2-good">delivered</span>' in text
    assert '<span class="as2-badge as2-good">positive</span>' in text
    assert 'aria-label="outbound"' in text


@pytest.mark.parametrize("field", ["message_id", "filename", "edi_control_number"])
def test_a_message_is_found_by_what_a_partner_names(
    admin_client: Client, link: Connection, field: str
) -> None:
    row, _other = (made_up.message(link, State.DELIVERED) for _ in range(2))
    term = getattr(row, field).strip("<>")
    answer = admin_client.get(LIST, {"q": term}).content.decode()
    assert set(re.findall(r"[a-z0-9-]+\.edi", answer)) == {row.filename}


@pytest.mark.parametrize(
    ("query", "files"),
    [
        ("attention=failed", {"failed.edi", "rejected.edi"}),
        ("attention=stuck", {"stuck.edi"}),
        ("attention=waiting", {"waiting.edi"}),
        ("direction__exact=inbound", {"rejected.edi"}),
        ("state__exact=failed", {"failed.edi", "old.edi"}),
        ("connection=x", set()),
    ],
)
def test_a_filter_keeps_what_was_asked_for(
    admin_client: Client, link: Connection, query: str, files: set[str]
) -> None:
    now, month = timezone.now(), dt.timedelta(days=30)
    made_up.message(link, State.FAILED, filename="failed.edi")
    made_up.message(link, State.FAILED, filename="old.edi", finished_at=now - month, age=month)
    made_up.message(link, State.REJECTED, filename="rejected.edi")
    made_up.message(link, State.QUEUED, filename="stuck.edi", due_at=now - month)
    made_up.message(link, State.WAITING, filename="waiting.edi")
    assert shown(admin_client, query) == files


def test_the_connection_filter_keeps_one_connection(admin_client: Client, link: Connection) -> None:
    row = made_up.message(link, State.DELIVERED)
    made_up.message(made_up.connection(), State.DELIVERED)
    assert shown(admin_client, f"connection={link.pk}") == {row.filename}


def test_a_page_says_why_a_message_failed_and_what_to_do(
    admin_client: Client, link: Connection
) -> None:
    row = made_up.message(link, State.FAILED, failure_text="They hold no key. Send them ours.")
    assert "They hold no key. Send them ours." in page_of(admin_client, row)


def test_a_page_names_the_certificates_that_were_used(admin_client: Client) -> None:
    link = factories.connection()
    theirs = factories.identity("AMAZON").certificate.fingerprint
    ours = factories.identity("VENDOR").certificate.fingerprint
    row = made_up.message(
        link,
        State.ACCEPTED,
        settings={"verify_with": [theirs, "00" * 32], "decrypt_with": [ours]},
        notes=["Line ends were mended."],
        address="192.0.2.1",
        subject="Orders",
        mics={"sha-256": "ab" * 32},
        payload_sha256="cd" * 32,
        headers=[["AS2-Version", "1.2"]],
        mdn_mode="none",
    )
    text = page_of(admin_client, row)
    for fact in ("CN=AMAZON", theirs, "CN=VENDOR", ours, "00" * 32, "ab" * 32, "cd" * 32):
        assert fact in text
    for fact in ("Line ends were mended.", "192.0.2.1", "Orders", "AS2-Version: 1.2"):
        assert fact in text


def test_a_page_leaves_out_what_is_not_known(admin_client: Client, link: Connection) -> None:
    nothing = {"filename": "", "edi_standard": "", "edi_control_number": "", "settings": {}}
    row = made_up.message(link, State.FAILED, **nothing)
    made_up.attempt(
        row, ended_at=None, peer="", http_status=None, tls_version="", tls_fingerprint=""
    )
    made_up.mdn(row, MDNState.UNMATCHED, mdn_message_id="")
    text = page_of(admin_client, row)
    for fact in ("EDI", "Control number", "Engine", "HTTP status", "Took", "Reached", "TLS"):
        assert f"<dt>{fact}</dt>" not in text


def _with_history(link: Connection) -> Message:
    row = made_up.message(link, State.DELIVERED, age=10 * made_up.MINUTE)
    made_up.attempt(row, http_status=None, error_class="tls", error_text="It shows a wrong name.")
    made_up.attempt(row, ended_at=None, started_at=row.created_at + 2 * made_up.MINUTE)
    made_up.mdn(row)
    made_up.event(row, Tag.MESSAGE_OUTBOUND_DELIVERED, "It is proven.", address="192.0.2.9")
    return row


def test_the_timeline_is_in_the_order_of_time(admin_client: Client, link: Connection) -> None:
    text = page_of(admin_client, _with_history(link))
    assert re.findall(r"<h3>(.*?)</h3>", text) == [
        "Taken over for sending",
        "Attempt 1",
        "Attempt 2",
        "MDN received: positive",
        "It is proven.",
    ]


def test_the_timeline_tells_how_each_attempt_went(admin_client: Client, link: Connection) -> None:
    text = page_of(admin_client, _with_history(link))
    for fact in ("It shows a wrong name.", "TLSv1.3 TLS_AES_256_GCM_SHA384", "192.0.2.10:443"):
        assert fact in text
    for fact in ("No answer is written down yet.", "1.2 s", "ab" * 32, "192.0.2.9"):
        assert fact in text


@pytest.mark.parametrize(
    ("state", "fields", "title"),
    [
        (MDNState.ANSWERED, {}, "MDN returned in the answer: positive"),
        (MDNState.SENT, {"positive": False}, "MDN sent: negative"),
        (MDNState.QUEUED, {"url": "https://them.example/mdn"}, "MDN made, being sent"),
        (MDNState.FAILED, {"signed": False}, "MDN could not be sent"),
        (MDNState.VERIFIED, {"signer": ""}, "MDN received: positive"),
        (MDNState.REFUSED, {"mic_matched": False}, "MDN refused"),
        (MDNState.UNMATCHED, {"disposition": "", "mic": ""}, "MDN kept, but it changed nothing"),
    ],
)
def test_the_timeline_tells_what_each_mdn_said(
    admin_client: Client, link: Connection, state: MDNState, fields: dict[str, object], title: str
) -> None:
    row = made_up.message(link, State.ACCEPTED)
    made_up.mdn(row, state, **fields)
    assert f"<h3>{title}</h3>" in page_of(admin_client, row)


@pytest.mark.parametrize(
    ("state", "fault", "title"),
    [
        (DeliveryState.DONE, "", "Handed over"),
        (DeliveryState.HELD, "It is full.", "Held: not handed over"),
        (DeliveryState.QUEUED, "", "Being handed over"),
        (DeliveryState.QUEUED, "It is full.", "Handing over fails"),
    ],
)
def test_the_timeline_tells_where_a_payload_went(
    admin_client: Client, link: Connection, state: DeliveryState, fault: str, title: str
) -> None:
    row = made_up.message(link, State.ACCEPTED, address="192.0.2.1")
    made_up.delivery(row, state, failure_text=fault)
    text = page_of(admin_client, row)
    assert f"<h3>{title}</h3>" in text
    assert fault in text


def test_a_page_takes_few_queries(
    admin_client: Client, link: Connection, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    row = _with_history(link)
    for _ in range(5):
        made_up.mdn(row, MDNState.REFUSED)
        made_up.attempt(row)
    page_of(admin_client, row)
    # session, user, second factor, message, MDNs, deliveries, attempts, audit events
    with django_assert_num_queries(8):
        page_of(admin_client, row)


def test_what_partners_choose_is_text_and_never_markup(
    admin_client: Client, link: Connection
) -> None:
    bad = "<script>alert(1)</script>"
    row = made_up.message(link, State.ACCEPTED, filename=bad, subject=bad, message_id=bad)
    made_up.mdn(row, MDNState.UNMATCHED, text=bad, disposition=bad)
    assert "<script>alert" not in page_of(admin_client, row)
    assert "<script>alert" not in admin_client.get(LIST).content.decode()


@pytest.mark.parametrize("pk", ["999", "x"])
def test_an_unknown_message_leads_back_to_the_start(admin_client: Client, pk: str) -> None:
    answer = admin_client.get(f"{LIST}{pk}/change/")
    assert (answer.status_code, answer.headers["Location"]) == (302, reverse("admin:index"))


def test_nobody_without_permission_sees_a_message(client: Client, link: Connection) -> None:
    row = made_up.message(link, State.DELIVERED)
    client.force_login(made_up.user("as2_messages.view_mdn"))
    assert client.get(LIST).status_code == 403
    assert client.get(f"{LIST}{row.pk}/change/").status_code == 403


def test_a_page_offers_only_what_the_user_may_do(client: Client, link: Connection) -> None:
    row = made_up.message(link, State.FAILED, payload_key=made_up.stored())
    client.force_login(made_up.user("as2_messages.view_message"))
    text = page_of(client, row)
    assert "Resend" not in text
    assert "Download" not in text
