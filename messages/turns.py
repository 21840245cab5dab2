"""Turns: a worker that was called for one row goes on with others of its kind, for a moment.

A call for each row costs more than the work on it; a worker that never stops would keep all others
from theirs.
"""

import time
from collections.abc import Callable
from typing import Final

from messages.dispatch import Wake, ring

#: Seconds for which a worker goes on while others may wait for it.
TURN: Final = 2.0


def take_turn(
    task: Wake, pk: int, work: Callable[[int], None], following: Callable[[int], int | None]
) -> None:
    """Work on a row, then on each that follows it; when the turn is over, ring for the next one."""
    end = time.monotonic() + TURN
    while True:
        work(pk)
        after = following(pk)
        if after is None or after == pk:  # nothing is due, or it may not be worked on now
            return
        pk = after
        if time.monotonic() > end:
            ring(task, pk)
            return
