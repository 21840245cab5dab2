"""Dates: when a new certificate may take over."""

import datetime as dt
from collections.abc import Sequence

from as2gateway.certificates import Certificate
from partners.models import CertificateFacts


class PlanError(Exception):
    """A rollover cannot be done so; the text says why and what would be possible."""


class StartRefused(PlanError):
    """The new one cannot take over at that moment."""


def check_start(
    start: dt.datetime, new: Certificate, olds: Sequence[CertificateFacts], now: dt.datetime
) -> None:
    """Raise StartRefused unless max(now, new.not_before) ≤ start < old.not_after.

    Where the present one ends before the new one begins, the first moment of the new one is
    allowed: the gap is there, and waiting would make it longer.
    """
    earliest = max(now, new.not_before)
    if start < earliest:
        why = "that is in the past" if start < now else "the new certificate is not valid yet"
        raise StartRefused(f"{written(start)} is too early: {why}. From {written(earliest)} on.")
    end = min(old.not_after for old in olds)
    if start >= end and start != earliest:
        why = f"the present certificate ends on {written(end)}"
        way = "choose a moment before" if end > earliest else f"take {written(earliest)}"
        raise StartRefused(f"{written(start)} is too late: {why}; {way}.")


def earliest_start(new: Certificate, now: dt.datetime) -> dt.datetime:
    """Return what "now" means: this second, or when the new one begins to be valid."""
    return max(now, new.not_before)


def written(moment: dt.datetime) -> str:
    """Write a moment as people read it."""
    return f"{moment.astimezone(dt.UTC):%Y-%m-%d %H:%M} UTC"
