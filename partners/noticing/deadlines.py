"""Deadlines: days from which a profile counts, while a connection does not meet it yet."""

import datetime as dt
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Final

from partners.compliance.facts import moment_to_day
from partners.compliance.profiles import catalogue
from partners.models import Compliance, Notice
from partners.noticing.keeping import administrators
from partners.noticing.steps import step_of

#: Days after a deadline in which its passing is still said, by a scheduler that was down.
_LATE: Final = 7
#: From which step on every administrator is told, too.
_ALARM: Final = 7
#: From which step on it is urgent.
_URGENT: Final = 30


def of_deadlines(now: dt.datetime) -> Iterator[Notice]:
    """Give one reminder for all connections of a partner that the same day concerns."""
    found: dict[tuple[int, int, dt.date], list[Compliance]] = defaultdict(list)
    today = moment_to_day(now)
    rows = Compliance.objects.filter(deadline__gte=today - dt.timedelta(days=_LATE))
    for row in rows.select_related("connection__organization", "connection__partner"):
        link = row.connection
        if row.deadline is not None and _open(row, row.deadline, today):
            found[link.organization_id, link.partner_id, row.deadline].append(row)
    for (_owner, _partner, day), same in found.items():
        step = step_of(_start_of(day), now)
        if step is not None:
            yield _notice(same, day, step, now)


def _start_of(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), dt.UTC)


def _open(row: Compliance, day: dt.date, today: dt.date) -> list[str]:
    """Say what the version of that day finds, a line each; acknowledged warnings are left out."""
    versions = catalogue().versions(row.connection.profile, today)
    labels = {each.label for each in versions if each.effective_on == day}
    return [
        f"- {each['rule']}: {', '.join(each['present']) or 'nothing'}; wanted: {each['wanted']}"
        for each in row.findings
        if each["profile"] in labels
        and each["status"] == "violated"
        and each["severity"] != "info"
        and not each["acknowledged"]
    ]


def _notice(rows: Iterable[Compliance], day: dt.date, step: int, now: dt.datetime) -> Notice:
    rows = list(rows)
    link, urgent = rows[0].connection, step <= _URGENT
    days = math.floor((_start_of(day) - now) / dt.timedelta(days=1))
    when = f"from {day} on" if days >= 0 else f"since {day}"
    title = f"{link.partner}: {_count(rows)} to be set right, errors {when}"
    text = (
        f"{title} ({max(days, 0)} days left). After that the partner may suspend the traffic, and "
        "settings that fall short can no longer be saved. Each connection's page says what to "
        "set, and sets it."
    )
    return Notice(
        key=f"deadline/{link.organization_id}/{link.partner_id}/{day}/{step}",
        urgent=urgent,
        title=f"{'URGENT: ' if urgent else ''}{title}"[:300],
        text="\n".join([text, *_lines(rows, day, now), ""]),
        organization=link.organization,
        partner=link.partner,
        days_left=days,
        recipients=_recipients(link.organization.email, step),
        created_at=now,
    )


def _count(rows: list[Compliance]) -> str:
    return "1 connection has" if len(rows) == 1 else f"{len(rows)} connections have"


def _lines(rows: Iterable[Compliance], day: dt.date, now: dt.datetime) -> Iterator[str]:
    for row in rows:
        yield f"\n{row.connection} ({row.connection.environment}), by {row.profile}:"
        yield from _open(row, day, moment_to_day(now))


def _recipients(owner: str, step: int) -> list[str]:
    told = [owner] if owner else []
    if step <= _ALARM or not owner:
        told += administrators()
    return list(dict.fromkeys(told))
