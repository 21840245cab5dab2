"""AS2 Restart, receiving side: requests cut by hand, at the door that the server calls."""

import datetime as dt
import hashlib
from http import HTTPStatus
from typing import Any

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from as2gateway.algorithms import Compression
from messages import failpoints, restarting, sweeping
from messages.endpoint import answer
from messages.models import MDN, Delivery, Message, State, Transfer, TransferPiece
from messages.replies import Reply
from messages.store import get_store
from partners.models import Connection
from tests import factories
from tests.messages import sender
from tests.messages.arrange import stored_files
from tests.messages.sender import Sent, asking_async, message
from tests.messages.wsgi import environment, post

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("home")]

ETAG = '"transfer-1@amazon"'
#: does not compress to next to nothing
DOCUMENT = b"".join(hashlib.sha512(b"%d" % n).hexdigest().encode() for n in range(100))


@pytest.fixture
def connection() -> Connection:
    return factories.connection(restart=True)


@pytest.fixture(autouse=True)
def small_messages_count_as_large(settings: Settings) -> None:
    settings.AS2_RESTART_MIN_SIZE = 1000


def large(**policy: Any) -> Sent:
    """Signed, compressed, encrypted; still some thousand octets."""
    return message(DOCUMENT, **{"compress": Compression.AFTER_SIGNING, **policy}).with_fields(
        ETag=ETAG
    )


def talk(octets: bytes) -> Reply:
    """Send octets and hang up."""
    with environment(octets) as environ:
        return answer(environ)


def cut(sent: Sent, octets: int) -> Reply:
    """Announce all of a message, and send so much of it."""
    fields = {**sent.fields, "Content-Length": str(len(sent.body))}
    return talk(post(sent.body[:octets], fields))


def ask(etag: str | None = ETAG, as2_from: str = "AMAZON", as2_to: str = "VENDOR") -> Reply:
    named = {"AS2-To": as2_to, "AS2-From": as2_from, "AS2-Version": "1.2"}
    head = post(b"", {**named, "ETag": etag} if etag else named)
    return talk(head.replace(b"POST", b"HEAD", 1).replace(b"Content-Length: 0\r\n", b""))


def held(**asked: str) -> int:
    reply = ask(**asked)
    assert (reply.status, reply.body) == (HTTPStatus.OK, b"")
    return int(reply.headers.get("Content-Length") or 0)


def go_on(sent: Sent, offset: int, end: int | None = None, total: int | None = None) -> Reply:
    """Send the rest of a message, as the draft shows it; or only what comes before ``end``."""
    length = len(sent.body) - offset
    span = f"bytes {offset}-{(total or len(sent.body)) - 1}/{total or len(sent.body)}"
    fields = {**sent.fields, "Content-Range": span, "Content-Length": str(length)}
    return talk(post(sent.body[offset:end], fields))


def documents() -> list[bytes]:
    rows = Message.objects.filter(state=State.ACCEPTED)
    return [b"".join(get_store().chunks(row.payload_key)) for row in rows]


def test_a_cut_message_goes_on_where_it_stopped_and_is_received_once(
    connection: Connection,
) -> None:
    sent = large()
    assert cut(sent, 2000).status == HTTPStatus.BAD_REQUEST
    assert (held(), Message.objects.count()) == (2000, 0)
    reply = go_on(sent, 2000)
    sender.verify(reply, sent)
    assert documents() == [DOCUMENT]
    row = Message.objects.get()
    assert row.wire_sha256 == hashlib.sha256(sent.body).hexdigest()
    assert Delivery.objects.count() == 1


def test_it_may_be_cut_again_and_again(connection: Connection) -> None:
    sent = large()
    cut(sent, 1500)
    for offset in range(1500, len(sent.body) - 100, 100):
        assert held() == offset
        assert go_on(sent, offset, offset + 100).status == HTTPStatus.BAD_REQUEST
    sender.verify(go_on(sent, held()), sent)
    assert documents() == [DOCUMENT]


def test_the_pieces_are_gone_once_the_message_is_whole(connection: Connection) -> None:
    sent = large()
    cut(sent, 1500)
    go_on(sent, 1500, 2500)
    assert stored_files().count(".raw") == 2
    go_on(sent, 2500)
    assert stored_files() == [".mdn", ".payload", ".raw"]
    assert TransferPiece.objects.get().part_key == Message.objects.get().raw_key


def test_what_is_held_of_an_unknown_transfer_is_nothing(connection: Connection) -> None:
    cut(large(), 2000)
    assert held(etag='"another"') == 0


@pytest.mark.parametrize("etag", [None, 'W/"transfer-1@amazon"', "transfer-1@amazon"])
def test_without_a_strong_tag_nothing_is_held(connection: Connection, etag: str | None) -> None:
    cut(large(), 2000)
    assert ask(etag).headers.get("Content-Length", "0") == "0"


def test_a_transfer_belongs_to_both_names(connection: Connection) -> None:
    factories.connection(connection.organization, connection.partner, as2_id="B", restart=True)
    cut(large(), 2000)
    assert held() == 2000
    assert held(as2_from="B") == 0
    assert ask(as2_to="NOBODY").headers.get("Content-Length", "0") == "0"


def test_a_partner_without_restart_is_told_of_nothing_and_nothing_is_kept(
    connection: Connection,
) -> None:
    Connection.objects.update(restart=False)
    sent = large()
    assert cut(sent, 2000).status == HTTPStatus.BAD_REQUEST
    assert held() == 0
    assert (stored_files(), Transfer.objects.count()) == ([], 0)
    reply = go_on(sent, 2000)
    assert (reply.status, b"no whole message" in reply.body) == (HTTPStatus.BAD_REQUEST, True)
    sender.verify(go_on(sent, 0), sent)


def test_small_messages_are_not_kept(connection: Connection) -> None:
    cut(large(), 999)
    assert (held(), stored_files(), Transfer.objects.count()) == (0, [], 0)


def test_a_gap_is_refused_with_what_is_held(connection: Connection) -> None:
    sent = large()
    cut(sent, 2000)
    reply = go_on(sent, 2001)
    assert reply.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
    assert reply.headers.get("Content-Range") == "bytes */2000"
    assert (held(), documents()) == (2000, [])


def test_a_part_of_an_unknown_transfer_is_refused(connection: Connection) -> None:
    reply = go_on(large().with_fields(ETag='"another"'), 2000)
    assert reply.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
    assert reply.headers.get("Content-Range") == "bytes */0"


def test_a_part_of_a_message_of_another_size_is_refused(connection: Connection) -> None:
    sent = large()
    cut(sent, 2000)
    longer = sent.with_body(sent.body + b"x")
    reply = go_on(longer, 2000)
    assert reply.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
    assert f"{len(sent.body)} bytes" in reply.body.decode()
    assert held() == 2000


def test_a_range_that_is_not_the_body_is_refused(connection: Connection) -> None:
    sent = large()
    cut(sent, 2000)
    assert go_on(sent, 2000, total=len(sent.body) + 5).status == 416


def test_a_part_may_begin_before_what_is_held(connection: Connection) -> None:
    sent = large()
    cut(sent, 2000)
    sender.verify(go_on(sent, 1700), sent)


def test_octets_that_differ_do_not_pass(connection: Connection) -> None:
    sent = large()
    cut(sent.with_body(b"\0" * len(sent.body)), 2000)
    assert sender.disposition(go_on(sent, 2000)) != "processed"
    assert documents() == []


def test_what_was_put_together_wrongly_comes_again_as_a_whole(connection: Connection) -> None:
    sent = large()
    cut(sent.with_body(b"\0" * len(sent.body)), 2000)
    go_on(sent, 2000)
    assert (held(), Transfer.objects.exists()) == (0, False)
    assert b"".join(get_store().chunks(Message.objects.get().raw_key))[:2000] == bytes(2000)
    sender.verify(go_on(sent, 0), sent)


def test_a_message_that_begins_anew_overwrites_what_is_held(connection: Connection) -> None:
    sent = large()
    cut(sent.with_body(b"\0" * len(sent.body)), 2000)
    cut(sent, 1500)
    assert (held(), stored_files()) == (1500, [".raw"])
    sender.verify(go_on(sent, 1500), sent)


def test_the_last_octet_again_gets_the_answer_that_was_lost(connection: Connection) -> None:
    sent = large()
    first = talk(post(sent.body, sent.fields))
    assert held() == len(sent.body)
    again = go_on(sent, len(sent.body) - 1)
    assert (again.body, again.headers) == (first.body, first.headers)
    assert (len(documents()), Delivery.objects.count(), MDN.objects.count()) == (1, 1, 1)


def test_the_last_octet_gets_an_answer_when_the_first_was_never_made(
    connection: Connection,
) -> None:
    sent = large()
    failpoints.arm("rx.verify=eio")
    assert talk(post(sent.body, sent.fields)).status == HTTPStatus.SERVICE_UNAVAILABLE
    failpoints.arm("")
    assert (held(), Message.objects.count()) == (len(sent.body), 0)
    sender.verify(go_on(sent, len(sent.body) - 1), sent)
    assert documents() == [DOCUMENT]


def test_the_last_octet_of_a_refused_message_has_it_read_anew(connection: Connection) -> None:
    sent = large()
    connection.certificates.all().delete()
    assert sender.disposition(talk(post(sent.body, sent.fields))) != "processed"
    factories.partner_certificate(connection)
    assert held() == len(sent.body)
    sender.verify(go_on(sent, len(sent.body) - 1), sent)
    states = Message.objects.order_by("pk").values_list("state", flat=True)
    assert list(states) == ["rejected", "accepted"]


def test_the_last_octet_of_what_waits_for_a_worker_changes_nothing(
    connection: Connection,
) -> None:
    sent = asking_async(compress=Compression.AFTER_SIGNING).with_fields(ETag=ETAG)
    assert talk(post(sent.body, sent.fields)).status == HTTPStatus.OK
    assert go_on(sent, len(sent.body) - 1).status == HTTPStatus.OK
    assert Message.objects.get().state == State.RECEIVED


def test_while_another_request_has_it_the_sender_is_told_to_ask_again(
    connection: Connection,
) -> None:
    sent = large()
    cut(sent, 2000)
    Transfer.objects.update(due_at=timezone.now() + dt.timedelta(minutes=1))
    assert (ask().status, ask().body) == (HTTPStatus.INTERNAL_SERVER_ERROR, b"")
    assert go_on(sent, 2000).status == HTTPStatus.INTERNAL_SERVER_ERROR
    Transfer.objects.update(due_at=timezone.now())
    assert held() == 2000


def test_a_slow_request_gives_way_to_the_one_that_took_over(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = large()
    cut(sent, 2000)
    read = restarting._Arriving.read
    later: list[Reply] = []

    def read_late(self: restarting._Arriving, *given: Any) -> None:
        read(self, *given)
        monkeypatch.setattr(restarting._Arriving, "read", read)
        Transfer.objects.update(due_at=timezone.now())  # silent for as long as it may be
        later.append(go_on(sent, 2000))

    monkeypatch.setattr(restarting._Arriving, "read", read_late)
    assert go_on(sent, 2000).status == HTTPStatus.INTERNAL_SERVER_ERROR
    sender.verify(later[0], sent)
    assert documents() == [DOCUMENT]


def test_a_transfer_is_locked_for_seconds_whatever_a_line_may_be_silent(
    connection: Connection, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.AS2_READ_TIMEOUT = 3600
    sent = large()
    cut(sent, 2000)
    locked: list[dt.timedelta] = []
    hit = failpoints.hit

    def note(name: str) -> None:
        if name == "rx.body":
            locked.append((Transfer.objects.get().due_at or timezone.now()) - timezone.now())
        hit(name)

    monkeypatch.setattr(failpoints, "hit", note)
    go_on(sent, 2000)
    assert locked
    assert max(locked) <= dt.timedelta(seconds=8)


def test_the_whole_of_it_may_come_while_another_request_has_it(connection: Connection) -> None:
    sent = large()
    cut(sent, 2000)
    locked = timezone.now() + dt.timedelta(minutes=1)
    Transfer.objects.update(due_at=locked)
    sender.verify(talk(post(sent.body, sent.fields)), sent)
    assert Transfer.objects.get().due_at == locked


def test_chunks_are_kept_and_gone_on_with(connection: Connection) -> None:
    sent = message(DOCUMENT * 50).with_fields(ETag=ETAG)
    fields = {**sent.fields, "Transfer-Encoding": "chunked"}
    talk(post(b"%x\r\n%b\r\n" % (300_000, sent.body[:300_000]), fields))
    assert 200_000 < held() <= 300_000  # the server loses the last read, of 64 KiB
    span = f"bytes {held()}-{len(sent.body) - 1}/{len(sent.body)}"
    rest = sent.body[held() :]
    last = b"%x\r\n%b\r\n0\r\n\r\n" % (len(rest), rest)
    sender.verify(talk(post(last, {**fields, "Content-Range": span})), sent)


def test_a_whole_that_is_larger_than_is_accepted_is_refused(
    connection: Connection, settings: Settings
) -> None:
    sent = large()
    cut(sent, 2000)
    settings.AS2_MAX_BODY = len(sent.body) - 1
    assert go_on(sent, 2000).status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE


def test_a_connection_holds_so_much_and_no_more(connection: Connection, settings: Settings) -> None:
    settings.AS2_RESTART_MAX_HELD = 3000
    sent = large()
    cut(sent, 2000)
    cut(sent.with_fields(ETag='"another"'), 2000)
    assert (held(), held(etag='"another"')) == (2000, 0)
    assert (Transfer.objects.count(), stored_files()) == (1, [".raw"])


def test_what_nobody_goes_on_with_is_swept(connection: Connection, settings: Settings) -> None:
    cut(large(), 2000)
    now = timezone.now() + dt.timedelta(minutes=1)
    assert restarting.forget_old(now) == 0
    later = now + dt.timedelta(hours=settings.AS2_RESTART_KEEP_HOURS)
    assert restarting.forget_old(later) == 1
    assert (held(), stored_files(), TransferPiece.objects.count()) == (0, [], 0)


def test_the_file_of_a_message_outlives_its_transfer(connection: Connection) -> None:
    sent = large()
    talk(post(sent.body, sent.fields))
    restarting.forget_old(timezone.now() + dt.timedelta(days=30))
    assert not Transfer.objects.exists()
    assert b"".join(get_store().chunks(Message.objects.get().raw_key)) == sent.body


def test_messages_are_asked_once_for_all_files_of_a_transfer(connection: Connection) -> None:
    sent = large()
    cut(sent, 1500)
    go_on(sent, 1500, 2500)
    with CaptureQueriesContext(database) as queries:
        restarting.forget(Transfer.objects.get())
    asked = [query["sql"] for query in queries if "raw_key" in query["sql"]]
    assert len(asked) == 1
    assert '"connection_id" = ' in asked[0]
    assert stored_files() == []


def test_files_of_transfers_are_no_orphans(connection: Connection) -> None:
    cut(large(), 2000)
    key = TransferPiece.objects.get().part_key
    assert key in set(sweeping.named_keys(key[:10]))


def test_a_file_that_is_gone_is_not_held(connection: Connection) -> None:
    sent = large()
    cut(sent, 2000)
    go_on(sent, 2000, 2300)
    get_store().delete(TransferPiece.objects.order_by("number")[1].part_key)
    assert held() == 2000


def test_a_disk_that_fails_keeps_what_was_held(connection: Connection) -> None:
    sent = large()
    cut(sent, 2000)
    failpoints.arm("fs.fsync=eio")
    assert go_on(sent, 2000, 2500).status == HTTPStatus.SERVICE_UNAVAILABLE
    failpoints.arm("")
    assert held() == 2000
    sender.verify(go_on(sent, 2000), sent)


def test_a_repetition_by_restart_is_not_delivered_twice(connection: Connection) -> None:
    sent = large()
    plain = sent.with_fields(ETag=None)
    first = plain.send()
    cut(sent, 2000)
    again = go_on(sent, 2000)
    assert again.body == first.body
    assert (Delivery.objects.count(), stored_files().count(".raw")) == (1, 1)
    assert Message.objects.count() == 1
