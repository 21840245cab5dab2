"""Sightings of what is not taken: counted in bounded lists, and nothing else of it is kept.

Whoever finds the URL can make up names without end. So both the writes and the rows are limited;
what comes too often is counted in memory and written with the next write (threats R3).
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from partners.models.sightings import Sighting

Pair = tuple[str, str]

#: Rows in a list, the longest unseen go first; pairs kept in memory, too.
MOST = 1000
#: Seconds between two writes for one pair.
_PAIR_GAP = 10.0
#: Writes a second on average, and how many may come at once.
_RATE, _BURST = 1.0, 20.0


class Throttle:
    """Says when a pair's sightings are to be written, and how many there were since."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._written: OrderedDict[Pair, tuple[float, int]] = OrderedDict()
        self._tokens, self._at = _BURST, clock()

    def see(self, pair: Pair) -> int:
        """Count a sighting; how many to write now, 0 = none yet."""
        with self._lock:
            now = self._clock()
            self._tokens = min(_BURST, self._tokens + (now - self._at) * _RATE)
            self._at = now
            last, pending = self._written.pop(pair, (-_PAIR_GAP, 0))
            writes = now - last >= _PAIR_GAP and self._tokens >= 1
            self._tokens -= writes
            self._written[pair] = (now, 0) if writes else (last, pending + 1)
            while len(self._written) > MOST:
                self._written.popitem(last=False)
            return pending + 1 if writes else 0


def count(
    model: type[Sighting], names: Mapping[str, object], sightings: int, **latest: object
) -> None:
    """Add to the row of these names, or write one; ``latest`` is what the last one was like."""
    now = timezone.now()
    rows = model._default_manager  # noqa: SLF001  Django's public API
    if rows.filter(**names).update(count=F("count") + sightings, last_seen=now, **latest):
        return
    try:
        with transaction.atomic():
            rows.create(**names, **latest, count=sightings, first_seen=now, last_seen=now)
            _forget_oldest(model)
    except IntegrityError:
        return  # another process has just written the same: near enough


def _forget_oldest(model: type[Sighting]) -> None:
    rows = model._default_manager  # noqa: SLF001  Django's public API
    newest_first = rows.order_by("-last_seen", "-pk").values_list("pk", flat=True)
    rows.filter(pk__in=list(newest_first[MOST : MOST + 100])).delete()
