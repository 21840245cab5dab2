"""What a second backup into the same folder leaves of the first, and where it may not go."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from django.conf import settings as configured
from pytest_django import Settings

from config.backup import MARK, BackupFailed, back_up
from config.home import Home
from tests.maps import ROOT


@pytest.fixture
def home(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Home:
    home = Home(tmp_path / "home")
    home.create()
    with closing(sqlite3.connect(home.database)) as database:
        database.execute("CREATE TABLE anything (id)")
    engine = {"ENGINE": "config.sqlite3", "NAME": str(home.database)}
    monkeypatch.setitem(configured.DATABASES, "default", engine)
    settings.AS2_HOME = home.root
    settings.AS2_INBOX, settings.AS2_OUTBOX = home.inbox, home.outbox
    return home


def test_a_second_backup_takes_the_secrets_of_now(home: Home, tmp_path: Path) -> None:
    ring = home.secrets / "key_ring"
    ring.write_text("a" * 45)
    back_up(tmp_path / "copy")
    ring.write_text("b" * 45)
    back_up(tmp_path / "copy")
    assert (tmp_path / "copy" / "secrets" / "key_ring").read_text() == "b" * 45


def test_what_was_sent_meanwhile_does_not_come_back(home: Home, tmp_path: Path) -> None:
    document = home.outbox / "VENDOR" / "AMAZON" / "order.edi"
    document.parent.mkdir(parents=True)
    document.write_text("UNB")
    back_up(tmp_path / "copy")
    copy = tmp_path / "copy" / "outbox" / "VENDOR" / "AMAZON" / "order.edi"
    assert copy.read_text() == "UNB"
    document.unlink()
    back_up(tmp_path / "copy")
    assert not copy.exists()


def test_of_the_store_only_new_files_are_copied(home: Home, tmp_path: Path) -> None:
    (home.store / "1.payload").write_text("one")
    (home.store / "quarantine").mkdir()
    (home.store / "quarantine" / "2.request").write_text("two")
    assert back_up(tmp_path / "copy").files == 1
    (home.store / "3.payload").write_text("three")
    copied = back_up(tmp_path / "copy")
    assert (copied.files, copied.bytes) == (1, 5)
    names = {path.name for path in (tmp_path / "copy" / "store").rglob("*")}
    assert names == {"1.payload", "3.payload"}


def test_folders_outside_the_home_are_copied_where_a_home_has_them(
    home: Home, tmp_path: Path, settings: Settings
) -> None:
    settings.AS2_INBOX, settings.AS2_OUTBOX = tmp_path / "in", tmp_path / "out"
    for folder in (settings.AS2_INBOX, settings.AS2_OUTBOX):
        (folder / "quarantine").mkdir(parents=True)  # here a name like any other
        (folder / "quarantine" / "order.edi").write_text("UNB")
    back_up(tmp_path / "copy")
    for name in ("inbox", "outbox"):
        assert (tmp_path / "copy" / name / "quarantine" / "order.edi").read_text() == "UNB"
    assert home.inbox.exists()


@pytest.mark.parametrize("holds", ["other.txt", "run"])
def test_a_folder_of_something_else_is_left_alone(home: Home, tmp_path: Path, holds: str) -> None:
    (home.inbox / "order.edi").write_text("UNB")
    other = tmp_path / "other"
    (other / "inbox").mkdir(parents=True)
    (other / "inbox" / "theirs.edi").write_text("theirs")
    (other / holds).mkdir()
    if holds == "run":  # a copy that was restored, and has run
        (other / MARK).touch()
    with pytest.raises(BackupFailed, match="is not empty and no backup"):
        back_up(other)
    assert [path.name for path in (other / "inbox").iterdir()] == ["theirs.edi"]


def test_a_copy_inside_the_inbox_is_refused(home: Home, tmp_path: Path, settings: Settings) -> None:
    settings.AS2_INBOX = tmp_path / "in"
    with pytest.raises(BackupFailed, match="belongs on another disk"):
        back_up(tmp_path / "in" / "copy")
    assert not [*home.root.glob("in/*")]


def test_a_backup_that_broke_off_is_gone_over_by_the_next(home: Home, tmp_path: Path) -> None:
    (home.secrets / "key_ring").write_text("new")
    (tmp_path / "copy" / "secrets.new").mkdir(parents=True)
    (tmp_path / "copy" / "secrets.new" / "left").touch()
    (tmp_path / "copy" / MARK).touch()
    back_up(tmp_path / "copy")
    names = [path.name for path in (tmp_path / "copy" / "secrets").iterdir()]
    assert names == ["key_ring"]


def test_the_image_has_what_copies_a_postgresql_database() -> None:
    assert (
        "install --yes --no-install-recommends postgresql-client"
        in (ROOT / "Dockerfile").read_text()
    )
