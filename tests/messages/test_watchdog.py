"""The watchdog: it watches again once a thread is to be had."""

import socket
import threading
import time
from unittest.mock import Mock

import pytest

from messages import watchdog
from messages.watchdog import Watchdog


def test_it_wakes_when_threads_are_to_be_had_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(watchdog, "_INTERVAL", 0.05)
    dog = Watchdog()
    ours, theirs = socket.socketpair()
    with ours, theirs, monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", Mock(side_effect=RuntimeError("no new thread")))
        with dog.watch(ours) as first:
            assert "slow peers are not watched" in caplog.text
            patch.undo()
            with dog.watch(theirs):
                first.deadline = time.monotonic()
                assert ours.recv(1) == b""  # it was shut, though nobody closed it
        assert first.expired
