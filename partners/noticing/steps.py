"""Steps: how many days before something reminders are due. Days are counted up, to the second."""

import datetime as dt
import math
from typing import Final

#: Days before the end of a certificate; 0 is its end.
STEPS: Final = (0, 1, 3, 7, 14, 30, 60, 90)


def step_of(ends_at: dt.datetime, now: dt.datetime) -> int | None:
    """Return the last step that has been reached; None if the end is far away."""
    days = max(math.ceil((ends_at - now) / dt.timedelta(days=1)), 0)
    return next((step for step in STEPS if days <= step), None)
