"""Resting: a server that cannot be reached, or never answers, is spared for a while.

However much is due for it: a dead server must not keep all workers waiting (threats SD12). It is
spared twice as long as it made us wait. Then one attempt finds out whether it is back. Messages go
to the URL of a connection, asynchronous MDNs to hosts that their messages name.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from django.db import transaction
from django.db.models import BigAutoField, DateTimeField, F, Q, QuerySet

from audit.durability import unhurried
from audit.reading import Prepared
from messages.literals import Literal
from messages.models import MDN, Attempt
from messages.models.attempts import AWAY
from partners.models import Connection

#: How long a server rests at least after an attempt that did not reach it.
REST: Final = dt.timedelta(minutes=1)
#: The longest such rest, and for how long an absence is remembered: longer than any rest.
_LONGEST_REST: Final = dt.timedelta(minutes=30)
_REMEMBERED: Final = dt.timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Absence:
    """A server that did not answer lately, and has not since: how long it rests, and why."""

    until: dt.datetime
    rest: dt.timedelta
    text: str

    @property
    def words(self) -> str:
        """What stands with whatever waits for it."""
        return f"Waits since the partner could not be reached a moment ago: {self.text}."


def absence(connection: Connection, now: dt.datetime, mdn_url: str | None = None) -> Absence | None:
    """Say whether a partner is away, or the host of its MDNs.

    Not if the connection has been changed since.
    """
    to = "message" if mdn_url is None else "mdn__message"
    where = Q() if mdn_url is None else _on_host(mdn_url)
    since = max(now - _REMEMBERED, connection.updated_at)
    asked = {"connection": connection.pk, "since": since, "now": now}
    if mdn_url is None:
        latest = _fault_of_messages.first(**asked)
    elif _fault_of_mdns.first(**asked) is None:
        return None
    else:
        latest = _faults(to, **asked).filter(where).first()
    if latest is None:
        return None
    started, ended, text = latest
    if _ended(to, connection.pk, started, now).filter(where, http_status__isnull=False).exists():
        return None
    rest = min(max(REST, 2 * (ended - started)), _LONGEST_REST)
    return Absence(ended + rest, rest, text)


def _ended(to: str, connection: Any, since: Any, now: Any) -> QuerySet[Attempt]:
    """Attempts that ended since then; not those that a clock has stamped which ran ahead."""
    ours = _of(Attempt.objects.all(), to, connection)
    return ours.filter(ended_at__gt=since, ended_at__lte=now)


def _of(rows: QuerySet[Any], to: str, connection: Any) -> QuerySet[Any]:
    """Filter by the connection of the messages that rows point to."""
    # The sum keeps SQLite from reading all messages of the connection first, for a few rows.
    found: QuerySet[Any] = rows.annotate(of=F(f"{to}__connection_id") + 0).filter(of=connection)
    return found


def _faults(to: str, connection: Any, since: Any, now: Any) -> QuerySet[Attempt, tuple[Any, ...]]:
    """Faults that show a server to be away, the latest first: when, from and to, and the words."""
    away = [Literal(each.value) for each in AWAY]
    faults = _ended(to, connection, since, now).filter(error_class__in=away)
    return faults.order_by("-ended_at").values_list("started_at", "ended_at", "error_text")


def _prepared(to: str) -> Prepared:
    """What is asked before each attempt, and mostly finds nothing."""
    return Prepared(
        lambda connection, since, now: _faults(to, connection, since, now)[:1],
        connection=BigAutoField(),
        since=DateTimeField(),
        now=DateTimeField(),
    )


_fault_of_messages = _prepared("message")
#: Whatever their host.
_fault_of_mdns = _prepared("mdn__message")


def claim_mdn(mdn: MDN, connection: Connection, now: dt.datetime, lease: dt.timedelta) -> bool:
    """Take an asynchronous MDN for one attempt; False if it is not due, or its host rests."""
    if absence(connection, now, mdn.url) is None:
        # Should the power take it, the MDN is posted again, which is legal (threats RC14).
        with unhurried():
            return mdn.claim(now, lease)
    with transaction.atomic():
        # One worker after the other: of all that is due for this host, one finds out.
        rows = Connection.objects.select_for_update(of=("self",), no_key=True)
        away = absence(rows.get(pk=connection.pk), now, mdn.url)
        due = _of(MDN.objects.all(), "message", connection.pk)
        due = due.filter(_on_host(mdn.url), due_at__lte=now)
        if away is None:
            return mdn.claim(now, lease)
        if now < away.until:
            put_off(due, away.until, failure_text=away.words)
        if not mdn.claim(now, lease):
            return False
        put_off(due, now + away.rest, failure_text=away.words)
        return True


def put_off(due: QuerySet[Any], until: dt.datetime, **words: str) -> None:
    """Let all that is due wait, except what is wanted now.

    That is what an operator sends again, and an MDN whose message has come again.
    """
    due.exclude(attempts__gt=0, forgiven_attempts=F("attempts")).update(due_at=until, **words)


def _on_host(url: str) -> Q:
    """Filter by the host and port of a URL."""
    parts = urlsplit(url)
    host = f"{parts.scheme}://{parts.netloc}"
    return Q(url=host) | Q(url__startswith=f"{host}/") | Q(url__startswith=f"{host}?")
