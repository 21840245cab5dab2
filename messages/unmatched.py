"""Unmatched MDNs: anybody can send those, so they are kept in bounded number, and not for ever.

They are about no message of ours: nothing is lost with their rows. Files go before them: a crash in
between leaves names of files that are gone, and the next run finishes them (``retention``).
"""

import datetime as dt
import logging
import time
from typing import Final

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from audit.recording import Subject, record
from audit.tags import Tag
from messages.literals import Literal
from messages.models import MDN, MDNState
from messages.retention import kept_since
from messages.store import get_store

logger = logging.getLogger(__name__)

#: MDNs in an hour that match nothing and are kept all the same.
MOST_AN_HOUR: Final = 1000
#: Rows that are deleted in one transaction.
_BATCH: Final = 200
#: Seconds after which the rest waits for the next run: more than an hour's MDNs take.
_ENOUGH: Final = 120.0


def are_too_many(now: dt.datetime) -> bool:
    """Whether one more that comes now is not to be kept."""
    recent = _unmatched().filter(created_at__gt=now - dt.timedelta(hours=1))
    return recent.count() >= MOST_AN_HOUR


def purge(now: dt.datetime) -> int:
    """Delete those that are older than documents are kept (AS2_KEEP_DAYS); how many."""
    days: int = settings.AS2_KEEP_DAYS
    before = kept_since(now, days)
    if before is None:
        return 0
    end, total = time.monotonic() + _ENOUGH, 0
    # What came in the answer to a message of ours, and proves nothing about it, stays with it.
    old = _unmatched().filter(message__isnull=True, created_at__lt=before)
    while time.monotonic() < end:
        batch = list(old.order_by("created_at")[:_BATCH])
        if not batch:
            break
        for mdn in batch:
            if mdn.body_key:
                get_store().delete(mdn.body_key)
        with transaction.atomic():
            MDN.objects.filter(pk__in=[mdn.pk for mdn in batch]).delete()
        total += len(batch)
    if total:
        text = f"Purged {total} MDNs that matched nothing and came more than {days} days ago."
        record(Tag.MESSAGE_FILES_PURGED, Subject("mdn", "", "unmatched"), text)
        logger.info("%s", text)
    return total


def _unmatched() -> QuerySet[MDN]:
    # In the words of the index.
    return MDN.objects.filter(state=Literal(MDNState.UNMATCHED.value))
