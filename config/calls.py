"""Calls of tasks as a worker holds them, from the broker's delivery to the acknowledgement."""

from typing import Any

from celery.worker.request import Request


class Call(Request):
    """A call whose acknowledgement must not fail in silence.

    Celery logs an acknowledgement that cannot be made, and goes on. Such a call takes up one of the
    places in a worker for ever; one that has no place left reads nothing more from the broker, and
    so never sees that it was away and is back. Without errors to swallow, the fault reaches
    Celery's loop, which connects anew and counts from the beginning.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{**options, "connection_errors": None})
