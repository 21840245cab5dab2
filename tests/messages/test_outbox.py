"""Outbox: a file dropped into a folder becomes a message, once, whatever happens."""

import errno
import fcntl
import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO
from unittest.mock import Mock

import pytest
from django.db import DataError, IntegrityError, OperationalError

from as2gateway import edi
from audit.inserting import insert
from audit.models import AuditEvent
from messages import failpoints, outbox, sending
from messages.models import Message
from messages.sending import enqueue
from messages.store import get_store
from partners.models import Connection
from tests import factories
from tests.messages.arrange import stored_files

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def root(settings: Any, tmp_path: Path) -> Iterator[Path]:
    settings.AS2_OUTBOX = tmp_path
    settings.DEBUG = True  # failpoints
    yield tmp_path
    failpoints.arm("")


@pytest.fixture
def connection() -> Connection:
    return factories.bare_connection()


@pytest.fixture
def folder(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(outbox, "QUIET", 0.0)
    outbox.scan()
    return outbox.folder_of(connection)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_each_active_connection_gets_a_folder_with_safe_names(root: Path) -> None:
    owner = factories.organization("A/B")
    factories.bare_connection(owner, as2_id="..")
    factories.bare_connection(owner, factories.partner("Other"), as2_id="Q", state="paused")
    outbox.scan()
    assert [str(path.relative_to(root)) for path in root.glob("*/*")] == ["A%2FB/%2E."]


def test_a_file_becomes_a_message_and_is_gone(connection: Connection, folder: Path) -> None:
    (folder / "order 1.edi").write_bytes(b"UNB+")
    assert outbox.scan() == 1
    message = Message.objects.get()
    assert (message.connection, message.filename) == (connection, "order 1.edi")
    assert get_store().read(message.payload_key, 100) == b"UNB+"
    assert names(folder) == []


def test_files_are_taken_the_oldest_first(folder: Path) -> None:
    for name, age in (("b", 30), ("a", 10), ("c", 20)):
        (folder / name).write_bytes(b"x")
        os.utime(folder / name, (time.time() - age, time.time() - age))
    outbox.scan()
    assert list(Message.objects.order_by("pk").values_list("filename", flat=True)) == [*"bca"]


def drop_in_order(folder: Path, *contents: bytes) -> None:
    for number, content in enumerate(contents):
        path = folder / f"{number:03}.edi"
        path.write_bytes(content)
        os.utime(path, (1_000_000 + number, 1_000_000 + number))


def taken_payloads() -> list[bytes]:
    keys = Message.objects.order_by("pk").values_list("payload_key", flat=True)
    return [get_store().read(key, 1_000_000) for key in keys]


def test_many_files_large_and_small_are_taken_each_once_and_in_order(folder: Path) -> None:
    contents = [b"%d" % number for number in range(50)]
    contents[7] = contents[7] * 100_000
    drop_in_order(folder, *contents)
    assert outbox.scan() == 50
    assert taken_payloads() == contents
    assert names(folder) == []
    assert outbox.scan() == 0


def test_a_file_that_cannot_be_stored_does_not_hold_up_those_taken_with_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = outbox._read

    def fails_for_b(file: BinaryIO) -> Iterator[bytes]:
        for chunk in read(file):
            if chunk == b"b":
                raise OSError(errno.EIO, "Input/output error")
            yield chunk

    drop_in_order(folder, b"a", b"b", b"c")
    with monkeypatch.context() as patch:
        patch.setattr(outbox, "_read", fails_for_b)
        assert outbox.scan() == 2
    assert taken_payloads() == [b"a", b"c"]
    assert [name.rpartition("-")[2] for name in names(folder)] == ["001.edi"]
    assert outbox.scan() == 1
    assert sorted(taken_payloads()) == [b"a", b"b", b"c"]


def test_of_files_that_cannot_be_committed_together_each_is_tried(
    folder: Path, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    used = enqueue(connection, [b"another order"])
    ids = iter(["<1@x>", used.message_id, "<2@x>", "<3@x>"])
    monkeypatch.setattr(sending, "new_message_id", lambda _organization: next(ids))
    drop_in_order(folder, b"a", b"b")
    assert outbox.scan() == 2
    assert taken_payloads() == [b"another order", b"a", b"b"]
    assert names(folder) == []


def test_a_file_that_was_a_message_already_is_only_removed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop_in_order(folder, b"a", b"b")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", Mock(side_effect=PermissionError(errno.EPERM, "no")))
        assert outbox.scan() == 2
    assert len(names(folder)) == 2
    assert outbox.scan() == 0
    assert (names(folder), Message.objects.count()) == ([], 2)


@pytest.mark.parametrize("count", [1, 3])
def test_new_names_are_durable_before_the_rows_that_know_their_keys(
    folder: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    drop_in_order(folder, *[b"order"] * count)
    (folder / "empty").mkdir()  # no file: what is not taken costs no sync
    steps: list[str] = []
    monkeypatch.setattr(outbox, "hit", steps.append)
    monkeypatch.setattr(sending, "hit", steps.append)
    monkeypatch.setattr(outbox, "sync_directory", lambda path: steps.append(path.name))
    assert outbox.scan() == count
    assert steps == ["tx.taken"] * count + [folder.name, "tx.accepted"]
    assert (outbox.scan(), len(steps)) == (0, count + 2)


@pytest.mark.parametrize(("number", "taken"), [(errno.EIO, 0), (errno.EINVAL, 1)])
def test_nothing_is_taken_while_its_new_name_may_be_lost(
    folder: Path, monkeypatch: pytest.MonkeyPatch, number: int, taken: int
) -> None:
    drop_in_order(folder, b"order")
    with monkeypatch.context() as patch:
        patch.setattr(outbox, "sync_directory", Mock(side_effect=OSError(number, "no sync")))
        assert outbox.scan() == taken
    assert Message.objects.count() == taken
    outbox.scan()
    assert (names(folder), Message.objects.count()) == ([], 1)


@pytest.mark.parametrize("name", [".hidden", "a.tmp", "a.PART", "a.filepart", "a~"])
def test_hidden_and_unfinished_files_are_left_alone(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"x")
    assert outbox.scan() == 0
    assert names(folder) == [name]


def test_folders_and_links_are_left_alone(folder: Path) -> None:
    (folder / "folder").mkdir()
    (folder / "link").symlink_to("/etc/hostname")
    assert outbox.scan() == 0


def test_a_file_is_left_alone_until_it_is_quiet(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "QUIET", 60.0)
    (folder / "new").write_bytes(b"x")
    os.utime(folder / "new", (0, 0))  # as a copying program sets it
    assert outbox.scan() == 0


def test_a_file_that_a_program_is_writing_is_left_alone(folder: Path) -> None:
    with (folder / "slow").open("wb") as writer:
        writer.write(b"half")
        writer.flush()
        assert outbox.scan() == 0
    assert outbox.scan() == 1


def test_a_file_that_another_worker_is_taking_is_left_to_it(folder: Path) -> None:
    (folder / "order").write_bytes(b"x")
    with (folder / "order").open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert outbox.scan() == 0


@pytest.mark.parametrize(("ordered", "taken"), [(True, 0), (False, 1)])
def test_a_folder_whose_order_counts_is_left_to_the_worker_that_scans_it(
    folder: Path, connection: Connection, ordered: bool, taken: int
) -> None:
    connection.ordered = ordered
    connection.save()
    drop_in_order(folder, b"order")
    descriptor = os.open(folder, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    assert outbox.scan() == taken
    os.close(descriptor)
    outbox.scan()
    assert (names(folder), Message.objects.count()) == ([], 1)


def test_a_file_with_a_name_that_is_not_utf8_is_taken(folder: Path) -> None:
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff.edi")).write_bytes(b"x")
    outbox.scan()
    assert Message.objects.get().filename == "\N{REPLACEMENT CHARACTER}.edi"


@pytest.mark.parametrize("place", ["tx.taken=eio", "tx.accepted=eio", "fs.write=enospc"])
def test_what_a_fault_leaves_is_finished_by_the_next_scan(folder: Path, place: str) -> None:
    (folder / "order.edi").write_bytes(b"x" * 100_000)
    failpoints.arm(place)
    outbox.scan()
    assert names(folder)[0].startswith(".taken-")
    outbox.scan()
    assert names(folder) == []
    assert Message.objects.get().filename == "order.edi"


def test_a_file_that_cannot_be_taken_stays_and_is_told_of_once(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    name = "x" * 250  # leaves no room for the name under which files are taken over
    (folder / name).write_bytes(b"x")
    with caplog.at_level(logging.ERROR, "messages.outbox"):
        outbox.scan()
        outbox.scan()
    assert names(folder) == [name]
    assert len(caplog.records) == 1
    assert "too long" in AuditEvent.objects.get(tag="outbox:file:failed").text


def test_one_file_that_cannot_be_taken_does_not_hold_up_the_others(folder: Path) -> None:
    (folder / ("x" * 250)).write_bytes(b"x")
    (folder / "order.edi").write_bytes(b"x")
    assert outbox.scan() == 1


def test_a_folder_that_cannot_be_read_does_not_hold_up_the_others(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = factories.bare_connection(
        factories.organization("OTHER"), factories.partner("Other"), as2_id="Q"
    )
    outbox.folder_of(other).parent.mkdir()
    outbox.folder_of(other).write_bytes(b"dropped under the name of the folder")
    last = factories.bare_connection(other.organization, factories.partner("Last"), as2_id="Z")
    outbox.folder_of(last).mkdir()
    (outbox.folder_of(last) / "order.edi").write_bytes(b"x")
    assert outbox.scan() == 1
    assert "could not be taken over" in caplog.text


def other_order() -> Path:
    """A file in the folder of a connection that is scanned after the first."""
    owner, partner = factories.organization("OTHER"), factories.partner("Other")
    folder = outbox.folder_of(factories.bare_connection(owner, partner, as2_id="Q"))
    folder.mkdir(parents=True)
    (folder / "other.edi").write_bytes(b"x")
    return folder


@pytest.mark.parametrize("fault", [IntegrityError, DataError])
@pytest.mark.parametrize("count", [1, 2])
def test_a_file_whose_row_cannot_be_written_stays_and_holds_up_no_other(
    folder: Path, monkeypatch: pytest.MonkeyPatch, fault: type[Exception], count: int
) -> None:
    def fails(message: Message) -> None:
        if message.filename != "other.edi":
            raise fault("value too long\nDETAIL: of a column")
        insert(message)

    monkeypatch.setattr(sending, "insert", fails)
    drop_in_order(folder, *[b"order"] * count)
    other = other_order()
    stored = len(stored_files())
    assert (outbox.scan(), outbox.scan()) == (1, 0)
    left = sorted(name.rpartition("-")[2] for name in names(folder))
    assert left == ["000.edi", "001.edi"][:count]
    assert names(other) == []
    assert len(stored_files()) == stored + 1
    texts = AuditEvent.objects.filter(tag="outbox:file:failed").values_list("text", flat=True)
    assert len(texts) == count
    assert "value too long DETAIL: of a column. It stays" in texts[0]


def test_a_fault_that_nobody_thought_of_holds_up_no_other_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "order.edi").write_bytes(b"x")
    other = other_order()
    sniff = Mock(side_effect=[RuntimeError("a fault of ours"), edi.EDIFacts()])
    monkeypatch.setattr(edi, "sniff", sniff)
    assert outbox.scan() == 1
    assert names(other) == []
    assert "a fault of ours" in caplog.text


@pytest.mark.parametrize("count", [1, 2])
def test_a_scan_ends_when_the_database_is_away_and_the_next_finishes_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    drop_in_order(folder, *[b"order"] * count)
    with monkeypatch.context() as patch:
        patch.setattr(sending, "insert", Mock(side_effect=OperationalError("it is away")))
        with pytest.raises(OperationalError):
            outbox.scan()
    assert not AuditEvent.objects.filter(tag="outbox:file:failed").exists()
    assert outbox.scan() == count
    assert names(folder) == []
