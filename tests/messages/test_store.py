import datetime as dt
import hashlib
import os
import resource
import stat
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from messages import store as store_module
from messages.store import Kind, Store, Writer, commit_all, get_store
from messages.syncing import STEP

SMALL = b"UNA:+.? '"
LARGE = bytes(range(256)) * 1024


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def files(store: Store) -> list[Path]:
    return [path for path in store.root.rglob("*") if path.is_file()]


@pytest.mark.parametrize("content", [b"", SMALL, LARGE])
def test_what_is_committed_reads_back(store: Store, content: bytes) -> None:
    with store.writer(Kind.RAW) as writer:
        for start in range(0, len(content), 1000):
            writer.write(content[start : start + 1000])
        writer.commit()
    assert b"".join(store.chunks(writer.key)) == content
    assert store.size(writer.key) == writer.size == len(content)
    assert writer.sha256 == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("content", [SMALL, LARGE])
def test_what_is_written_reads_back_before_it_is_committed(store: Store, content: bytes) -> None:
    with store.writer(Kind.RAW) as writer:
        writer.write(content)
        assert b"".join(writer.chunks()) == content
        writer.write(b"more")
        assert b"".join(writer.chunks()) == content + b"more"
        writer.commit()
        assert b"".join(writer.chunks()) == content + b"more"


@pytest.mark.parametrize("content", [b"", SMALL, LARGE])
@pytest.mark.parametrize("size", [1, 4, 5000])
def test_the_head_is_read_back(store: Store, content: bytes, size: int) -> None:
    with store.writer(Kind.PAYLOAD) as writer:
        for start in range(0, len(content), 3000):
            writer.write(content[start : start + 3000])
        assert writer.head(size) == content[:size]


def test_what_is_committed_is_not_committed_again(store: Store) -> None:
    with store.writer(Kind.RAW) as first, store.writer(Kind.MDN) as second:
        first.write(SMALL)
        first.commit()
        commit_all([first, second])
        assert (first.committed, second.committed) == (True, True)
    assert store.size(first.key) == len(SMALL)


@pytest.mark.parametrize("content", [SMALL, LARGE])
def test_what_is_not_committed_is_discarded(store: Store, content: bytes) -> None:
    with store.writer(Kind.PAYLOAD) as writer:
        writer.write(content)
    assert files(store) == []
    with pytest.raises(FileNotFoundError):
        store.open(writer.key)


def test_a_file_is_in_quarantine_until_it_is_committed(store: Store) -> None:
    with store.writer(Kind.PAYLOAD) as writer:
        writer.write(LARGE)
        [path] = files(store)
        assert path.parent.name == "quarantine"
        writer.commit()
        assert files(store) == [store.root / writer.key]


def test_files_are_private(store: Store) -> None:
    with store.writer(Kind.RAW) as writer:
        writer.write(SMALL)
        writer.commit()
    assert stat.S_IMODE((store.root / writer.key).stat().st_mode) == 0o600


def make_folders(store: Store, writers: list[Writer]) -> set[Path]:
    """Make the folders of these files: of one day, unless midnight passes."""
    folders = {(store.root / writer.key).parent for writer in writers}
    for folder in folders:
        store.ensure_directory(folder)
    return folders


def test_contents_and_the_directory_of_their_names_are_synced(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    sync = os.fsync

    def noted(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink())
        sync(descriptor)

    writers = [store.writer(Kind.RAW), store.writer(Kind.PAYLOAD), store.writer(Kind.MDN)]
    folders = make_folders(store, writers)
    monkeypatch.setattr(os, "fsync", noted)
    commit_all(writers)
    # The names are given before any of it: what is synced is synced under its final name.
    assert sorted(synced) == sorted([*folders, *(store.root / writer.key for writer in writers)])


@pytest.mark.parametrize("fault_at", [1, 2, 3])
def test_a_failed_sync_leaves_nothing_behind(
    store: Store, monkeypatch: pytest.MonkeyPatch, fault_at: int
) -> None:
    calls = iter(range(1, 100))
    writers = [store.writer(Kind.RAW), store.writer(Kind.PAYLOAD)]
    make_folders(store, writers)

    def fail(descriptor: int) -> None:
        if next(calls) == fault_at:
            raise OSError(5, "failing disk", descriptor)

    monkeypatch.setattr(os, "fsync", fail)
    with writers[0], writers[1], pytest.raises(OSError, match="failing disk"):
        commit_all(writers)
    assert files(store) == []


def test_what_failed_to_be_synced_on_the_way_is_never_committed(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel tells of it once: the sync at the end would go well."""

    def fail(descriptor: int) -> None:
        raise OSError(5, "failing disk", descriptor)

    monkeypatch.setattr(os, "fdatasync", fail)
    with store.writer(Kind.RAW) as writer:
        for _ in range(STEP // len(LARGE) + 1):
            writer.write(LARGE)
        with pytest.raises(OSError, match="failing disk"):
            writer.commit()
    assert files(store) == []


def test_the_sweep_survives_files_that_vanish_under_it(store: Store) -> None:
    quarantine = store.root / "quarantine"
    quarantine.mkdir(parents=True)
    (quarantine / "gone.raw").symlink_to("taken by another process")
    assert store.sweep_quarantine(dt.timedelta(0)) == 0


@pytest.mark.parametrize(
    "key",
    [
        "../../etc/passwd",
        "/etc/passwd",
        "2026/01/01/../../../x.raw",
        "quarantine/" + "0" * 32 + ".raw",
        "2026/01/01/" + "0" * 32 + ".raw\n",
        "2026/01/01/" + "0" * 32 + ".exe",
        "",
    ],
)
def test_a_key_that_is_not_ours_names_no_file(store: Store, key: str) -> None:
    for use in (store.open, store.size, store.delete):
        with pytest.raises(ValueError, match="not a key"):
            use(key)


def test_reading_into_memory_is_bounded(store: Store) -> None:
    with store.writer(Kind.MDN) as writer:
        writer.write(SMALL)
        writer.commit()
    assert store.read(writer.key, limit=len(SMALL)) == SMALL
    with pytest.raises(ValueError, match="more than 8 bytes"):
        store.read(writer.key, limit=len(SMALL) - 1)


def test_deleting_twice_is_harmless(store: Store) -> None:
    with store.writer(Kind.MDN) as writer:
        writer.commit()
    store.delete(writer.key)
    store.delete(writer.key)
    assert files(store) == []


def test_the_sweep_takes_old_files_from_quarantine_only(store: Store) -> None:
    committed, old, fresh = (store.writer(Kind.RAW) for _ in range(3))
    for writer in (committed, old, fresh):
        writer.write(LARGE)
    committed.commit()
    past = time.time() - 7200
    quarantined = store.root / "quarantine" / Path(old.key).name
    for path in (quarantined, store.root / committed.key):
        os.utime(path, (past, past))
    assert store.sweep_quarantine(dt.timedelta(hours=1)) == 1
    assert not quarantined.exists()
    assert {path.name for path in files(store)} == {
        Path(committed.key).name,
        Path(fresh.key).name,
    }
    old.close()
    fresh.discard()


def test_the_parents_of_a_new_directory_are_synced(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(store_module, "sync_directory", synced.append)
    directory = store.root / "2026" / "01" / "02"
    store.ensure_directory(directory)
    store.ensure_directory(directory)
    assert synced == [directory.parent, directory.parent.parent, store.root]


def test_free_space_is_known(store: Store) -> None:
    assert store.free_bytes() > 0


def test_the_store_lives_where_the_settings_say(settings: Settings, tmp_path: Path) -> None:
    settings.AS2_STORE = tmp_path
    assert get_store().root == tmp_path
    assert get_store() is get_store()


@pytest.fixture
def small_files() -> Iterator[None]:
    """Let no file of this process grow beyond 100 kB, as a full disk would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("small_files")
def test_a_file_that_did_not_fit_leaves_its_room_to_others(store: Store) -> None:
    writer = store.writer(Kind.RAW)
    with pytest.raises(OSError, match="large"):
        write_in_pieces(writer, 500_000)
    assert files(store) == []


def write_in_pieces(writer: Writer, size: int) -> None:
    with writer:
        for _ in range(size // 700):
            writer.write(bytes(700))


def file_of(store: Store, day: str, *, age: dt.timedelta = dt.timedelta(days=30)) -> Path:
    """Put a file into the folder of that day."""
    path = store.root / day / f"{uuid.uuid4().hex}.raw"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    then = time.time() - age.total_seconds()
    os.utime(path, (then, then))
    return path


WEEK = dt.timedelta(days=7)


def no_row(_start: str) -> list[str]:
    return []


def test_a_file_that_no_row_names_is_swept_after_a_week(store: Store) -> None:
    named, orphan = file_of(store, "2026/01/02"), file_of(store, "2026/01/02")
    asked = []

    def rows(start: str) -> list[str]:
        asked.append(start)
        return [str(named.relative_to(store.root))]

    assert store.sweep_orphans(WEEK, rows) == 1
    assert (named.exists(), orphan.exists(), asked) == (True, False, ["2026/01/02/"])


def test_one_day_is_swept_at_a_time_and_once(store: Store) -> None:
    file_of(store, "2026/01/03")
    file_of(store, "2025/12/31")
    days = []

    def rows(start: str) -> list[str]:
        days.append(start)
        return []

    for _ in range(4):
        store.sweep_orphans(WEEK, rows)
    assert days == ["2025/12/31/", "2026/01/03/"]


def test_a_young_file_is_no_orphan(store: Store) -> None:
    today = f"{dt.datetime.now(dt.UTC):%Y/%m/%d}"
    young = [file_of(store, today), file_of(store, "2026/01/02", age=dt.timedelta(days=6))]
    assert store.sweep_orphans(WEEK, no_row) == 0
    assert all(path.exists() for path in young)


def test_files_of_another_database_are_not_taken_for_orphans(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    foreign = [file_of(store, "2026/01/02") for _ in range(101)]
    assert store.sweep_orphans(WEEK, no_row) == 0
    assert all(path.exists() for path in foreign)
    assert "101 of 101 files" in caplog.text


def test_a_day_that_stays_does_not_keep_others_from_being_swept(
    store: Store, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "_MANY", 0)
    foreign = file_of(store, "2026/01/02")
    young = file_of(store, "2026/01/03", age=dt.timedelta(days=6))
    orphan, *named = (file_of(store, "2026/01/04") for _ in range(3))

    def rows(_start: str) -> list[str]:
        return [str(path.relative_to(store.root)) for path in named]

    assert [store.sweep_orphans(WEEK, rows) for _ in range(3)] == [0, 0, 1]
    assert (foreign.exists(), young.exists(), orphan.exists()) == (True, True, False)
    # They come again, in case they can be swept by now.
    assert [store.sweep_orphans(WEEK, rows) for _ in range(2)] == [0, 0]
    assert caplog.text.count("1 of 1 files of 2026/01/02 are in no row") == 2
