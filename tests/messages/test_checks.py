"""System checks: contradictions between settings are found before they do harm."""

from pathlib import Path

import pytest
from pytest_django import Settings

from messages import checks


def test_the_usual_settings_pass() -> None:
    assert checks.check_folders() == []
    assert checks.check_lease() == []


@pytest.mark.parametrize(
    ("inbox", "outbox", "faults"),
    [("inbox", "outbox", 0), ("store/i", "outbox", 1), ("x", "x", 2), ("i", "i/../store/o", 1)],
)
def test_folders_inside_each_other_are_refused(
    settings: Settings, tmp_path: Path, inbox: str, outbox: str, faults: int
) -> None:
    settings.AS2_STORE = tmp_path / "store"
    settings.AS2_INBOX, settings.AS2_OUTBOX = tmp_path / inbox, tmp_path / outbox
    assert [found.id for found in checks.check_folders()] == ["messages.E001"] * faults


def test_a_short_lease_is_warned_of(settings: Settings) -> None:
    settings.AS2_SEND_LEASE = 60
    (found,) = checks.check_lease()
    assert found.id == "messages.W001"
    assert "more than 40 s" in found.msg
