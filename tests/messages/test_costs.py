"""What a message costs: queries and syncs, and none of them more the more messages there are.

The numbers may be lowered, and are raised only with a reason.
"""

import datetime as dt
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from as2gateway.headers import Headers
from messages import (
    claims,
    delivering,
    duplicates,
    outbox,
    processing,
    returning,
    sending,
    sweeping,
    unmatched,
)
from messages.mdns import find_message, take_mdn
from messages.models import MDN, Delivery, MDNState, Message, State
from messages.resting import REST
from messages.store import get_store
from partners.models import Connection
from partners.parsed import _private_key, parse_certificate
from tests import factories
from tests.messages import arrange, due_mdns, sender
from tests.messages.partner import Partner
from tests.messages.sender import message
from tests.messages.servers import answer, serve

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("home")]

#: Statements that bound transactions, or say what a commit waits for.
_NOT_COUNTED = ("SAVEPOINT", "RELEASE", "BEGIN", "COMMIT", "ROLLBACK", "PRAGMA", "SET ")
#: Tables that grow with every message.
_GROWING = r"(as2_messages_(message|mdn|delivery|attempt|wrappedkey)|audit_auditevent)\b"
#: How SQLite and PostgreSQL say that all rows are read, of the table or of one connection.
_READS_ALL = re.compile(
    rf"SCAN {_GROWING}|Seq Scan on {_GROWING}"
    r"|SEARCH as2_messages_message USING .*INDEX (?!message_open\b)\w+ "
    r"\(connection_id=\?( AND rowid<\?)?\)$"
)


@contextmanager
def counted() -> Iterator[list[str]]:
    """Collect the queries of a block; they are there when it has ended."""
    found: list[str] = []
    with CaptureQueriesContext(database) as queries:
        yield found
    found += [q["sql"] for q in queries if not q["sql"].lstrip().startswith(_NOT_COUNTED)]


@contextmanager
def synced(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Collect the names of what is synced."""
    found: list[str] = []
    sync = os.fsync

    def noted(descriptor: int) -> None:
        found.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        sync(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", noted)
        yield found


def make_folders_of_the_store() -> None:
    """Make those of today and tomorrow, should midnight pass."""
    store = get_store()
    for later in (0, 1):
        day = timezone.now() + dt.timedelta(days=later)
        store.ensure_directory(store.root / f"{day:%Y/%m/%d}")


def days_of(keys: Iterable[str]) -> set[str]:
    """The days that these files of the store are of: one, unless midnight has passed."""
    return {key.rpartition("/")[0] for key in keys}


def receive(number: int) -> None:
    sent = message(b"document %d" % number, message_id=f"<{number}@amazon.example>")
    assert sender.disposition(sent.send()) == "processed"


def test_a_received_message_costs_few_queries(connection: Connection) -> None:
    receive(1)
    with counted() as queries:
        receive(2)
    assert len(queries) <= 10, "\n".join(queries)


def test_a_duplicate_costs_few_queries(connection: Connection) -> None:
    sent = message()
    sent.send()
    with counted() as queries:
        sent.send()
    assert len(queries) <= 6, "\n".join(queries)


def test_deliveries_cost_fewer_queries_together(connection: Connection) -> None:
    for number in range(10):
        receive(number)
    with counted() as queries:
        delivering.deliver_due()
    assert len(queries) <= 6 + 10, "\n".join(queries)
    assert Delivery.objects.filter(state="done").count() == 10


def test_a_message_that_is_answered_later_costs_few_queries(connection: Connection) -> None:
    Connection.objects.update(mdn_hosts="localhost")
    with serve(answer()) as peer:
        for number in range(2):
            sent = message(b"document %d" % number, message_id=f"<{number}@amazon.example>")
            sent.with_fields(Receipt_Delivery_Option=peer.url).send()
            pk = Message.objects.latest("pk").pk
            with counted() as reading:
                processing.process(pk)
            pk = MDN.objects.latest("pk").pk
            with counted() as posting:
                returning.post_mdn(pk)
    assert MDN.objects.filter(state=MDNState.SENT).count() == 2
    assert len(reading) <= 11, "\n".join(reading)
    assert len(posting) <= 8, "\n".join(posting)


def send(url: str) -> Message:
    """Take a document over and send it."""
    row = sending.enqueue(Connection.objects.get(), [b"order"], "order.edi")
    sending.send(row.pk)
    row.refresh_from_db()
    assert row.state == State.DELIVERED, (url, row.failure_text)
    return row


def test_a_sent_message_costs_few_queries() -> None:
    with serve(Partner().answers) as peer:
        factories.connection(url=peer.url)
        send(peer.url)
        with counted() as queries:
            send(peer.url)
    assert len(queries) <= 21, "\n".join(queries)


def test_files_that_lie_ready_are_taken_by_few_queries_and_both_folders_synced_once(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.AS2_OUTBOX = tmp_path / "outbox"
    monkeypatch.setattr(outbox, "QUIET", 0.0)
    folder = outbox.folder_of(factories.connection())
    outbox.scan()
    make_folders_of_the_store()
    for number in range(10):
        (folder / f"{number}.edi").write_bytes(b"order")
    with synced(monkeypatch) as names, counted() as queries:
        assert outbox.scan() == 10
    assert len([name for name in names if name.endswith(".payload")]) == 10
    # The store's folder, and the outbox folder before: its new names last before rows name them.
    days = days_of(Message.objects.values_list("payload_key", flat=True))
    assert len(names) == 10 + len(days) + 1
    assert len(queries) <= 1 + 10 * 2, "\n".join(queries)


def test_a_received_message_is_synced_once_each_file_and_their_folder_once(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_folders_of_the_store()
    with synced(monkeypatch) as names:
        receive(1)
    kinds = [name.rpartition(".")[2] for name in names]
    assert sorted(kinds)[-3:] == ["mdn", "payload", "raw"]
    row = Message.objects.get()
    keys = (row.raw_key, row.payload_key, MDN.objects.get().body_key)
    assert len(kinds) == 3 + len(days_of(keys))


def test_a_batch_of_deliveries_syncs_its_folder_twice(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(10):
        receive(number)
    delivering.deliver_due()  # the first one makes the folder
    for number in range(10, 20):
        receive(number)
    with synced(monkeypatch) as names:
        delivering.deliver_due()
    assert len([name for name in names if name.startswith(".tmp-")]) == 10
    assert len(names) == 10 + 2


def test_keys_and_certificates_are_parsed_once(connection: Connection) -> None:
    receive(1)
    before = (_private_key.cache_info().misses, parse_certificate.cache_info().misses)
    receive(2)
    assert (_private_key.cache_info().misses, parse_certificate.cache_info().misses) == before


@contextmanager
def explained(reads_all: re.Pattern[str] = _READS_ALL) -> Iterator[list[str]]:
    """Collect statements that read all rows of a growing table, as the database plans them."""
    found: list[str] = []

    def ask(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.lstrip().startswith(("SELECT", "UPDATE", "DELETE")):
            with database.cursor() as cursor:
                cursor.cursor.execute(f"{explain} {sql}", params)
                steps = [str(row[-1]) for row in cursor.cursor.fetchall()]
            found.extend(f"{step}: {sql}" for step in steps if reads_all.search(step))
        return execute(sql, params, many, context)

    explain = "EXPLAIN" if database.vendor == "postgresql" else "EXPLAIN QUERY PLAN"
    with database.cursor() as cursor:
        if database.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")  # tables of tests are small
    with database.execute_wrapper(ask):
        yield found


def test_no_step_of_a_received_message_reads_all_that_came_before(connection: Connection) -> None:
    receive(1)
    with explained() as whole:
        receive(2)
        message(b"document 2", message_id="<2@amazon.example>").send()
        delivering.deliver_due()
        sweeping.sweep()
    assert whole == []


@pytest.mark.skipif(database.vendor != "sqlite", reason="PostgreSQL chooses by what is stored")
def test_what_was_accepted_before_is_found_by_its_key(connection: Connection) -> None:
    row = arrange.accepted_message(connection, replay_key="a" * 64)
    plan = f"EXPLAIN QUERY PLAN {duplicates.find_replayed_query()}"
    with database.cursor() as cursor:
        cursor.execute(plan, (row.replay_key, row.connection_id, row.pk))
        steps = [step[-1] for step in cursor.fetchall()]
    assert any("USING INDEX message_replay_key (replay_key=?)" in step for step in steps), steps


@pytest.mark.parametrize("ordered", [False, True], ids=["by several", "in order"])
def test_no_step_of_a_sent_message_reads_all_that_went_before(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ordered: bool
) -> None:
    settings.AS2_OUTBOX = tmp_path / "outbox"
    monkeypatch.setattr(outbox, "QUIET", 0.0)
    with serve(Partner().answers) as peer:
        folder = outbox.folder_of(factories.connection(url=peer.url, ordered=ordered))
        folder.mkdir(parents=True)
        for number in range(2):
            (folder / f"{number}.edi").write_bytes(b"order")
        with explained() as taking:
            assert outbox.scan() == 2
        row = Message.objects.earliest("pk")
        with explained() as sent:
            sending.send_due(row.pk)
            claims.wake_next(row.connection_id)
    assert Message.objects.filter(state=State.DELIVERED).count() == 2
    assert taking + sent == []


def test_no_claim_reads_all_that_went_before_while_the_partner_is_away() -> None:
    with serve(b"") as gone:
        link = factories.connection(url=gone.url)
    first, *others = [sending.enqueue(link, [b"order"]) for _ in range(3)]
    sending.send(first.pk)
    with explained() as claim:
        assert claims.claim(others[0].pk, timezone.now()) is None
        assert claims.claim(others[1].pk, timezone.now() + 3 * REST) is not None
    assert claim == []


def test_no_claim_of_an_mdn_reads_all_that_came_before_while_its_host_is_away(
    connection: Connection,
) -> None:
    first, other = (due_mdns.asked_for(number) for number in range(2))
    returning.post_mdn(first.pk)
    with explained() as claim:
        returning.post_due(other.pk)
    other.refresh_from_db()
    assert "could not be reached" in other.failure_text
    assert claim == []


def test_an_mdn_that_matches_nothing_reads_no_more_the_more_there_are(settings: Settings) -> None:
    settings.AS2_KEEP_DAYS = 30
    by_state = re.compile(rf"{_READS_ALL.pattern}|as2_messages_mdn_state\w+ \(state=\?\)")
    with explained(by_state) as taken:
        assert find_message("<nobody@amazon.example>") is None
        assert take_mdn(Headers(), b"junk", None).pk
        assert unmatched.purge(timezone.now() + dt.timedelta(days=31)) == 1
    assert taken == []
