"""Taking stock of the store: what is missing, what was changed, and what nobody names."""

import json
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command

from messages.models import MDN, Message
from messages.store import Kind, get_store
from partners.models import Connection
from tests.messages.arrange import stored
from tests.messages.sender import message

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("home", "connection")]


@pytest.fixture
def row(home: Path, connection: Connection) -> Message:
    del home, connection  # they are to be there first
    message().send()
    return Message.objects.get()


def taken(capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, Any]:
    with suppress(SystemExit):  # what it found is in what it printed
        call_command("verify_store", "--json", *options)
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


@pytest.mark.usefixtures("row")
def test_a_sound_store_is_said_to_be_so(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("verify_store")
    assert "3 files" in capsys.readouterr().out


@pytest.mark.parametrize("column", ["raw_key", "payload_key"])
def test_a_missing_file_is_named(
    row: Message, column: str, capsys: pytest.CaptureFixture[str]
) -> None:
    key = getattr(row, column)
    get_store().delete(key)
    found = taken(capsys, "--quick")
    assert found["missing"] == {key: f"message {row.message_id}: the file is gone"}


@pytest.mark.usefixtures("row")
def test_a_missing_mdn_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    key = MDN.objects.get().body_key
    get_store().delete(key)
    assert [*taken(capsys)["missing"]] == [key]


def test_a_changed_octet_is_found(row: Message, capsys: pytest.CaptureFixture[str]) -> None:
    path = settings.AS2_STORE / row.payload_key
    octets = bytearray(path.read_bytes())
    octets[0] ^= 1
    path.write_bytes(octets)
    assert taken(capsys, "--quick")["changed"] == {}
    assert [*taken(capsys)["changed"]] == [row.payload_key]


def test_a_file_cut_short_is_found_without_reading(
    row: Message, capsys: pytest.CaptureFixture[str]
) -> None:
    path = settings.AS2_STORE / row.payload_key
    os.truncate(path, 3)
    assert [*taken(capsys, "--quick")["changed"]] == [row.payload_key]


def test_what_no_row_names_is_an_orphan_after_an_hour(capsys: pytest.CaptureFixture[str]) -> None:
    key = stored(Kind.PAYLOAD, b"left by a crash")
    assert taken(capsys)["orphans"] == []
    hours_ago = time.time() - 7200
    os.utime(settings.AS2_STORE / key, (hours_ago, hours_ago))
    found = taken(capsys)
    assert (found["orphans"], found["sound"]) == ([key], True)


def test_the_text_says_what_to_do(row: Message, capsys: pytest.CaptureFixture[str]) -> None:
    get_store().delete(row.payload_key)
    with pytest.raises(SystemExit):
        call_command("verify_store")
    assert "Restore missing and changed files from a backup" in capsys.readouterr().out
