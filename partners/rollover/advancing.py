"""Advancing: what time does to rollovers. The clock is given; late or twice does no harm."""

import datetime as dt
from typing import Final

from django.db import transaction
from django.db.models import Q, QuerySet

from audit.tags import Tag
from partners.compliance import verdicts
from partners.models import OPEN_STATES, Rollover, RolloverState
from partners.rollover.dates import PlanError, check_start, earliest_start
from partners.rollover.recording import By, change, note

#: How long the old certificate stays accepted after everybody was seen to use the new one: longer
#: than any message is retried under its old signature.
OVERLAP: Final = dt.timedelta(days=7)
_SYSTEM: Final = By()


def advance(now: dt.datetime) -> int:
    """Write down which rollovers have begun, and retire what nobody needs; how many changed.

    Messages do not wait for this: policies pick certificates by their dates at every message.
    """
    changed = sum(activate_if_due(rollover, now) for rollover in _planned())
    for rollover in _confirmed(now):
        changed += retire_old(rollover, now, _SYSTEM)
    return changed


def activate_if_due(rollover: Rollover, now: dt.datetime) -> bool:
    """Record that the new one is in use; False if it is not yet, or is recorded already."""
    if rollover.starts_at > now:
        return False
    with transaction.atomic():
        planned = Rollover.objects.filter(pk=rollover.pk, state=RolloverState.PLANNED)
        if planned.update(state=RolloverState.ACTIVE, activated_at=rollover.starts_at) == 0:
            return False
        rollover.refresh_from_db(fields=["state", "activated_at"])
        text = f"{rollover.new.subject} is in use since {rollover.starts_at:%Y-%m-%d %H:%M} UTC."
        note(Tag.ROLLOVER_CERTIFICATE_ACTIVATED, rollover, text, _SYSTEM)
    verdicts.reevaluate(verdicts.affected_by([rollover.new]), now)
    return True


def retire_old(rollover: Rollover, now: dt.datetime, by: By) -> bool:
    """Accept the old one no longer, and close the rollover; False if it is not active."""
    with transaction.atomic():
        active = Rollover.objects.filter(pk=rollover.pk, state=RolloverState.ACTIVE)
        if active.update(state=RolloverState.DONE, finished_at=now) == 0:
            return False
        rollover.refresh_from_db(fields=["state", "finished_at"])
        if rollover.old.is_accepted(now):
            change(rollover.old, by, retires_at=now)
        text = f"{rollover.old.subject} is retired."
        note(Tag.ROLLOVER_CERTIFICATE_DONE, rollover, text, by)
    verdicts.reevaluate(verdicts.affected_by([rollover.old]), now)
    return True


def cancel(rollover: Rollover, now: dt.datetime, by: By) -> bool:
    """Take the new one back, before or after its start; False if the rollover is closed.

    The old one must still be accepted (PlanError): otherwise nothing would be left.
    """
    if not rollover.old.is_accepted(now):
        raise PlanError("The old certificate is retired already: there is no way back to it.")
    with transaction.atomic():
        # One new certificate may replace two, one for each use; they go back together.
        still = Rollover.objects.filter(
            new_certificate=rollover.new_certificate,
            new_pair=rollover.new_pair,
            state__in=OPEN_STATES,
        )
        if still.update(state=RolloverState.CANCELLED, finished_at=now) == 0:
            return False
        rollover.refresh_from_db(fields=["state", "finished_at"])
        # It has to have started before it can be retired; nothing used it in that second.
        start = min(rollover.starts_at, now - dt.timedelta(seconds=1))
        change(rollover.new, by, activates_at=start, retires_at=now)
        text = f"{rollover.new.subject} is taken back; {rollover.old.subject} stays."
        note(Tag.ROLLOVER_CERTIFICATE_CANCELLED, rollover, text, by)
    verdicts.reevaluate(verdicts.affected_by([rollover.new]), now)
    return True


def move(rollover: Rollover, start: dt.datetime, now: dt.datetime, by: By) -> None:
    """Set another start for a planned rollover; PlanError if that cannot be."""
    with transaction.atomic():
        planned = Rollover.objects.select_for_update().filter(state=RolloverState.PLANNED)
        if not planned.filter(pk=rollover.pk).exists() or rollover.starts_at <= now:
            raise PlanError("It has begun already; its start cannot be moved.")
        check_start(start, rollover.new.value, [rollover.old], now)
        change(rollover.new, by, activates_at=start)
        text = f"It starts on {start:%Y-%m-%d %H:%M} UTC."
        note(Tag.ROLLOVER_CERTIFICATE_MOVED, rollover, text, by)
    activate_if_due(rollover, now)


def start_now(rollover: Rollover, now: dt.datetime, by: By) -> None:
    """Use the new one at once, or from the first moment of its validity; PlanError as ``move``."""
    move(rollover, earliest_start(rollover.new.value, now), now, by)


def _planned() -> QuerySet[Rollover]:
    return _with_all(Rollover.objects.filter(state=RolloverState.PLANNED))


def _confirmed(now: dt.datetime) -> QuerySet[Rollover]:
    """Active ones that every connection confirmed, and whose overlap is over."""
    since = now - OVERLAP
    late = Q(confirmations__confirmed_at__isnull=True) | Q(confirmations__confirmed_at__gt=since)
    active = Rollover.objects.filter(state=RolloverState.ACTIVE, activated_at__lte=since)
    waiting = Rollover.objects.filter(late).values("pk")
    return _with_all(active.filter(confirmations__isnull=False).exclude(pk__in=waiting).distinct())


def _with_all(rollovers: QuerySet[Rollover]) -> QuerySet[Rollover]:
    return rollovers.order_by("pk").select_related(
        "old_certificate__connection__partner",
        "old_certificate__connection__organization",
        "new_certificate__connection__partner",
        "new_certificate__connection__organization",
        "old_pair__organization",
        "new_pair__organization",
    )
