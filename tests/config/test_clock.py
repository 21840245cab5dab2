"""A clock that a test sets, and that production refuses."""

import datetime as dt
import time
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone
from pytest_django import Settings

from config import clock

NOON = dt.datetime(2026, 5, 4, 12, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)


@pytest.mark.parametrize(
    ("rate", "ahead", "later"),
    [(1, 0, MINUTE), (60, 0, 60 * MINUTE), (1, 3600, 61 * MINUTE), (1, -120, -MINUTE)],
    ids=["as the world's", "faster", "ahead", "back"],
)
def test_the_clock_goes_as_its_file_says(
    tmp_path: Path, rate: int, ahead: int, later: dt.timedelta
) -> None:
    path = tmp_path / "clock"
    path.write_text(f"{NOON.timestamp()} {rate} {ahead}")
    assert clock.read(path, lambda: NOON.timestamp() + 60) == NOON + later


def test_without_a_file_it_is_the_worlds(tmp_path: Path) -> None:
    assert clock.read(tmp_path / "none", NOON.timestamp) == NOON


def test_django_goes_by_it(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timezone, "now", timezone.now)  # put back afterwards
    settings.DEBUG = True
    (tmp_path / "clock").write_text(f"{time.time()} 1 {-100 * 86_400}")
    clock.install(str(tmp_path / "clock"))
    assert timezone.now() < dt.datetime.now(dt.UTC) - dt.timedelta(days=99)


def test_production_refuses_it(tmp_path: Path, settings: Settings) -> None:
    settings.DEBUG = False
    with pytest.raises(ImproperlyConfigured, match="AS2_CLOCK_FILE"):
        clock.install(str(tmp_path / "clock"))
