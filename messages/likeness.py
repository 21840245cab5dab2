"""Likeness: whether other partners fail the same way, which tells whose side to look at first."""

import datetime as dt
from dataclasses import dataclass
from typing import Final

from django.db.models import Count, QuerySet

from messages.models import Message

#: Around the failure: what breaks on our side breaks for everybody within hours.
AROUND: Final = dt.timedelta(hours=6)
#: Partners that are named.
NAMED: Final = 5


@dataclass(frozen=True, slots=True)
class Likeness:
    """How many other partners fail likewise, and some of them by name."""

    partners: int
    names: tuple[str, ...]

    @property
    def text(self) -> str:
        """Say what follows from it."""
        if self.partners == 0:
            return (
                "No other partner fails this way in these hours: look at this connection, and at "
                "this partner."
            )
        one = self.partners == 1
        who = ", ".join(self.names) + (", …" if self.partners > len(self.names) else "")
        return (
            f"{self.partners} other partner{'' if one else 's'} fail{'s' if one else ''} the same "
            f"way ({who}): look at our side first."
        )


def likeness(message: Message, rows: QuerySet[Message]) -> Likeness | None:
    """Count failures like this one among the rows that a user may see; None if it did not fail.

    Retries that go on count too: the first sign of a fault of ours is that nothing gets through.
    """
    if not message.failure_code:
        return None
    at = message.finished_at or message.created_at
    alike = (
        rows.filter(
            direction=message.direction,
            failure_code=message.failure_code,
            created_at__gte=at - AROUND,
            created_at__lt=at + AROUND,
        )
        .exclude(connection__partner=message.connection.partner_id)
        .order_by()
    )
    found = alike.values("connection__partner__name").annotate(total=Count("pk"))
    ordered = list(found.order_by("-total", "connection__partner__name"))
    names = tuple(str(each["connection__partner__name"]) for each in ordered[:NAMED])
    return Likeness(len(ordered), names)
