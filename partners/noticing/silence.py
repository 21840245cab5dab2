"""Silence: partners who do not acknowledge our next certificate, or do not use it."""

import datetime as dt
import math
from collections.abc import Iterator
from typing import Final

from django.db.models import Prefetch

from partners.models import Confirmation, KeyPair, Notice, Rollover, RolloverState

#: Days before a rollover starts, and (negative) after, at which those who are silent are named.
SILENCE: Final = (-14, -3, 1, 7)


def of_silence(now: dt.datetime) -> Iterator[Notice]:
    """Name who has not said yes before a rollover of ours, or not used it some days after."""
    pairs = Prefetch(
        "confirmations",
        Confirmation.objects.select_related("connection__organization", "connection__partner"),
    )
    open_ones = Rollover.objects.filter(
        state__in=[RolloverState.PLANNED, RolloverState.ACTIVE], new_pair__isnull=False
    )
    for rollover in open_ones.select_related("new_pair__organization", "old_pair").prefetch_related(
        pairs
    ):
        days = math.ceil((rollover.starts_at - now) / dt.timedelta(days=1))
        step = next((each for each in SILENCE if days <= each), None)
        silent = [each for each in rollover.confirmations.all() if _is_silent(each, step)]
        if step is not None and silent and rollover.new_pair is not None:
            yield _of_silent(rollover, rollover.new_pair, silent, step, now)


def _is_silent(row: Confirmation, step: int | None) -> bool:
    if step is not None and step > 0:
        return row.acknowledged_at is None and row.confirmed_at is None
    return row.confirmed_at is None


def _of_silent(
    rollover: Rollover, pair: KeyPair, silent: list[Confirmation], step: int, now: dt.datetime
) -> Notice:
    lines = [f"- {each.connection.partner}: {each.connection} ({each.step})" for each in silent]
    asked = "acknowledged" if step > 0 else "used"
    names = ", ".join(each.connection.as2_id for each in silent)
    title = f"Our new certificate {pair.name} is not {asked} yet: {names}"
    start = f"It is used from {rollover.starts_at:%Y-%m-%d %H:%M} UTC on."
    return Notice(
        key=f"rollover/{rollover.pk}/{step}",
        urgent=step <= 1,
        title=title[:300],
        text="\n".join([f"{title}. {start}", *lines, ""]),
        organization=pair.organization,
        fingerprint=pair.fingerprint,
        days_left=math.ceil((rollover.starts_at - now) / dt.timedelta(days=1)),
        recipients=[pair.organization.email] if pair.organization.email else [],
        created_at=now,
    )
