"""Rates: how many requests a minute are answered, of strangers and of partners (threats R3).

A stranger is whoever names a pair of AS2 names that no connection has, or sends what is no AS2
message. They are counted by address and by pair, in Redis where there is one, so that all hosts
count together. A partner has a count of its own, in each web process, since asking for each message
would cost more than it protects: no flood of strangers eats from that.
"""

import hashlib
import ipaddress
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from http import HTTPStatus
from typing import Protocol

import redis
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import transaction

from audit.recording import Subject, record
from audit.tags import Tag
from messages.intake import Refused
from partners.models import Connection

logger = logging.getLogger(__name__)

#: Seconds of a window; a count begins anew with each.
_WINDOW = 60
#: Sources counted in a process at once; the longest unseen are forgotten.
_MOST = 10_000
#: Seconds that Redis may take to count, and for which it is left alone once it did not.
_PATIENCE, _PAUSE = 0.25, 30.0
#: Seconds between two audit events of strangers, who could make up addresses without end.
_TELLING_GAP = 60.0


class Kind(StrEnum):
    """What is counted."""

    ADDRESS = "address"
    PAIR = "pair"
    PARTNER = "partner"


class Counter(Protocol):
    """Counts in windows."""

    def add(self, key: str, window: int) -> int:
        """Count one; how many there are in that window now."""


class Memory:
    """Counts in this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: OrderedDict[str, tuple[int, int]] = OrderedDict()

    def add(self, key: str, window: int) -> int:
        """See Counter."""
        with self._lock:
            then, count = self._counts.pop(key, (window, 0))
            count = count + 1 if then == window else 1
            self._counts[key] = window, count
            if len(self._counts) > _MOST:
                self._counts.popitem(last=False)
            return count


class Shared:
    """Counts in Redis, and in this process while that does not answer: it never refuses for it."""

    def __init__(self, client: redis.Redis, clock: Callable[[], float]) -> None:
        self._client = client
        self._clock = clock
        self._own = Memory()
        self._away_until = 0.0

    def add(self, key: str, window: int) -> int:
        """See Counter."""
        own = self._own.add(key, window)
        if self._clock() < self._away_until:
            return own
        name = f"as2gateway:rate:{key}:{window}"
        try:
            with self._client.pipeline(transaction=False) as steps:
                steps.incr(name)
                steps.expire(name, 2 * _WINDOW)
                return max(own, int(steps.execute()[0]))
        except (redis.RedisError, OSError) as error:
            self._away_until = self._clock() + _PAUSE
            logger.warning("strangers are counted in each process, Redis is away: %s", error)
            return own


@dataclass(frozen=True, slots=True)
class _Source:
    """Who is counted, and what is said of them when they are too many."""

    kind: Kind
    key: str
    name: str
    limit: int
    tag: Tag


class Limiter:
    """Counts requests and refuses those beyond a limit."""

    def __init__(
        self, strangers: Counter, partners: Counter, clock: Callable[[], float] = time.time
    ) -> None:
        self._counters = {Kind.ADDRESS: strangers, Kind.PAIR: strangers, Kind.PARTNER: partners}
        self._clock = clock
        self._told_at = 0.0

    def check_stranger(self, address: str | None, pair: tuple[str, str] | None) -> None:
        """Count a request that no connection stands behind. Raises Refused: 429."""
        network = _network(address)
        source = _Source(
            Kind.ADDRESS, network, network, settings.AS2_RATE_STRANGER, Tag.SENDER_RATE_EXCEEDED
        )
        self._check(source, address, None)
        if pair is None:
            return
        name = f"{pair[0]} → {pair[1]}"
        source = _Source(
            Kind.PAIR, name, name, settings.AS2_RATE_UNKNOWN_PAIR, Tag.SENDER_RATE_EXCEEDED
        )
        self._check(source, address, None)

    def check_partner(self, connection: Connection, address: str | None) -> None:
        """Count a request under a connection's names. Raises Refused: 429."""
        source = _Source(
            Kind.PARTNER,
            str(connection.pk),
            connection.partner.name,
            settings.AS2_RATE_PARTNER,
            Tag.CONNECTION_RATE_EXCEEDED,
        )
        self._check(source, address, connection)

    def _check(self, source: _Source, address: str | None, connection: Connection | None) -> None:
        if not source.limit:
            return
        now = self._clock()
        window = int(now // _WINDOW)
        # Names are a stranger's: what is kept of them has one length.
        digest = hashlib.sha256(f"{source.kind} {source.key}".encode()).hexdigest()[:32]
        count = self._counters[source.kind].add(digest, window)
        if count <= source.limit:
            return
        if count == source.limit + 1:
            self._tell(source, address, connection)
        wait = max(1, round((window + 1) * _WINDOW - now))
        raise Refused(
            HTTPStatus.TOO_MANY_REQUESTS,
            f"More than {source.limit} requests came within a minute. Please come again later.",
            ("Retry-After", str(wait)),
        )

    def _tell(self, source: _Source, address: str | None, connection: Connection | None) -> None:
        """Say so once a minute for each source, in the log; strangers' in the trail less often."""
        text = (
            f"More than {source.limit} requests a minute from the {source.kind} {source.name}: "
            "further ones are asked to come again later."
        )
        logger.warning("%s", text)
        if connection is None:
            if self._clock() - self._told_at < _TELLING_GAP:
                return
            self._told_at = self._clock()
        kind = str(source.kind)
        subject = Subject.of(connection) if connection else Subject(kind, "", source.name)
        # It says nothing that must not get lost.
        with suppress(DatabaseError), transaction.atomic():
            record(source.tag, subject, text, address=address)


def _network(address: str | None) -> str:
    """What counts as one address: of IPv6 the network, in which a host may have any number."""
    try:
        found = ipaddress.ip_address(address or "")
    except ValueError:
        return "unknown"
    if found.version == 4:  # noqa: PLR2004  the version of IP
        return str(found)
    return str(ipaddress.ip_network((found, 64), strict=False))


@cache
def get_limiter() -> Limiter:
    """The limiter of this process."""
    strangers: Counter = Memory()
    if settings.AS2_REDIS_URL:
        waits = {"socket_timeout": _PATIENCE, "socket_connect_timeout": _PATIENCE}
        client = redis.Redis.from_url(settings.AS2_REDIS_URL, **waits)
        strangers = Shared(client, time.monotonic)
    return Limiter(strangers, Memory())
