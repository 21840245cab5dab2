"""The start page: what needs attention, and how the traffic goes. Empty when all is well."""

import datetime as dt
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from audit.badges import Tone
from messages.admin.charts import charts
from messages.admin.sections import sections
from messages.models import Message, State
from messages.visibility import visible_mdns, visible_messages

DAY: Final = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Figure:
    """A number of the last 24 hours."""

    label: str
    value: int
    tone: Tone


def start_page(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add what the start page shows to the theme's context."""
    now, user = timezone.now(), request.user
    found = sections(user, now)
    shown = {"sections": found, "all_is_well": all(each.kind.tone is Tone.BUSY for each in found)}
    if not user.has_perm("as2_messages.view_message"):
        return context | shown | {"figures": [], "charts": []}
    messages = visible_messages(user)
    return (
        context
        | shown
        | {"figures": _figures(messages, now), "charts": charts(messages, visible_mdns(user), now)}
    )


def _figures(rows: QuerySet[Message], now: dt.datetime) -> list[Figure]:
    """Count the traffic of the last 24 hours in one query."""
    wanted = [
        ("received", State.ACCEPTED, Tone.GOOD),
        ("rejected", State.REJECTED, Tone.BAD),
        ("delivered", State.DELIVERED, Tone.GOOD),
        ("failed", State.FAILED, Tone.BAD),
    ]
    counts = {state.value: Count("pk", filter=Q(state=state)) for _, state, _ in wanted}
    found = rows.filter(created_at__gte=now - DAY).aggregate(**counts)
    return [
        Figure(label, found[state.value], tone if found[state.value] else Tone.PLAIN)
        for label, state, tone in wanted
    ]
