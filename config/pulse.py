"""Pulse: worker and beat show that their loops go round, by touching a file (``supervisor``).

A process may live and do nothing: its loop waits for an answer that never comes. The task
``heartbeat`` would tell, too, but not a loop that hangs from a worker with two long documents.
"""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Final

from celery import bootsteps
from celery.beat import PersistentScheduler
from django.conf import settings

#: Seconds between two beats of a worker; beat's come with each of its ticks.
_INTERVAL: Final = 5.0


def path_of(program: str) -> Path:
    """The file that a program touches."""
    path: Path = settings.AS2_HOME / "run" / f"{program}.pulse"
    return path


class WorkerPulse(bootsteps.StartStopStep):
    """Lets the worker's loop touch its file, however long the pool is busy with its tasks.

    While the broker is away there is no loop: Celery waits and tries again, which is well, too. A
    thread then shows so.
    """

    requires = ("celery.worker.components:Timer",)

    def start(self, parent: Any) -> None:
        """Begin with it."""
        touch = path_of("worker").touch
        touch()
        parent.timer.call_repeatedly(_INTERVAL, touch)
        threading.Thread(target=_touch_while_away, args=(touch,), daemon=True).start()


class BrokerWatch(bootsteps.StartStopStep):
    """Knows whether the worker is connected to its broker."""

    requires = ("celery.worker.consumer.connection:Connection",)
    connected: ClassVar[threading.Event] = threading.Event()

    def start(self, parent: Any) -> None:
        """Note that it is, from now on."""
        self.connected.set()

    def stop(self, parent: Any) -> None:
        """Note that it is not."""
        self.connected.clear()


def _touch_while_away(touch: Callable[[], None]) -> None:
    while True:
        time.sleep(_INTERVAL)
        if not BrokerWatch.connected.is_set():
            touch()


class PulsingScheduler(PersistentScheduler):
    """Beat's schedule, with a pulse."""

    def tick(self, *args: Any, **kwargs: Any) -> Any:
        """Do what is due, and show that it was looked at."""
        path_of("beat").touch()
        return super().tick(*args, **kwargs)
