"""Work: a row that knows when it is next due. The row is the queue, the broker only wakes workers.

``due_at`` is schedule and lease in one. A claim is a conditional UPDATE that counts rows and pushes
``due_at`` ahead by the lease; the attempt number it writes is the token with which the result is
written. A worker that froze past its lease finds another number there, and changes nothing.
"""

import datetime as dt
from collections.abc import Iterable
from typing import Any, Self, TypeVar

from django.db import models

from audit.updating import ONE_MORE, update, update_and_read

Row_co = TypeVar("Row_co", bound=models.Model, covariant=True)


class DueQuerySet(models.QuerySet[Row_co]):
    """Rows by when they are due."""

    def due(self, now: dt.datetime) -> Self:
        """Rows whose time has come, the longest waiting first."""
        return self.filter(due_at__lte=now).order_by("due_at")


class Work(models.Model):
    """A row that is worked on by at most one worker at a time."""

    due_at = models.DateTimeField(null=True, blank=True, db_index=True, editable=False)
    attempts = models.PositiveIntegerField(default=0, editable=False)

    class Meta:
        abstract = True

    def claim(self, now: dt.datetime, lease: dt.timedelta, **changes: Any) -> bool:
        """Take the row for one attempt; False if it is not due or another worker has it.

        ``changes`` are written with the claim, such as a state that says so.
        """
        changes |= {"due_at": now + lease, "attempts": ONE_MORE}
        return update_and_read(self, {"due_at__lte": now}, changes)

    def settle(self, **changes: Any) -> bool:
        """Write the outcome of the attempt that this object claimed; False if it has been lost."""
        mine = {"pk": self.pk, "attempts": self.attempts, "due_at": self.due_at}
        if update(type(self), mine, changes) == 0:
            return False
        for name, value in changes.items():
            setattr(self, name, value)
        return True

    @classmethod
    def settle_all(cls, rows: Iterable[Self], **changes: Any) -> list[Self]:
        """Write one outcome for several claimed rows; those that were ours still.

        Call it inside a transaction.
        """
        tokens: dict[tuple[int, dt.datetime | None], list[Self]] = {}
        for row in rows:
            tokens.setdefault((row.attempts, row.due_at), []).append(row)
        settled = []
        for (attempts, due_at), group in tokens.items():
            claimed = cls._rows().filter(attempts=attempts, due_at=due_at)
            mine = claimed.filter(pk__in=[row.pk for row in group])
            ours = {*mine.select_for_update().values_list("pk", flat=True)}
            claimed.filter(pk__in=ours).update(**changes)
            settled += [row for row in group if row.pk in ours]
        for row in settled:
            for name, value in changes.items():
                setattr(row, name, value)
        return settled

    @classmethod
    def _rows(cls) -> models.QuerySet[Self]:
        return cls._default_manager.all()
