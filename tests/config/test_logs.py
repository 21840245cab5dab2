"""One JSON object a line, with the message id, without what should not be there."""

import io
import json
import logging
import logging.config
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from config import logs


@pytest.fixture
def formatter() -> logging.Formatter:
    return _formatter("json")


def _formatter(style: str) -> logging.Formatter:
    configurator: Any = logging.config.DictConfigurator(logs.configure(style, "INFO"))
    made = configurator.configure_formatter(configurator.config["formatters"]["default"])
    assert isinstance(made, logging.Formatter)
    return made


@pytest.fixture
def _bound() -> Iterator[None]:
    with structlog.contextvars.bound_contextvars(message_id="<1@partner>"):
        yield


def _record(text: str, *args: object, **extra: object) -> logging.LogRecord:
    logger = logging.getLogger("messages.receiving")
    return logger.makeRecord(
        logger.name, logging.INFO, "receiving.py", 1, text, args, None, extra=extra
    )


@pytest.mark.usefixtures("_bound")
def test_a_line_is_json_and_names_the_message(formatter: logging.Formatter) -> None:
    line = json.loads(formatter.format(_record("received %s bytes", 5, partner="ACME")))
    assert (line["event"], line["message_id"]) == ("received 5 bytes", "<1@partner>")
    assert (line["level"], line["logger"], line["partner"]) == (
        "info",
        "messages.receiving",
        "ACME",
    )
    assert line["timestamp"].endswith("Z")


def test_a_header_of_a_megabyte_is_cut(formatter: logging.Formatter) -> None:
    line = formatter.format(_record("refused", header="x" * 1_000_000))
    assert len(line) < 1000


def test_a_line_break_from_outside_begins_no_line_of_its_own(formatter: logging.Formatter) -> None:
    assert "\n" not in formatter.format(_record("refused %s", "a\nlevel=info all is well"))


def test_a_stalled_peer_is_one_quiet_line(formatter: logging.Formatter) -> None:
    record = _record("Socket error processing request.")
    error = BlockingIOError(11, "Resource temporarily unavailable")
    record.exc_info = (BlockingIOError, error, None)
    assert logs.StalledPeer().filter(record)
    line = json.loads(formatter.format(record))
    assert (line["level"], "exception" in line) == ("info", False)


def test_another_error_keeps_its_traceback(formatter: logging.Formatter) -> None:
    record = _record("Socket error processing request.")
    record.exc_info = (OSError, OSError(5, "Input/output error"), None)
    logs.StalledPeer().filter(record)
    assert "Input/output error" in json.loads(formatter.format(record))["exception"]


def test_a_person_reads_plain_text() -> None:
    line = _formatter("plain").format(_record("received %s bytes", 5))
    assert "received 5 bytes" in line
    assert not line.startswith("{")


def test_auto_is_json_where_there_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert _formatter("auto").format(_record("received")).startswith("{")
