"""Sending: from a document to a message that is proven to have arrived, or says why not."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import time_machine
from cryptography.fernet import Fernet
from django.db import IntegrityError
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from as2gateway.errors import DecryptionFailed
from audit.models import AuditEvent
from messages import claims, failpoints, outcomes, sending, turns
from messages.models import Attempt, ErrorClass, MDNState, Message, State
from messages.sending import Origin, enqueue, resend, send
from messages.store import get_store
from partners.models import Connection
from tests import factories
from tests.messages.calls import Calls
from tests.messages.partner import (
    Partner,
    for_another_message,
    refusing,
    reporting,
    with_unreadable_mic,
    with_wrong_mic,
)
from tests.messages.servers import Script, answer, serve

pytestmark = pytest.mark.django_db

ORDER = (
    b"ISA*00*          *00*          *ZZ*VENDOR         *ZZ*AMAZON         "
    b"*260301*1200*U*00401*000000042*0*T*>~"
    b"GS*PO*VENDOR*AMAZON*20260301*1200*1*X*004010~ST*850*0001~"
)


def connection(url: str = "http://127.0.0.1:9/as2", **fields: Any) -> Connection:
    return factories.connection(url=url, response_timeout=2, **fields)


def attempt(script: Script, **fields: Any) -> Message:
    """Queue an order and send it once to a server that follows the script."""
    with serve(script) as peer:
        message = enqueue(connection(peer.url, **fields), [ORDER], "order.edi")
        send(message.pk)
    message.refresh_from_db()
    return message


def again(message: Message, script: Script) -> Message:
    """Send a message once more, when it is due."""
    message.refresh_from_db()
    assert message.due_at is not None
    with serve(script) as peer, time_machine.travel(message.due_at, tick=True):
        Connection.objects.update(url=peer.url)
        send(message.pk)
    message.refresh_from_db()
    return message


@pytest.fixture
def partner() -> Partner:
    return Partner()


# ------------------------------------------------------------------------- taking over


def test_a_queued_document_is_due_at_once_and_has_its_final_message_id() -> None:
    message = enqueue(connection(), [ORDER[:10], ORDER[10:]], "/tmp/order.edi")
    assert message.state == State.QUEUED
    assert message.due_at is not None
    assert message.due_at <= timezone.now()
    assert message.message_id.startswith("<")
    assert (message.filename, message.payload_size) == ("order.edi", len(ORDER))
    assert get_store().read(message.payload_key, 1000) == ORDER


def test_a_queued_document_tells_what_it_is() -> None:
    message = enqueue(connection(), [ORDER[:1], ORDER[1:]])
    found = (message.edi_standard, message.edi_type, message.edi_control_number)
    assert found == ("X12", "850", "000000042")


def test_queueing_is_recorded_with_who_did_it() -> None:
    enqueue(connection(), [ORDER], "a.edi", origin=Origin(actor="ann"))
    event = AuditEvent.objects.get(tag="message:outbound:queued")
    assert (event.actor, event.text) == ("ann", f"Queued a.edi of {len(ORDER)} bytes.")


def test_workers_are_woken_after_the_commit(
    calls: Calls,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        message = enqueue(connection(), [ORDER])
        assert calls() == []
    assert calls() == [("messages.tasks.send", message.pk)]


def test_an_outbox_file_becomes_one_message_only() -> None:
    ours = connection()
    enqueue(ours, [ORDER], origin=Origin(outbox_key="k"))
    kept = {path.name for path in get_store().root.rglob("*.payload")}
    with pytest.raises(IntegrityError):
        enqueue(ours, [ORDER], origin=Origin(outbox_key="k"))
    assert {path.name for path in get_store().root.rglob("*.payload")} == kept


# ------------------------------------------------------------------------- sync MDNs


def test_a_message_with_a_verified_mdn_is_delivered(partner: Partner) -> None:
    message = attempt(partner.answers)
    assert (message.state, message.due_at, message.failure_text) == (State.DELIVERED, None, "")
    assert message.decided_by_mdn
    assert message.finished_at is not None
    assert partner.payloads == [ORDER]


def test_the_mdn_is_kept_with_what_it_proves(partner: Partner) -> None:
    message = attempt(partner.answers)
    mdn = message.mdns.get()
    assert (mdn.state, mdn.positive, mdn.mic_matched) == (MDNState.VERIFIED, True, True)
    assert mdn.signer == factories.identity("AMAZON").certificate.fingerprint
    assert mdn.original_message_id == message.message_id
    assert b"disposition-notification" in get_store().read(mdn.body_key, 100_000)


def test_the_row_tells_how_the_message_was_built(partner: Partner) -> None:
    message = attempt(partner.answers)
    assert (message.signed, message.encrypted, message.compressed) == (
        "sha-256",
        "aes-128-cbc",
        False,
    )
    assert set(message.mics) == {"sha-1", "sha-256", "sha-384", "sha-512"}
    assert message.wire_size == get_store().size(message.wire_key)
    assert message.settings["encrypt_to"] == factories.identity("AMAZON").certificate.fingerprint


def test_the_attempt_is_written_down(partner: Partner) -> None:
    message = attempt(partner.answers)
    row = message.attempt_rows.get()
    assert (row.number, row.http_status, row.error_class) == (1, 200, "")
    assert row.peer.startswith("127.0.0.1:")
    assert row.ended_at is not None
    assert row.ended_at > row.started_at


def test_exactly_the_stored_bytes_go_out_with_their_length(partner: Partner) -> None:
    with serve(partner.answers) as peer:
        message = enqueue(connection(peer.url), [ORDER])
        send(message.pk)
    message.refresh_from_db()
    assert peer.bodies == [get_store().read(message.wire_key, 100_000)]
    assert peer.header("Content-Length") == str(message.wire_size)
    assert peer.header("Message-ID") == message.message_id
    assert peer.header("Connection") is None
    assert peer.header("Transfer-Encoding") is None


@pytest.mark.parametrize(
    ("partner", "code", "text"),
    [
        (Partner(signer="MALLORY"), "mdn-unproven", "certificate"),
        (Partner(signs=False), "mdn-unproven", "not signed"),
        (Partner(change=for_another_message), "mdn-unproven", "another@vendor"),
        (Partner(change=with_wrong_mic), "integrity-check-failed", "another content"),
        (Partner(change=refusing(DecryptionFailed)), "decryption-failed", "current certificate"),
        (Partner(change=reporting("failed/failure: ouch")), "ouch", "refused the message"),
        (
            Partner(change=reporting("processed/error: duplicate-document")),
            "duplicate-document",
            "refused",
        ),
        (Partner(change=reporting("processed", with_mic=False)), "integrity-check-failed", "MIC"),
        (Partner(change=with_unreadable_mic), "integrity-check-failed", "unreadable"),
        (
            Partner(change=reporting("processed/warning: duplicate-document", with_mic=False)),
            "integrity-check-failed",
            "MIC",
        ),
    ],
)
def test_an_mdn_that_proves_nothing_good_fails_the_message_at_once(
    partner: Partner, code: str, text: str
) -> None:
    message = attempt(partner.answers)
    assert (message.state, message.failure_code, message.due_at) == (State.FAILED, code, None)
    assert text in message.failure_text


def test_a_warning_is_no_refusal() -> None:
    partner = Partner(change=reporting("processed/warning: duplicate-document"))
    assert attempt(partner.answers).state == State.DELIVERED


@pytest.mark.parametrize("value", ["warning", "error"])
def test_a_duplicate_notice_after_our_own_repetition_is_success(value: str) -> None:
    message = attempt(answer(b"", "503 Later"))
    notice = reporting(f"processed/{value}: duplicate-document", with_mic=False)
    assert again(message, Partner(change=notice).answers).state == State.DELIVERED


def test_an_unsigned_mdn_will_do_where_none_was_asked_to_be_signed() -> None:
    message = attempt(Partner(signs=False).answers, mdn_signed=False)
    assert message.state == State.DELIVERED
    assert message.mdns.get().signer == ""


# ------------------------------------------------------------------------- other answers


@pytest.mark.parametrize(
    ("octets", "state", "code"),
    [
        (answer(b"<html><body>Welcome!</body></html>"), State.QUEUED, "mdn-missing"),
        (answer(b"", "204 None"), State.QUEUED, "mdn-missing"),
        (
            answer(b"nonsense", "200 OK", "Content-Type: multipart/report; boundary=x"),
            State.QUEUED,
            "mdn-unreadable",
        ),
        (answer(b"", "500 Ouch"), State.QUEUED, "http-500"),
        (answer(b"", "503 Later"), State.QUEUED, "http-503"),
        (answer(b"", "429 Slow"), State.QUEUED, "http-429"),
        (answer(b"", "408 Slow"), State.QUEUED, "http-408"),
        (answer(b"", "401 Who"), State.QUEUED, "http-401"),
        (answer(b"", "403 No"), State.QUEUED, "http-403"),
        (answer(b"", "404 Where"), State.QUEUED, "http-404"),
        (answer(b"", "400 Bad"), State.FAILED, "http-400"),
        (answer(b"", "413 Big"), State.FAILED, "http-413"),
        (answer(b"", "302 There", "Location: http://x/"), State.FAILED, "http-302"),
        (answer(b"", "307 There"), State.FAILED, "http-307"),
        (b"", State.QUEUED, "cut"),
    ],
)
def test_each_answer_without_an_mdn_has_its_outcome(octets: bytes, state: State, code: str) -> None:
    message = attempt(octets)
    assert (message.state, message.failure_code) == (state, code)
    assert (message.due_at is not None) == (state == State.QUEUED)
    assert message.failure_text != ""
    assert message.attempt_rows.get().error_text != ""


def test_where_a_redirect_points_to_is_told_in_printable_characters() -> None:
    message = attempt(answer(b"", "302 There", "Location: http://x/\0\x07y"))
    assert "http://x/ y," in message.failure_text
    assert message.failure_text.isprintable()


def test_what_an_error_page_says_is_shown_without_its_markup() -> None:
    page = b"<html><style>p {}</style><p>No such\n<b>partner</b></p>\x00</html>"
    message = attempt(answer(page, "400 Bad"))
    assert "answered 400 and said “No such partner”." in message.failure_text


def test_an_mdn_with_an_error_status_is_information_only(partner: Partner) -> None:
    def failing(sock: Any, request: bytes) -> None:
        sock.sendall(partner(request).replace(b"200 OK", b"500 Ouch"))

    message = attempt(failing)
    assert (message.state, message.failure_code) == (State.QUEUED, "http-500")
    assert "The MDN with it says: processed" in message.failure_text
    assert message.mdns.get().state == MDNState.UNMATCHED


def test_an_unreadable_mdn_with_an_error_status_is_kept_too() -> None:
    broken = answer(b"x", "500 Ouch", "Content-Type: multipart/report; boundary=x")
    message = attempt(broken)
    assert message.failure_text == "The partner answered 500 and said “x”."
    assert message.mdns.get().disposition == ""


def test_gaps_grow_and_retry_after_is_honoured() -> None:
    message = attempt(answer(b"", "503 Later", "Retry-After: 3600"), first_gap_minutes=5)
    assert message.due_at is not None
    wait = message.due_at - timezone.now()
    assert dt.timedelta(minutes=59) < wait < dt.timedelta(minutes=67)


def test_a_retry_repeats_the_identical_request(partner: Partner) -> None:
    with serve(b"", partner.answers) as peer:
        message = enqueue(connection(peer.url), [ORDER])
        send(message.pk)
        message.refresh_from_db()
        assert message.due_at is not None
        factories.key_pair(message.connection.organization, factories.identity("NEW KEY"))
        with time_machine.travel(message.due_at, tick=True):
            send(message.pk)
    assert peer.requests[0] == peer.requests[1]
    assert [row.number for row in message.attempt_rows.all()] == [1, 2]


def test_the_last_attempt_fails_the_message() -> None:
    message = attempt(answer(b"", "503 Later"), max_attempts=2)
    message = again(message, answer(b"", "503 Later"))
    assert (message.state, message.due_at) == (State.FAILED, None)
    assert "attempt 2, the last one" in message.failure_text


def test_without_a_request_for_an_mdn_a_2xx_is_delivery() -> None:
    message = attempt(answer(b"thanks", "202 Taken"), mdn="none")
    assert (message.state, message.decided_by_mdn) == (State.DELIVERED, False)


# ------------------------------------------------------------------------- async MDNs


def test_a_message_waits_for_its_async_mdn() -> None:
    message = attempt(answer(), mdn="async", mdn_wait_minutes=30)
    assert message.state == State.WAITING
    assert message.mdn_deadline == message.due_at
    assert message.due_at is not None
    assert message.due_at > timezone.now() + dt.timedelta(minutes=29)


def test_an_mdn_that_never_comes_has_the_same_bytes_sent_again_and_then_fails() -> None:
    message = attempt(answer(), mdn="async", max_attempts=2)
    message = again(message, answer())
    assert (message.state, message.attempts) == (State.WAITING, 2)
    message = again(message, answer())
    assert (message.state, message.failure_code) == (State.FAILED, "no-mdn")
    assert message.attempts == message.attempt_rows.count() == 2


def test_a_sync_mdn_will_do_where_an_async_one_was_asked_for(partner: Partner) -> None:
    assert attempt(partner.answers, mdn="async").state == State.DELIVERED


# ------------------------------------------------------------------------- what is missing


def test_a_missing_certificate_fails_the_message_and_is_named() -> None:
    bare = factories.bare_connection()
    factories.key_pair(bare.organization)
    message = enqueue(bare, [ORDER])
    send(message.pk)
    message.refresh_from_db()
    assert (message.state, message.failure_code) == (State.FAILED, "not-built")
    assert "no certificate of Amazon to encrypt to" in message.failure_text
    assert not message.attempt_rows.exists()


def test_a_key_that_cannot_be_read_costs_no_attempt(partner: Partner, settings: Settings) -> None:
    message = enqueue(connection(max_attempts=1), [ORDER])
    ring = settings.AS2_KEY_RING
    settings.AS2_KEY_RING = [Fernet.generate_key().decode()]
    send(message.pk)
    message.refresh_from_db()
    assert (message.state, message.failure_code, message.tries) == (State.QUEUED, "key-ring", 0)
    assert "not in AS2_KEY_RING" in message.failure_text
    settings.AS2_KEY_RING = ring
    assert again(message, partner.answers).state == State.DELIVERED


@pytest.mark.parametrize("built", [False, True])
def test_bytes_that_are_gone_fail_the_message(built: bool) -> None:
    message = attempt(answer(b"", "503 Later")) if built else enqueue(connection(), [ORDER])
    get_store().delete(message.wire_key if built else message.payload_key)
    assert message.due_at is not None
    with time_machine.travel(message.due_at, tick=True):
        send(message.pk)
    message.refresh_from_db()
    assert (message.state, message.failure_code) == (State.FAILED, "file-missing")
    assert f"store: {message.wire_key or message.payload_key}. Restore" in message.failure_text


@pytest.mark.parametrize("built", [False, True])
def test_a_message_waits_for_a_store_that_is_not_mounted(home: Path, built: bool) -> None:
    partner = Partner()
    message = attempt(answer(b"", "503 Later")) if built else enqueue(connection(), [ORDER])
    store = home / "store"
    store.rename(home / "away")
    message = again(message, partner.answers)
    assert (message.state, message.tries) == (State.QUEUED, int(built))
    assert "See to the disk of the store" in message.failure_text
    (home / "away").rename(store)
    assert again(message, partner.answers).state == State.DELIVERED


def test_wire_bytes_that_changed_their_size_are_not_sent() -> None:
    message = attempt(answer(b"", "503 Later"))
    Message.objects.update(wire_size=1)
    message = again(message, b"")
    assert (message.state, message.failure_code) == (State.FAILED, "not-built")
    assert "has changed its size" in message.failure_text


@pytest.fixture
def armed(settings: Any) -> Iterator[None]:
    settings.DEBUG = True
    yield
    failpoints.arm("")


@pytest.mark.usefixtures("armed")
def test_a_broken_disk_costs_no_attempt(partner: Partner) -> None:
    message = enqueue(connection(max_attempts=1), [ORDER])
    failpoints.arm("tx.built=enospc")
    send(message.pk)
    message.refresh_from_db()
    assert (message.state, message.failure_code, message.tries) == (State.QUEUED, "disk", 0)
    assert again(message, partner.answers).state == State.DELIVERED


# ------------------------------------------------------------------------- one at a time


def test_a_message_that_is_being_sent_is_not_sent_by_another_worker(partner: Partner) -> None:
    message = enqueue(connection(), [ORDER])
    assert message.claim(timezone.now(), dt.timedelta(minutes=1), state=State.SENDING)
    send(message.pk)
    assert message.attempt_rows.count() == 0


@pytest.mark.parametrize("state", ["paused", "suspended"])
def test_a_connection_that_rests_parks_its_messages_until_it_is_resumed(
    partner: Partner, state: str
) -> None:
    ours = connection(state=state)
    message = enqueue(ours, [ORDER])
    send(message.pk)
    message.refresh_from_db()
    assert (message.state, message.attempts) == (State.QUEUED, 0)
    Connection.objects.update(state="active")
    assert again(message, partner.answers).state == State.DELIVERED


def test_no_more_messages_at_a_time_than_the_connection_allows(partner: Partner) -> None:
    ours = connection(parallel=2)
    messages = [enqueue(ours, [ORDER]) for _ in range(3)]
    for message in messages[:2]:
        message.claim(timezone.now(), dt.timedelta(minutes=1), state=State.SENDING)
    send(messages[2].pk)
    messages[2].refresh_from_db()
    assert (messages[2].state, messages[2].attempts) == (State.QUEUED, 0)


def test_in_strict_order_the_oldest_open_message_goes_first(partner: Partner) -> None:
    ours = connection(ordered=True)
    first, second = enqueue(ours, [ORDER]), enqueue(ours, [ORDER])
    send(second.pk)
    second.refresh_from_db()
    assert second.attempts == 0
    again(first, answer(b"", "400 Bad"))
    assert again(second, partner.answers).state == State.DELIVERED


@pytest.mark.parametrize("ordered", [True, False])
def test_a_worker_goes_on_with_what_else_is_due_on_the_connection(
    partner: Partner, calls: Calls, ordered: bool
) -> None:
    with serve(partner.answers) as peer:
        ours = connection(peer.url, ordered=ordered)
        other = factories.connection(ours.organization, ours.partner, as2_id="OTHER")
        messages = [enqueue(ours, [ORDER + b"%d" % number]) for number in range(3)]
        another = enqueue(other, [ORDER])
        sending.send_due(messages[0].pk)
    states = {row.pk: row.state for row in Message.objects.all()}
    assert states == {m.pk: State.DELIVERED for m in messages} | {another.pk: State.QUEUED}
    assert calls() == []


def test_a_worker_rings_for_the_rest_when_its_turn_is_over(
    partner: Partner, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "TURN", 0.0)
    with serve(partner.answers) as peer:
        ours = connection(peer.url)
        first, second, third = (enqueue(ours, [ORDER + b"%d" % number]) for number in range(3))
        sending.send_due(first.pk)
    assert calls() == [("messages.tasks.send", second.pk)]
    third.refresh_from_db()
    assert third.state == State.QUEUED


def test_a_worker_does_not_wait_for_a_connection_that_may_not_send(calls: Calls) -> None:
    ours = connection(parallel=1)
    going, waiting, third = (enqueue(ours, [ORDER + b"%d" % number]) for number in range(3))
    assert claims.claim(going.pk, timezone.now()) is not None
    sending.send_due(third.pk)
    assert [*Message.objects.filter(state=State.QUEUED)] == [third, waiting]
    assert calls() == []


# ------------------------------------------------------------------------- crashes


def crash_and_return(message: Message) -> None:
    """Leave a message as a worker does that was killed in an attempt, its lease over."""
    assert message.claim(timezone.now(), dt.timedelta(), state=State.SENDING)
    Attempt.objects.create(
        message=message, number=message.attempts, url="http://x", started_at=timezone.now()
    )


def test_after_a_crash_the_message_is_sent_and_the_attempt_counts_as_lost(
    partner: Partner,
) -> None:
    message = enqueue(connection(), [ORDER])
    crash_and_return(message)
    assert again(message, partner.answers).state == State.DELIVERED
    lost, done = message.attempt_rows.all()
    assert (lost.error_class, done.error_class) == (ErrorClass.LOST, "")


def test_a_crash_in_the_last_attempt_fails_the_message() -> None:
    message = enqueue(connection(max_attempts=1), [ORDER])
    crash_and_return(message)
    send(message.pk)
    message.refresh_from_db()
    assert (message.state, message.failure_code, message.attempts) == (State.FAILED, "lost", 1)


def test_a_worker_that_lost_its_lease_changes_nothing() -> None:
    message = enqueue(connection(), [ORDER])
    claimed = claims.claim(message.pk, timezone.now())
    assert claimed is not None
    Message.objects.update(due_at=timezone.now(), attempts=5)
    outcome = outcomes.unbuildable(ValueError("late"))
    sending.settle(claimed, outcome)
    message.refresh_from_db()
    assert (message.state, message.failure_text) == (State.SENDING, "")


# ------------------------------------------------------------------------- resending


def test_an_operator_sends_the_same_bytes_again(partner: Partner) -> None:
    message = attempt(answer(b"", "400 Bad"), max_attempts=1)
    bytes_before = message.wire_key
    assert resend(message, "ann")
    message = again(message, partner.answers)
    assert (message.state, message.wire_key) == (State.DELIVERED, bytes_before)
    assert AuditEvent.objects.get(tag="message:outbound:resend").actor == "ann"


def test_after_a_resend_the_mdn_that_failed_it_counts_no_more(partner: Partner) -> None:
    message = attempt(Partner(change=refusing(DecryptionFailed)).answers)
    assert message.decided_by_mdn
    assert resend(message, "ann")
    assert again(message, partner.answers).state == State.DELIVERED


def test_a_message_that_is_being_sent_cannot_be_resent() -> None:
    message = enqueue(connection(), [ORDER])
    message.claim(timezone.now(), dt.timedelta(minutes=1), state=State.SENDING)
    assert not resend(message, "ann")


def test_an_inbound_message_cannot_be_resent() -> None:
    with pytest.raises(ValueError, match="that we sent"):
        resend(Message(direction="inbound"), "ann")


@pytest.mark.usefixtures("armed")
def test_a_disk_that_fails_in_the_middle_of_a_post_is_ours(partner: Partner) -> None:
    with serve(partner.answers) as peer:
        message = enqueue(connection(peer.url), [ORDER], "order.edi")
        failpoints.arm("tx.posted=eio")
        send(message.pk)
        failpoints.arm("")
    message.refresh_from_db()
    assert (message.state, message.failure_code, message.tries) == (State.QUEUED, "disk", 0)
    assert "cut" not in message.failure_text
    row = Attempt.objects.get()
    assert (row.error_class, row.ended_at is None) == (ErrorClass.LOST, False)


def test_stored_bytes_of_another_length_end_the_attempt(
    home: Path, partner: Partner, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(name: str) -> None:
        if name == "tx.built":
            [path] = (home / "store").rglob("*.wire")
            path.write_bytes(path.read_bytes()[:-1])

    monkeypatch.setattr(failpoints, "hit", cut)
    with serve(partner.answers) as peer:
        message = enqueue(connection(peer.url), [ORDER])
        send(message.pk)
    message.refresh_from_db()
    assert (message.state, message.failure_code) == (State.FAILED, "not-built")
    row = Attempt.objects.get()
    assert (row.error_class, row.ended_at is None) == (ErrorClass.LOST, False)
    assert "bytes that were announced" in row.error_text
