"""Renewals that partners have announced, and that nobody has planned yet."""

import datetime as dt
import math
from collections.abc import Iterator
from typing import Final

from partners import renewals
from partners.models import Notice, Renewal
from partners.noticing.keeping import administrators
from partners.noticing.steps import step_of

#: From which step on it is urgent, and every administrator is told.
_URGENT: Final = 7


def of_renewals(now: dt.datetime) -> Iterator[Notice]:
    """Remind of each announced certificate until its change is planned."""
    for row in renewals.open_renewals():
        step = step_of(row.due_at, now)
        if step is not None:
            yield _notice(row, step, now)


def _notice(row: Renewal, step: int, now: dt.datetime) -> Notice:
    urgent = step <= _URGENT
    days = math.floor((row.due_at - now) / dt.timedelta(days=1))
    title = f"{row}; it has to be in place by {row.due_at:%Y-%m-%d %H:%M} UTC"
    owners = {link.organization for link in row.partner.connections.select_related("organization")}
    told = sorted(owner.email for owner in owners if owner.email)
    return Notice(
        key=f"renewal/{row.pk}/{step}",
        urgent=urgent,
        title=f"{'URGENT: ' if urgent else ''}{title}"[:300],
        text=f"{title} ({max(days, 0)} days left).\nUpload it on the partner's page, under “Renew "
        f"certificate”, and give the date from which it counts.\n{row.note}\n",
        partner=row.partner,
        days_left=days,
        recipients=list(dict.fromkeys([*told, *(administrators() if urgent or not told else [])])),
        created_at=now,
    )
