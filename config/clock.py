"""A clock that a test sets: ahead, back, or faster than the world's.

``AS2_CLOCK_FILE`` names a file of three numbers, ``SINCE RATE AHEAD``: since that moment (Unix
time) the clock goes at that rate, and it is that many seconds ahead. Each question reads the file,
so that writing it jumps all processes of a gateway at once. Time-outs go by the monotonic clock.
"""

import datetime as dt
import logging
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone

logger = logging.getLogger(__name__)

VARIABLE: Final = "AS2_CLOCK_FILE"


def install(path: str) -> None:
    """Let Django's clock, by which all our times are taken, follow a file; "" changes nothing.

    Raises ImproperlyConfigured without DEBUG.
    """
    if not path:
        return
    if not settings.DEBUG:
        raise ImproperlyConfigured(
            f"{VARIABLE} is set, which lets the clock go wrong on purpose: unset it. "
            "It is accepted only together with DEBUG, on a machine that is for tests."
        )
    clock: Callable[[], dt.datetime] = partial(read, Path(path))
    timezone.now = clock
    logger.warning("the clock follows %s", path)


def read(path: Path, real: Callable[[], float] = time.time) -> dt.datetime:
    """Tell the time by that file; the world's while there is none."""
    now = real()
    try:
        since, rate, ahead = map(float, path.read_text().split())
    except FileNotFoundError:
        since, rate, ahead = now, 1.0, 0.0
    return dt.datetime.fromtimestamp(since + (now - since) * rate + ahead, dt.UTC)
