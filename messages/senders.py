"""Senders: names that no connection has. Counted in a bounded list, and nothing else is kept.

Whoever finds the URL can make up names without end. So both the writes and the rows are limited;
what comes too often is counted in memory and written with the next write (threats R3).
"""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from messages.models import UnknownSender

logger = logging.getLogger(__name__)

Pair = tuple[str, str]

#: Rows in the list, the longest unseen go first; pairs kept in memory, too.
_MOST = 1000
#: Seconds between two writes for one pair of names.
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
            while len(self._written) > _MOST:
                self._written.popitem(last=False)
            return pending + 1 if writes else 0


_throttle = Throttle()


def note_unknown(as2_from: str, as2_to: str, address: str | None) -> None:
    """Count a message of names that are not configured; at most a few writes a second."""
    sightings = _throttle.see((as2_from, as2_to))
    if not sightings:
        return
    logger.warning("unknown AS2 names %r -> %r from %s", as2_from, as2_to, address)
    now = timezone.now()
    row = UnknownSender.objects.filter(as2_from=as2_from, as2_to=as2_to)
    if row.update(count=F("count") + sightings, last_seen=now, address=address):
        return
    try:
        with transaction.atomic():
            UnknownSender.objects.create(
                as2_from=as2_from,
                as2_to=as2_to,
                address=address,
                count=sightings,
                first_seen=now,
                last_seen=now,
            )
            _forget_oldest()
    except IntegrityError:
        return  # another process has just written the pair: near enough


def _forget_oldest() -> None:
    newest_first = UnknownSender.objects.order_by("-last_seen", "-pk")
    surplus = list(newest_first.values_list("pk", flat=True)[_MOST : _MOST + 100])
    UnknownSender.objects.filter(pk__in=surplus).delete()
