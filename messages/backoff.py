"""Back-off: how long to wait before the next attempt (REL-02, REL-03)."""

import datetime as dt
import random
from email.utils import parsedate_to_datetime

#: The longest gap: a partner that is back after a weekend gets its documents the same morning.
CAP = dt.timedelta(hours=6)
#: Share of a gap that chance may add, so that a backlog does not come back as one burst.
_SPREAD = 0.1
#: Beyond this many doublings every first gap has met the cap.
_MOST_DOUBLINGS = 20


def gap(first: dt.timedelta, tries: int, asked: dt.timedelta | None = None) -> dt.timedelta:
    """Time to wait after the ``tries``-th attempt has failed: 5, 10, 20, 40 minutes, and so on.

    ``asked`` is what the partner's Retry-After says; it lengthens a gap and never shortens it, and
    cannot push it over the cap. Chance adds up to a tenth.
    """
    doublings = min(max(tries, 1) - 1, _MOST_DOUBLINGS)
    wait = min(max(first * (1 << doublings), asked or dt.timedelta()), CAP)
    return wait * (1 + _SPREAD * random.random())  # noqa: S311  chance, not secrecy


def retry_after(value: str | None, now: dt.datetime) -> dt.timedelta | None:
    """Read a Retry-After field (RFC 9110 §10.2.3): seconds or a date; None for anything else."""
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        return dt.timedelta(seconds=min(int(text[:9]), CAP.total_seconds()))
    try:
        until = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if until.tzinfo is None:  # "-0000", or an asctime date: both mean UTC
        until = until.replace(tzinfo=dt.UTC)
    return min(max(until - now, dt.timedelta()), CAP)
