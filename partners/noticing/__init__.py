"""Noticing: what has to be reminded of at a moment. Rows and a clock in, notices out, once each.

The step of a reminder is part of its key. A scheduler that was down, or is started again, makes
none twice, and of the steps that passed meanwhile only the last.
"""

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Final

from audit.tags import Tag
from partners.models import Notice
from partners.noticing.deadlines import of_deadlines
from partners.noticing.ends import of_ends
from partners.noticing.keeping import keep
from partners.noticing.renewals import of_renewals
from partners.noticing.silence import of_silence
from partners.noticing.steps import STEPS, step_of

_SOURCES: Final[dict[Callable[[dt.datetime], Iterator[Notice]], Tag]] = {
    of_ends: Tag.CERTIFICATE_END_NOTICED,
    of_silence: Tag.CERTIFICATE_END_NOTICED,
    of_deadlines: Tag.CONNECTION_DEADLINE_NOTICED,
    of_renewals: Tag.PARTNER_RENEWAL_NOTICED,
}


def make_notices(now: dt.datetime) -> list[Notice]:
    """Write down the notices that are due and are not there yet; return the new ones."""
    wanted = [(notice, tag) for source, tag in _SOURCES.items() for notice in source(now)]
    keys = [notice.key for notice, _ in wanted]
    known = set(Notice.objects.filter(key__in=keys).values_list("key", flat=True))
    return [notice for notice, tag in wanted if notice.key not in known and keep(notice, tag)]


__all__ = ["STEPS", "make_notices", "step_of"]
