"""Silence: partners from whom nothing has come for longer than they usually take."""

import datetime as dt
from dataclasses import dataclass
from typing import Final

from django.db.models import Count, F, Max, Min, OuterRef, Q, QuerySet, Subquery

from audit.tags import Tag
from messages.models import Direction, Message, State
from partners.models import Connection, ConnectionState, Environment, Notice
from partners.noticing.keeping import administrators, keep

#: How far back a habit is looked for, and how many documents make one.
HABIT: Final = dt.timedelta(days=60)
ENOUGH: Final = 10
#: How many usual gaps are too many, and what is never too long: a weekend with a holiday.
TOO_MANY: Final = 4
SHORTEST: Final = dt.timedelta(days=4)


@dataclass(frozen=True, slots=True)
class Silence:
    """A connection that is silent, and since when; None = nothing ever came."""

    connection: Connection
    last: dt.datetime | None
    #: how long it may be silent
    allowed: dt.timedelta
    #: whether that is a setting, or the partner's own habit
    is_set: bool


def silences(connections: QuerySet[Connection], now: dt.datetime) -> list[Silence]:
    """Find the silent ones among these connections, the longest silent first; two queries."""
    active = connections.filter(state=ConnectionState.ACTIVE)
    found = [*_by_setting(active, now), *_by_habit(active, now)]
    return sorted(found, key=lambda each: each.last or each.connection.created_at)


def note_silences(now: dt.datetime) -> int:
    """Make a notice of each partner that has fallen silent, once until it is heard again."""
    wanted = [_notice(each, now) for each in silences(Connection.objects.all(), now)]
    keys = [notice.key for notice in wanted]
    known = set(Notice.objects.filter(key__in=keys).values_list("key", flat=True))
    new = [notice for notice in wanted if notice.key not in known]
    return sum(keep(notice, Tag.PARTNER_SILENCE_NOTICED) for notice in new)


def _notice(found: Silence, now: dt.datetime) -> Notice:
    link, since = found.connection, found.last or found.connection.created_at
    title = f"{link.partner} is silent: no document for {link} for {(now - since).days} days"
    usual = "The connection allows" if found.is_set else "Longer than its habit: that allows"
    email = link.organization.email
    return Notice(
        key=f"silence/{link.pk}/{since.timestamp():.0f}",
        title=title[:300],
        text=f"{title}. {usual} {found.allowed.days}. Ask them whether all is well.\n",
        organization=link.organization,
        partner=link.partner,
        days_left=0,
        recipients=[email] if email else administrators(),
        created_at=now,
    )


def _by_setting(connections: QuerySet[Connection], now: dt.datetime) -> list[Silence]:
    came = Message.objects.filter(
        connection=OuterRef("pk"), direction=Direction.INBOUND, state=State.ACCEPTED
    ).order_by("-created_at")
    rows = connections.filter(silent_days__gt=0).annotate(
        last_document=Subquery(came.values("created_at")[:1])
    )
    found = []
    for row in rows.select_related("organization", "partner"):
        last: dt.datetime | None = row.last_document
        allowed = dt.timedelta(days=row.silent_days or 0)
        # A connection that was made yesterday has not been silent for a week.
        if (last or row.created_at) < now - allowed:
            found.append(Silence(row, last, allowed, is_set=True))
    return found


def _by_habit(connections: QuerySet[Connection], now: dt.datetime) -> list[Silence]:
    """Judge production connections without a setting; tests are silent by nature."""
    came = Q(
        messages__direction=Direction.INBOUND,
        messages__state=State.ACCEPTED,
        messages__created_at__gte=now - HABIT,
    )
    rows = (
        connections.filter(silent_days__isnull=True, environment=Environment.PRODUCTION)
        .filter(came)
        .annotate(
            documents=Count("messages"),
            first=Min("messages__created_at"),
            last=Max("messages__created_at"),
        )
        .filter(documents__gte=ENOUGH, last__lt=now - SHORTEST)
    )
    found = []
    for row in rows.order_by(F("last")).select_related("organization", "partner"):
        usual = (row.last - row.first) / (row.documents - 1)
        allowed = max(SHORTEST, TOO_MANY * usual)
        if row.last < now - allowed:
            found.append(Silence(row, row.last, allowed, is_set=False))
    return found
