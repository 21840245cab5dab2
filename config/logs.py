"""How every process of the gateway logs: one JSON object a line, or plain text for a person.

structlog formats; the standard library's ``logging`` stays the API, for us and for libraries.
"""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, Final

import structlog

# A header or a path from outside may be long, and a log line is no place to store it.
MAX_VALUE: Final = 500

STYLES: Final = ("auto", "json", "plain")

#: where a library says more, or less, than an operator wants
_LOGGERS: Final = {
    # Django and gunicorn bring handlers of their own; ours is enough.
    "django": {"handlers": [], "level": "INFO", "propagate": True},
    "django.server": {"handlers": [], "level": "INFO", "propagate": True},
    "gunicorn.error": {"handlers": [], "level": "INFO", "propagate": True},
    "gunicorn.access": {"handlers": [], "level": "WARNING", "propagate": True},
    # Django answers HEAD with a body and leaves it to the server to drop it.
    "gunicorn.http.wsgi": {"level": "ERROR"},
    # It logs a traceback for each message that it refuses; our own line says why.
    "pyas2lib": {"level": "CRITICAL"},
    # One line for each beat and each task every few seconds drowns what matters.
    "celery.beat": {"level": "WARNING"},
    "celery.app.trace": {"level": "WARNING"},
    "celery.worker.strategy": {"level": "WARNING"},
}

Event = MutableMapping[str, Any]


def clip(_logger: object, _name: str, event: Event) -> Event:
    """Cut long values, exceptions aside."""
    for key, value in event.items():
        if key != "exception" and isinstance(value, str) and len(value) > MAX_VALUE:
            event[key] = value[:MAX_VALUE] + "…"
    return event


class StalledPeer(logging.Filter):
    """Lets a peer that stopped sending be no error with a traceback: it is everyday life."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Turn gunicorn's report of a receive time-out into one quiet line."""
        if record.exc_info and isinstance(record.exc_info[1], BlockingIOError):
            record.exc_info = None
            record.levelno, record.levelname = logging.INFO, "INFO"
            record.msg, record.args = "A peer stopped sending in the middle of a request.", ()
        return True


def configure(style: str, level: str) -> dict[str, object]:
    """Return LOGGING. ``auto`` is plain on a terminal and JSON everywhere else."""
    plain = style == "plain" or (style == "auto" and sys.stderr.isatty())
    shared = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"stalled": {"()": StalledPeer}},
        "formatters": {
            "default": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": shared,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    *_renderers(plain=plain),
                ],
            }
        },
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "formatter": "default",
                "filters": ["stalled"],
            }
        },
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": _LOGGERS,
    }


def _renderers(*, plain: bool) -> list[Any]:
    if plain:
        return [clip, structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
    return [structlog.processors.format_exc_info, clip, structlog.processors.JSONRenderer()]
