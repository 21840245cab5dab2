"""What tests of received messages share: a home of their own, and failpoints that do not stay."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from messages import dispatch, failpoints
from messages.rates import Limiter, get_limiter
from partners.models import Connection
from tests import factories
from tests.messages.calls import Calls, empty_queue, read_queue


@pytest.fixture(autouse=True)
def limiter() -> Limiter:
    """The limits on rates, of which no other test has used anything."""
    get_limiter.cache_clear()
    return get_limiter()


@pytest.fixture
def home(settings: Settings, tmp_path: Path) -> Iterator[Path]:
    """A store and an inbox that are empty; failpoints may be armed and are disarmed at the end."""
    settings.AS2_STORE = tmp_path / "store"
    settings.AS2_INBOX = tmp_path / "inbox"
    settings.AS2_INBOX.mkdir()
    settings.DEBUG = True  # failpoints are refused without
    yield tmp_path
    failpoints.arm("")


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Iterator[Calls]:
    """The calls to workers that stand in the broker's queue, read anew each time."""
    # What another test rang for a moment ago does not count.
    monkeypatch.setattr(dispatch, "deliveries", dispatch.Bell())
    monkeypatch.setattr(dispatch, "readings", dispatch.Bell())
    monkeypatch.setattr(dispatch, "sendings", dispatch.Bells())
    empty_queue()
    yield read_queue
    empty_queue()


@pytest.fixture
def connection() -> Connection:
    """A connection that can send and receive, between VENDOR, which is us, and AMAZON."""
    return factories.connection()
