"""Messages by the API: looked for, sent once a key, sent again; documents come out as they are."""

import datetime as dt
import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from audit.models import AuditEvent
from config.access.roles import Role
from messages import failpoints, posting, sending
from messages.failpoints import Failpoint
from messages.models import MDN, Message, State
from messages.sending import Origin
from messages.store import Kind, get_store
from partners.models import Connection
from tests import factories
from tests.config.access import world
from tests.config.api import calling
from tests.messages import made_up

pytestmark = pytest.mark.django_db

MESSAGES = f"{calling.ROOT}messages"
ORDER = b"UNB+UNOA:1+VENDOR+AMAZON+261129:1900+42'UNZ+0+42'"


@pytest.fixture
def program(link: Connection) -> Client:
    return calling.client_of(world.user(Role.BUSINESS_SYSTEM, scope=link))


def send(program: Client, link: Connection, data: bytes = ORDER, **more: Any) -> Any:
    """Send a document; a key and fields of the URL may be given."""
    key = more.pop("key", "")
    kind = more.pop("kind", "application/octet-stream")
    query = {"connection": str(link.pk), "filename": "order.edi", **more}
    headers = {"Idempotency-Key": key} if key else {}
    return program.post(MESSAGES, data, kind, query_params=query, headers=headers)


def stored(row: Message) -> bytes:
    return get_store().read(row.payload_key, 10_000)


def files() -> int:
    """How many files the store has, quarantine included."""
    root = get_store().root
    return sum(1 for path in root.rglob("*") if path.is_file())


# ------------------------------------------------------------------------- lists


def test_filters_find_what_they_name(program: Client, link: Connection) -> None:
    old = made_up.message(link, State.DELIVERED, age=dt.timedelta(days=2))
    new = made_up.message(link, State.ACCEPTED)
    elsewhere = factories.connection(factories.organization("X"), factories.partner("X"))
    other = made_up.message(elsewhere, State.FAILED)
    day = (timezone.now() - dt.timedelta(days=1)).isoformat()
    queries: dict[str, dict[str, str | int]] = {
        "all": {},
        "direction": {"direction": "inbound"},
        "state": {"state": "delivered"},
        "partner": {"partner": link.partner_id},
        "connection": {"connection": other.connection_id},
        "since": {"since": day},
        "until": {"until": day},
        "message id": {"message_id": old.message_id},
    }
    found = {
        name: [row["id"] for row in program.get(MESSAGES, query).json()["items"]]
        for name, query in queries.items()
    }
    assert found == {
        "all": [new.pk, old.pk],
        "direction": [new.pk],
        "state": [old.pk],
        "partner": [new.pk, old.pk],
        "connection": [],
        "since": [new.pk],
        "until": [old.pk],
        "message id": [old.pk],
    }


def test_pages_repeat_and_hide_nothing_while_messages_come(
    program: Client, link: Connection
) -> None:
    rows = [made_up.message(link, State.DELIVERED).pk for _ in range(5)]
    seen: list[int] = []
    cursor: str | None = ""
    while cursor is not None:
        page = program.get(MESSAGES, {"limit": "2", "cursor": cursor}).json()
        seen += [row["id"] for row in page["items"]]
        cursor = page["next"]
        made_up.message(link, State.DELIVERED)
    assert seen == rows[::-1]


def test_one_message_tells_its_mdns_attempts_and_what_happened(
    program: Client, link: Connection
) -> None:
    row = made_up.message(link, State.DELIVERED)
    made_up.attempt(row, started_at=row.created_at + made_up.MINUTE / 60)
    mdn = made_up.mdn(row)
    MDN.objects.filter(pk=mdn.pk).update(created_at=row.created_at + made_up.MINUTE)
    told = program.get(f"{MESSAGES}/{row.pk}").json()
    assert (told["message_id"], told["state"]) == (row.message_id, "delivered")
    assert [each["message_id"] for each in told["mdns"]] == [mdn.mdn_message_id]
    assert [each["http_status"] for each in told["attempts"]] == [200]
    assert [each["title"] for each in told["timeline"]] == [
        "Taken over for sending",
        "Attempt 1",
        "MDN received: positive",
    ]


# ------------------------------------------------------------------------- documents


def test_a_download_is_whole_and_written_down(program: Client, link: Connection) -> None:
    row = made_up.message(link, State.ACCEPTED, payload_key=made_up.stored(data=ORDER))
    answer = program.get(f"{MESSAGES}/{row.pk}/payload", REMOTE_ADDR="192.0.2.9")
    assert b"".join(answer) == ORDER
    assert answer["Content-Length"] == str(len(ORDER))
    assert answer["Content-Disposition"] == f'attachment; filename="{row.filename}"'
    event = AuditEvent.objects.get(tag="message:payload:downloaded")
    assert (event.actor, event.address) == ("user0", "192.0.2.9")
    assert event.data == {"token": "erp"}


def test_what_was_purged_is_gone(program: Client, link: Connection) -> None:
    purged = made_up.message(link, State.ACCEPTED)
    lost = made_up.message(link, State.ACCEPTED, payload_key=made_up.stored())
    get_store().delete(lost.payload_key)
    answers = [program.get(f"{MESSAGES}/{row.pk}/payload") for row in (purged, lost)]
    assert [each.status_code for each in answers] == [410, 410]
    assert not AuditEvent.objects.filter(tag="message:payload:downloaded").exists()


def test_a_document_is_taken_as_it_is(program: Client, link: Connection) -> None:
    answer = send(program, link, kind="application/EDIFACT; charset=utf-8")
    row = Message.objects.get()
    assert (answer.status_code, answer["Location"]) == (202, f"{MESSAGES}/{row.pk}")
    assert answer.json()["payload_sha256"] == hashlib.sha256(ORDER).hexdigest()
    assert stored(row) == ORDER
    assert (row.filename, row.edi_control_number) == ("order.edi", "42")
    assert row.content_type == "application/EDIFACT; charset=utf-8"
    event = AuditEvent.objects.get(tag="message:outbound:queued")
    assert (event.actor, event.address, event.data) == ("user0", "127.0.0.1", {"token": "erp"})


@pytest.mark.parametrize("kind", ["application/octet-stream", "application/x-www-form-urlencoded"])
def test_a_type_that_says_nothing_is_the_connection_s(
    program: Client, link: Connection, kind: str
) -> None:
    send(program, link, kind=kind)
    assert Message.objects.get().content_type == link.content_type


def test_a_form_brings_a_document(program: Client, link: Connection) -> None:
    file = SimpleUploadedFile("Größe.edi", ORDER, "application/EDIFACT")
    answer = program.post(MESSAGES, {"connection": link.pk, "subject": "Order", "file": file})
    row = Message.objects.get()
    assert (answer.status_code, stored(row)) == (202, ORDER)
    assert (row.filename, row.content_type) == ("Größe.edi", "application/edifact")
    assert row.subject == "Order"


def test_the_url_wins_over_the_form(program: Client, link: Connection) -> None:
    file = SimpleUploadedFile("theirs.edi", ORDER)
    query = {"connection": str(link.pk), "filename": "ours.edi"}
    program.post(MESSAGES, {"filename": "form.edi", "file": file}, query_params=query)
    assert Message.objects.get().filename == "ours.edi"


TWO = {"file": SimpleUploadedFile("a", b"a"), "other": SimpleUploadedFile("b", b"b")}


REFUSED = {
    "empty": (b"", "text/plain", {}, 411, None),
    "no connection": (ORDER, "text/plain", {"connection": ""}, 422, "connection"),
    "a word": (ORDER, "text/plain", {"connection": "x"}, 422, "connection"),
    "unknown connection": (ORDER, "text/plain", {"connection": "987654"}, 404, None),
    "no type": (ORDER, "text plain", {}, 422, "content_type"),
    "injected": (ORDER, "text/plain", {"content_type": "a/b\r\nX: y"}, 422, "content_type"),
    "two lines": (ORDER, "text/plain", {"filename": "a\nb"}, 422, "filename"),
    "long name": (ORDER, "text/plain", {"filename": "x" * 256}, 422, "filename"),
    "NUL": (ORDER, "text/plain", {"subject": "a\x00b"}, 422, "subject"),
    "no boundary": (b"--x\r\n", "multipart/form-data", {}, 400, None),
    "no file": (b"--x--\r\n", "multipart/form-data; boundary=x", {}, 422, "file"),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_sent_is_refused_and_not_kept(
    program: Client, link: Connection, case: tuple[bytes, str, dict[str, str], int, str | None]
) -> None:
    data, kind, query, status, field = case
    before = files()
    answer = send(program, link, data, kind=kind, **query)
    assert (answer.status_code, answer["Content-Type"]) == (status, calling.PROBLEM)
    assert [each["field"] for each in answer.json().get("errors", [])] == ([field] if field else [])
    assert (Message.objects.count(), files()) == (0, before)


def test_a_second_file_is_refused_rather_than_lost(program: Client, link: Connection) -> None:
    answer = program.post(MESSAGES, {"connection": link.pk, **TWO})
    assert (answer.status_code, Message.objects.count()) == (422, 0)


def test_what_is_too_large_is_refused(
    program: Client, link: Connection, settings: Settings
) -> None:
    settings.AS2_MAX_BODY = len(ORDER) - 1
    assert send(program, link).status_code == 413
    assert not Message.objects.exists()


def test_what_does_not_fit_on_the_disk_is_refused(
    program: Client, link: Connection, settings: Settings
) -> None:
    settings.AS2_MIN_FREE_SPACE = 2**60
    assert send(program, link).status_code == 507
    assert not Message.objects.exists()


def test_a_store_that_fails_is_told(
    program: Client, link: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = {"fs.fsync": Failpoint.parse("fs.fsync", "eio")}
    monkeypatch.setattr(failpoints, "_armed", broken)
    before = files()
    answer = send(program, link)
    assert (answer.status_code, answer["Retry-After"]) == (503, "120")
    assert (Message.objects.count(), files()) == (0, before)


# ------------------------------------------------------------------------- once


def test_a_repeated_call_is_one_message(program: Client, link: Connection) -> None:
    first, again = send(program, link, key="4711"), send(program, link, key="4711")
    assert (first.status_code, again.status_code) == (202, 200)
    assert first.json()["id"] == again.json()["id"]
    assert Message.objects.count() == 1
    assert not [*get_store().quarantine.glob("*")]


def test_calls_without_a_key_are_messages_of_their_own(program: Client, link: Connection) -> None:
    send(program, link), send(program, link)
    assert Message.objects.count() == 2


def test_a_key_stands_for_one_document(program: Client, link: Connection) -> None:
    other = factories.connection(link.organization, link.partner, as2_id="AMAZON-2")
    send(program, link, key="4711")
    answers = [send(program, link, ORDER + b"'", key="4711"), send(program, other, key="4711")]
    assert [each.status_code for each in answers] == [422, 422]
    assert Message.objects.count() == 1


def test_users_know_nothing_of_each_other_s_keys(program: Client, link: Connection) -> None:
    send(program, link, key="4711")
    other = calling.client_of(world.user(Role.BUSINESS_SYSTEM, scope=link))
    assert send(other, link, ORDER + b"'", key="4711").status_code == 202


def test_two_calls_at_once_are_one_message(
    link: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin, looked = Origin(outbox_key=posting.key_of(1, "4711")), posting._known
    winner = sending.enqueue(link, [ORDER], "order.edi", "", origin)
    # The first look was before the other call had written its row.
    looks: list[Callable[[str], Message | None]] = [lambda _key: None, looked]
    monkeypatch.setattr(posting, "_known", lambda key: looks.pop(0)(key))  # noqa: PLW0108  later
    with get_store().writer(Kind.PAYLOAD) as document:
        document.write(ORDER)
        posted = posting.post(link, document, "order.edi", "", origin)
    assert (posted.message, posted.repeated) == (winner, True)
    assert Message.objects.count() == 1


def test_another_constraint_is_no_repetition(
    link: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = sending.enqueue(link, [ORDER]).message_id
    monkeypatch.setattr(sending, "new_message_id", lambda _owner: taken)
    with get_store().writer(Kind.PAYLOAD) as document:
        document.write(ORDER)
        with pytest.raises(IntegrityError):
            posting.post(link, document, "", "", Origin(outbox_key="x"))


# ------------------------------------------------------------------------- again


def test_a_failed_message_goes_out_again(operator: Client, link: Connection) -> None:
    row = made_up.message(link, State.FAILED, payload_key=made_up.stored())
    answer = operator.generic("POST", f"{MESSAGES}/{row.pk}/resend")
    assert (answer.status_code, answer.json()["state"]) == (202, "queued")
    assert AuditEvent.objects.get(tag="message:outbound:resend").actor == "user0"


def test_a_document_goes_out_as_a_new_message(operator: Client, link: Connection) -> None:
    row = made_up.message(link, State.FAILED, payload_key=made_up.stored(data=ORDER))
    answer = operator.generic("POST", f"{MESSAGES}/{row.pk}/resubmit")
    new = Message.objects.get(pk=answer.json()["id"])
    assert (answer.status_code, new.pk != row.pk, stored(new)) == (202, True, ORDER)


@pytest.mark.parametrize("way", ["resend", "resubmit"])
@pytest.mark.parametrize("state", [State.QUEUED, State.SENDING, State.ACCEPTED])
def test_what_is_on_its_way_or_not_ours_is_not_sent_again(
    operator: Client, link: Connection, way: str, state: State
) -> None:
    row = made_up.message(link, state, payload_key=made_up.stored())
    answer = operator.generic("POST", f"{MESSAGES}/{row.pk}/{way}")
    assert (answer.status_code, answer["Content-Type"]) == (409, calling.PROBLEM)
    assert Message.objects.get().state == state


def test_a_document_that_is_lost_is_not_sent_anew(operator: Client, link: Connection) -> None:
    row = made_up.message(link, State.FAILED, payload_key=made_up.stored())
    get_store().delete(row.payload_key)
    answer = operator.generic("POST", f"{MESSAGES}/{row.pk}/resubmit")
    assert (answer.status_code, "no longer in the store" in answer.json()["detail"]) == (410, True)
    assert Message.objects.count() == 1


@pytest.mark.parametrize(
    ("fault", "status"),
    [(OSError(28, "No space left on device"), 503), (ValueError("have been purged"), 409)],
)
def test_what_keeps_a_document_from_going_out_anew_is_told(
    operator: Client,
    link: Connection,
    monkeypatch: pytest.MonkeyPatch,
    fault: Exception,
    status: int,
) -> None:
    row = made_up.message(link, State.FAILED, payload_key=made_up.stored())

    def fails(*_args: object, **_more: object) -> None:
        raise fault

    monkeypatch.setattr(sending, "enqueue", fails)
    answer = operator.generic("POST", f"{MESSAGES}/{row.pk}/resubmit")
    assert (answer.status_code, "Retry-After" in answer) == (status, status == 503)


def known_failed(link: Connection) -> Message:
    """A message of ours that failed, with its document."""
    sha256 = hashlib.sha256(ORDER).hexdigest()
    stored_at = made_up.stored(data=ORDER)
    return made_up.message(link, State.FAILED, payload_key=stored_at, payload_sha256=sha256)


def test_one_key_sends_a_document_anew_once(operator: Client, link: Connection) -> None:
    row = known_failed(link)
    path, key = f"{MESSAGES}/{row.pk}/resubmit", {"Idempotency-Key": "again-1"}
    first = operator.generic("POST", path, headers=key)
    Message.objects.filter(pk=row.pk).update(payload_key="")
    second = operator.generic("POST", path, headers=key)
    assert (first.status_code, second.status_code) == (202, 200)
    assert first.json()["id"] == second.json()["id"]
    assert operator.generic("POST", path).status_code == 409
    assert Message.objects.count() == 2


def test_two_calls_at_once_send_a_document_anew_once(
    link: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = known_failed(link)
    origin, looked = Origin("ann", outbox_key=posting.key_of(1, "4711")), posting._known
    first = posting.resubmit(row, origin)
    looks: list[Callable[[str], Message | None]] = [lambda _key: None, looked]
    monkeypatch.setattr(posting, "_known", lambda key: looks.pop(0)(key))  # noqa: PLW0108  later
    second = posting.resubmit(row, origin)
    assert (second.message, second.repeated) == (first.message, True)
    assert Message.objects.count() == 2


def test_a_key_of_another_document_sends_none_anew(operator: Client, link: Connection) -> None:
    one, other = known_failed(link), known_failed(link)
    Message.objects.filter(pk=other.pk).update(payload_sha256="00" * 32)
    key = {"Idempotency-Key": "again-1"}
    for row, status in ((one, 202), (other, 422)):
        answer = operator.generic("POST", f"{MESSAGES}/{row.pk}/resubmit", headers=key)
        assert answer.status_code == status
