"""MDNs that come in by themselves: what they prove, and what they do to their message."""

import socket
from http import HTTPStatus
from unittest.mock import Mock

import pytest
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks

from as2gateway.engine import BuiltMDN
from as2gateway.engines import ENGINES
from as2gateway.errors import DecryptionFailed
from as2gateway.headers import Headers
from audit.models import AuditEvent
from messages import claims, mdns, unmatched
from messages.mdns import take_mdn
from messages.models import MDN, Direction, MDNState, Message, State
from messages.sending import enqueue, send
from messages.store import get_store
from partners.models import Connection
from tests import factories
from tests.gateway.wrapping import Entity, encrypted, opaque
from tests.messages import sender
from tests.messages.arrange import Waiting
from tests.messages.calls import Calls
from tests.messages.partner import (
    Change,
    Partner,
    for_another_message,
    refusing,
    reporting,
    with_wrong_mic,
)
from tests.messages.servers import answer, is_whole, serve
from tests.messages.wsgi import post
from tests.openssl import Identity

pytestmark = pytest.mark.django_db


class Sent(Waiting):
    """Answers by MDNs of any kind."""

    def mdn(self, change: Change = lambda report: report, **fields: bool | str) -> BuiltMDN:
        return Partner(change=change, **fields).mdn_for(self.request)  # type: ignore[arg-type]  # its two fields

    def take(self, change: Change = lambda report: report, **fields: bool | str) -> MDN:
        built = self.mdn(change, **fields)
        return take_mdn(built.headers, built.body, "203.0.113.7")


@pytest.fixture
def sent() -> Sent:
    with serve(answer()) as peer:
        ours = factories.connection(url=peer.url, mdn="async", max_attempts=1)
        row = enqueue(ours, [b"order"])
        send(row.pk)
    return Sent(row, peer.requests[0])


def test_a_verified_mdn_delivers_the_message(sent: Sent) -> None:
    mdn = sent.take()
    assert (mdn.state, mdn.message, mdn.address) == (MDNState.VERIFIED, sent.row, "203.0.113.7")
    assert (sent.message.state, sent.message.due_at) == (State.DELIVERED, None)
    assert AuditEvent.objects.filter(tag="message:outbound:delivered").count() == 1


def test_a_disposition_that_no_database_takes_fails_the_message_all_the_same(sent: Sent) -> None:
    Message.objects.update(mdn_signed=False)
    built = sent.mdn(reporting("processed/error: cannot read", with_mic=False), signs=False)
    mdn = take_mdn(built.headers, built.body.replace(b"cannot read", b"cannot\0read"), None)
    assert (mdn.state, mdn.message) == (MDNState.VERIFIED, sent.row)
    assert (sent.message.state, sent.message.failure_code) == (State.FAILED, "cannot\ufffdread")
    assert "cannot\ufffdread" in sent.message.failure_text


def in_layers(built: BuiltMDN, *, signed: bool) -> Entity:
    """An MDN as some products send it: encrypted, or with an opaque signature."""
    report = Entity((f"Content-Type: {built.headers.get('Content-Type')}",), built.body)
    vendor, amazon = factories.identity("VENDOR"), factories.identity("AMAZON")
    if signed:
        return encrypted(report, Identity(vendor.private_key, vendor.certificate))
    return opaque(report, Identity(amazon.private_key, amazon.certificate))


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("engine", ENGINES)
def test_an_mdn_in_layers_that_is_posted_delivers_the_message_and_is_no_document(
    sent: Sent, signed: bool, engine: str
) -> None:
    Connection.objects.update(engine=engine)
    entity = in_layers(sent.mdn(signs=signed), signed=signed)
    names = {"AS2-From": "AMAZON", "AS2-To": "VENDOR", "Message-ID": "<mdn@amazon>"}
    content_type = entity.fields[0].removeprefix("Content-Type: ")
    reply = sender.send(post(entity.body, {**names, "Content-Type": content_type}))
    assert (reply.status, reply.body) == (HTTPStatus.OK, b"")
    assert (sent.message.state, sent.message.due_at) == (State.DELIVERED, None)
    assert not Message.objects.filter(direction=Direction.INBOUND).exists()
    assert MDN.objects.get().state == MDNState.VERIFIED


def test_an_mdn_for_a_message_of_ours_is_one_also_if_it_asks_for_an_mdn(sent: Sent) -> None:
    built = sent.mdn()
    fields = {**dict(built.headers), "Disposition-Notification-To": "someone@amazon.example"}
    reply = sender.send(post(built.body, fields))
    assert (reply.status, reply.body) == (HTTPStatus.OK, b"")
    assert sent.message.state == State.DELIVERED


@pytest.mark.parametrize("signed", [True, False])
def test_an_mdn_in_layers_that_is_the_answer_delivers_the_message(signed: bool) -> None:
    def script(connection: socket.socket, request: bytes) -> None:
        if is_whole(request):
            entity = in_layers(Partner(signs=signed).mdn_for(request), signed=signed)
            names = ("AS2-From: AMAZON", "AS2-To: VENDOR")
            connection.sendall(answer(entity.body, "200 OK", *entity.fields, *names))

    with serve(script) as peer:
        row = enqueue(factories.connection(url=peer.url), [b"order"])
        send(row.pk)
    row.refresh_from_db()
    assert row.state == State.DELIVERED
    assert MDN.objects.get().state == MDNState.VERIFIED


def test_an_mdn_in_a_layer_that_does_not_open_proves_nothing(sent: Sent) -> None:
    report = Entity(("Content-Type: multipart/report",), b"--b")
    stranger = factories.identity("MALLORY")
    entity = encrypted(report, Identity(stranger.private_key, stranger.certificate))
    headers = Headers((("Content-Type", entity.fields[0].removeprefix("Content-Type: ")),))
    mdn = take_mdn(headers, entity.body, None, connection=sent.row.connection)
    assert (mdn.state, sent.message.state) == (MDNState.UNMATCHED, State.WAITING)
    assert "does not open" in mdn.failure_text


def test_the_octets_of_an_mdn_are_kept_as_they_came(sent: Sent) -> None:
    built = sent.mdn()
    row = take_mdn(built.headers, built.body, None)
    assert get_store().read(row.body_key, 100_000) == built.body
    assert row.headers == [list(pair) for pair in built.headers]


@pytest.mark.parametrize("change", [refusing(DecryptionFailed), with_wrong_mic])
def test_a_negative_mdn_or_one_with_a_wrong_mic_fails_the_message(
    sent: Sent, change: Change
) -> None:
    sent.take(change)
    assert (sent.message.state, sent.message.due_at) == (State.FAILED, None)
    assert sent.message.decided_by_mdn


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        (lambda report: report, {"signer": "MALLORY"}),
        (lambda report: report, {"signs": False}),
        (refusing(DecryptionFailed), {"signer": "MALLORY"}),
        (refusing(DecryptionFailed), {"signs": False}),
        (for_another_message, {}),
    ],
)
def test_what_cannot_be_verified_changes_nothing(
    sent: Sent, change: Change, fields: dict[str, bool | str]
) -> None:
    mdn = sent.take(change, **fields)
    assert (mdn.state, mdn.failure_text != "") == (MDNState.UNMATCHED, True)
    assert (sent.message.state, sent.message.decided_by_mdn) == (State.WAITING, False)


@pytest.mark.parametrize("body", [b"", b"OK", b"--x\r\n\r\nfoo\r\n--x--", bytes(2 * 1024 * 1024)])
def test_what_cannot_be_read_is_kept_as_unmatched(body: bytes) -> None:
    headers = Headers((("Content-Type", "multipart/report; boundary=x"), ("X", "\0")))
    mdn = take_mdn(headers, body, "nowhere")
    assert (mdn.state, mdn.message, mdn.address) == (MDNState.UNMATCHED, None, None)
    assert "cannot be read" in mdn.failure_text


def test_an_mdn_before_our_post_has_returned_wins(sent: Sent) -> None:
    Message.objects.update(state=State.QUEUED, due_at=timezone.now(), attempts=0)
    claimed = claims.claim(sent.row.pk, timezone.now())
    assert claimed is not None
    sent.take()
    with pytest.raises(claims.LeaseLost):
        claims.renew(claimed)
    assert not claimed.settle(state=State.WAITING)
    assert sent.message.state == State.DELIVERED


def test_an_mdn_for_an_attempt_that_was_taken_over_decides_by_what_is_stored(sent: Sent) -> None:
    Message.objects.update(state=State.QUEUED, due_at=timezone.now(), attempts=0)
    claimed = claims.claim(sent.row.pk, timezone.now())
    assert claimed is not None
    # Another worker has gone on, been refused for good, and left a note of its own.
    failed = {"state": State.FAILED, "due_at": None, "failure_text": "it was in vain"}
    Message.objects.update(attempts=2, notes=["by another"], **failed)
    built, ended = sent.mdn(), Mock()
    take_mdn(built.headers, built.body, None, mdns.Post(claimed, ended))
    ended.assert_called_once_with()
    assert (sent.message.state, sent.message.attempts) == (State.DELIVERED, 2)
    given_up = "The MDN came after the message had been given up: it was in vain"
    assert sent.message.notes == ["by another", given_up]


def test_an_mdn_after_we_gave_up_delivers_with_a_note(sent: Sent) -> None:
    Message.objects.update(state=State.FAILED, due_at=None, failure_text="no MDN came")
    sent.take()
    assert (sent.message.state, sent.message.failure_text) == (State.DELIVERED, "")
    assert "given up: no MDN came" in sent.message.notes[0]


def test_the_same_mdn_again_changes_nothing(sent: Sent) -> None:
    first, second = sent.take(), sent.take()
    assert (first.state, second.state) == (MDNState.VERIFIED, MDNState.VERIFIED)
    assert (sent.message.state, sent.message.notes) == (State.DELIVERED, [])


@pytest.mark.parametrize("negative_first", [True, False])
def test_the_first_verified_mdn_decides_and_a_contradiction_is_pointed_out(
    sent: Sent, negative_first: bool
) -> None:
    changes: list[Change] = [refusing(DecryptionFailed), reporting("processed")]
    for change in changes if negative_first else reversed(changes):
        sent.take(change)
    expected = State.FAILED if negative_first else State.DELIVERED
    assert sent.message.state == expected
    assert "says the contrary" in sent.message.notes[0]


def test_in_strict_order_an_mdn_rings_for_the_next_message(
    sent: Sent, calls: Calls, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    Connection.objects.update(ordered=True)
    following = enqueue(sent.row.connection, [b"next"])
    with django_capture_on_commit_callbacks(execute=True):
        sent.take()
    assert calls() == [("messages.tasks.send", following.pk)]


def test_a_partners_words_and_a_hint_reach_the_operator(sent: Sent) -> None:
    sent.take(reporting("processed/error: insufficient-message-security"))
    assert sent.message.failure_code == "insufficient-message-security"
    assert "Compare sign and encrypt" in sent.message.failure_text


@pytest.mark.parametrize("form", ["<{}>", "{}", " <{}> "])
def test_a_message_is_found_by_its_id_with_brackets_or_without(sent: Sent, form: str) -> None:
    bare = sent.row.message_id.strip("<>")
    assert mdns.find_message(form.format(bare)) == sent.row


@pytest.mark.parametrize("name", [None, "", "<>", "x", "\0"])
def test_an_id_that_is_not_ours_finds_nothing(sent: Sent, name: str | None) -> None:
    assert mdns.find_message(name) is None


def test_in_a_rollover_the_mdn_may_be_signed_with_either_certificate(sent: Sent) -> None:
    new = factories.identity("AMAZON NEW").certificate
    factories.partner_certificate(sent.row.connection, new)
    mdn = sent.take(signer="AMAZON NEW")
    assert (mdn.state, mdn.signer) == (MDNState.VERIFIED, new.fingerprint)


def test_an_mdn_that_nobody_asked_for_does_not_undo_a_delivery(sent: Sent) -> None:
    Message.objects.update(state=State.DELIVERED, due_at=None, mdn_mode="none")
    sent.take(refusing(DecryptionFailed))
    assert sent.message.state == State.DELIVERED
    assert "says the contrary" in sent.message.notes[0]


def test_mdns_that_match_nothing_are_kept_in_bounded_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(unmatched, "MOST_AN_HOUR", 2)
    rows = [take_mdn(Headers(), b"junk", None) for _ in range(4)]
    assert [row.pk is not None for row in rows] == [True, True, False, False]
    assert MDN.objects.count() == 2
