"""Calls to workers, as they stand in the real broker's queue: files in the home of the tests."""

import base64
import json
from collections.abc import Callable
from pathlib import Path

from django.conf import settings

#: Task names and their one argument, the oldest call first.
Calls = Callable[[], list[tuple[str, int]]]


def queue_folder() -> Path:
    """Where the embedded broker keeps calls that no worker has taken."""
    return Path(str(settings.CELERY_BROKER_TRANSPORT_OPTIONS["data_folder_in"]))


def read_queue() -> list[tuple[str, int]]:
    """Look at the calls without taking them."""
    found = []
    for path in sorted(queue_folder().glob("*.celery.msg")):
        call = json.loads(path.read_text())
        args, *_ = json.loads(base64.b64decode(call["body"]))
        found.append((call["headers"]["task"], args[0]))
    return found


def empty_queue() -> None:
    """Forget all calls."""
    for path in queue_folder().iterdir():
        path.unlink()
