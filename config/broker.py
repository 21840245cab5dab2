"""The broker that only wakes workers: Redis, or files in the home folder when there is none.

Nothing rests on it: the database knows what is due. So the files need no syncing, but they must
never be seen half-written, and two gateways on one machine must not meet.
"""

import os
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from queue import Empty
from time import monotonic_ns
from typing import Any, Final
from uuid import uuid4

from kombu.transport import TRANSPORT_ALIASES, filesystem, virtual
from kombu.utils.json import dumps, loads

from config.home import Home

SCHEME: Final = "as2files"

# Seconds between two looks into the folder by an idle worker: what a wake-up call may take.
POLLING_INTERVAL: Final = 0.1

# Seconds a publisher waits for an unreachable Redis; a partner's request waits as long.
CONNECT_TIMEOUT: Final = 2

# Seconds until a Redis that took the connection and is silent is given up; tried thrice.
ANSWER_TIMEOUT: Final = 5


@dataclass(frozen=True, slots=True)
class Broker:
    """What Celery needs to know to reach the broker."""

    url: str
    options: dict[str, object]


def configure(redis_url: str, lease: int, home: Home) -> Broker:
    """Return the Redis at ``redis_url``, or files in the home folder when it is ""."""
    if redis_url:
        return Broker(redis_url, _redis(lease))
    queue, taken, control = (home.broker / name for name in ("queue", "taken", "control"))
    for folder in (queue, taken, control):
        folder.mkdir(mode=0o700, exist_ok=True)
    options: dict[str, object] = {
        "data_folder_in": str(queue),
        "data_folder_out": str(queue),
        "processed_folder": str(taken),
        "control_folder": str(control),
        "polling_interval": POLLING_INTERVAL,
    }
    TRANSPORT_ALIASES[SCHEME] = "config.broker:Transport"
    return Broker(f"{SCHEME}://localhost", options)


def _redis(lease: int) -> dict[str, object]:
    return {
        # A longer task is called a second time, which finds nothing to claim; a shorter time would
        # only do so more often.
        "visibility_timeout": lease + 60,
        # kombu looks for tasks of dead workers every interval x throttle seconds.
        "unacked_restore_interval": 2,
        "unacked_restore_throttle": 1,
        "socket_connect_timeout": CONNECT_TIMEOUT,
        "socket_timeout": ANSWER_TIMEOUT,
        "socket_keepalive": True,
    }


class Channel(filesystem.Channel):
    """kombu's channel over files, with calls that appear whole and are taken by one worker."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._seen: dict[str, deque[str]] = {}

    def _put(self, queue: str, payload: Any, **_kwargs: Any) -> None:  # type: ignore[override]  # kombu's two parents differ
        name = f"{monotonic_ns():020d}_{uuid4().hex}.{queue}.msg"
        folder = Path(self.data_folder_out)
        draft = folder / f"{name}.draft"
        draft.write_text(dumps(payload))
        draft.rename(folder / name)

    def _get(self, queue: str, timeout: float | None = None) -> Any:
        seen = self._seen.setdefault(queue, deque())
        if not seen:
            suffix = f".{queue}.msg"
            names = (name for name in os.listdir(self.data_folder_in) if name.endswith(suffix))  # noqa: PTH208 - ten looks a second want no Path objects
            seen.extend(sorted(names))
        while seen:
            name = seen.popleft()
            taken = Path(self.processed_folder) / name
            try:
                (Path(self.data_folder_in) / name).rename(taken)
            except FileNotFoundError:
                continue  # another worker was faster
            text = taken.read_text()
            taken.unlink()
            return loads(text)
        raise Empty


class Transport(filesystem.Transport):
    """The embedded broker."""

    Channel = Channel

    def __init__(self, client: Any, **kwargs: Any) -> None:
        super().__init__(client, **kwargs)
        # kombu shares what is bound among all brokers of a process, even in different folders.
        self.state = virtual.BrokerState()
