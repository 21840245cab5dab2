"""Open things: what partners and their certificates, profiles and endpoints leave to be done.

One list for the start page and for a digest; empty when all is well.
"""

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from django.urls import reverse

from as2gateway.compliance.findings import Verdict
from audit.badges import Tone
from audit.links import list_of, page_of
from partners import api_keys, renewals, suspending
from partners.access.visibility import (
    BY_CONNECTION,
    Anybody,
    Reach,
    limit,
    sees_everything,
    visible_partners,
)
from partners.models import Compliance, FailedHandshake, TLSProbe
from partners.tls.retesting import endpoints
from partners.tls.targets import Target

#: How old the last test of an endpoint may be.
_TESTED = dt.timedelta(days=7)
#: How long a handshake that failed is news.
_LATELY = dt.timedelta(days=1)
#: Days before a deadline, and before an API key's end, from which they are shown.
_AHEAD = dt.timedelta(days=30)
_BY_PARTNER = Reach("partner", visible_partners)


@dataclass(frozen=True, slots=True)
class OpenThing:
    """Something that waits for somebody: in words, how bad it is, and where to go."""

    kind: str
    tone: Tone
    title: str
    link: str
    #: by when; None = now
    due_at: dt.datetime | None = None


def open_things(user: Anybody, now: dt.datetime) -> list[OpenThing]:
    """List what the user may see of it, the worst first, then by date."""
    found: list[OpenThing] = []
    for kind, source in _SOURCES.items():
        if user.has_perm(f"partners.view_{kind}"):  # type: ignore[union-attr]  # of every user that can log in here
            found += source(user, now)
    far = dt.datetime.max.replace(tzinfo=dt.UTC)
    return sorted(found, key=lambda each: (each.tone is not Tone.BAD, each.due_at or far))


def _suspensions(user: Anybody, _now: dt.datetime) -> Iterator[OpenThing]:
    for row in limit(suspending.open_suspensions(), user, BY_CONNECTION):
        title = f"{row.connection.partner} has refused {row.refusals} messages in a row"
        yield OpenThing("suspension", Tone.BAD, title, page_of(row))


def _renewals(user: Anybody, now: dt.datetime) -> Iterator[OpenThing]:
    for row in limit(renewals.open_renewals(), user, _BY_PARTNER):
        tone = Tone.BAD if row.due_at <= now else Tone.WARN
        yield OpenThing("renewal", tone, str(row), page_of(row), row.due_at)


def _compliance(user: Anybody, now: dt.datetime) -> Iterator[OpenThing]:
    """Give what is red, and what turns red soon."""
    related = ("connection__organization", "connection__partner")
    for row in limit(Compliance.objects.select_related(*related), user, BY_CONNECTION):
        link = page_of(row.connection)
        name = f"{row.connection} ({row.connection.environment})"
        day = row.deadline
        due = dt.datetime.combine(day, dt.time(), dt.UTC) if day else None
        if row.verdict == Verdict.ERROR:
            title = f"{name} falls short of {row.profile}; the partner may suspend the traffic"
            yield OpenThing("compliance", Tone.BAD, title, link, due)
        elif due and now < due <= now + _AHEAD:
            title = f"{name} will fall short from {day} on"
            yield OpenThing("deadline", Tone.WARN, title, link, due)


def _api_keys(user: Anybody, now: dt.datetime) -> Iterator[OpenThing]:
    for row in limit(api_keys.in_service(), user, _BY_PARTNER):
        if row.rotate_at and row.rotate_at <= now + _AHEAD:
            tone = Tone.BAD if row.rotate_at <= now else Tone.WARN
            yield OpenThing(
                "api-key", tone, f"API key {row} is to be changed", page_of(row), row.rotate_at
            )


def _endpoints(user: Anybody, now: dt.datetime) -> Iterator[OpenThing]:
    """Give endpoints whose last test says that nothing can be sent there."""
    if not sees_everything(user):
        return
    known, seen = endpoints(), set[Target]()
    tests = TLSProbe.objects.filter(started_at__gt=now - _TESTED, facts__isnull=False)
    for pk, host, port, error in tests.values_list("pk", "host", "port", "facts__sending__error"):
        target = Target(host, port)
        if target in seen or target not in known:
            continue
        seen.add(target)
        if error:
            whose = ", ".join(dict.fromkeys(str(each.partner) for each in known[target]))
            title = f"TLS of {target} ({whose or 'our own'}) does not work: {error}"
            page = reverse("admin:partners_tlsprobe_change", args=(pk,))
            yield OpenThing("tls", Tone.BAD, title, page)


def _handshakes(user: Anybody, now: dt.datetime) -> Iterator[OpenThing]:
    if not sees_everything(user):
        return
    rows = FailedHandshake.objects.filter(last_seen__gt=now - _LATELY)
    addresses = rows.order_by().values("address").distinct().count()
    if addresses:
        link = list_of("partners", "failedhandshake")
        title = f"{addresses} addresses failed to agree on TLS with us since yesterday"
        yield OpenThing("handshakes", Tone.WARN, title, link)


#: Where they come from, by the model whose pages a user has to be allowed to see.
_SOURCES: Final[dict[str, Callable[[Anybody, dt.datetime], Iterator[OpenThing]]]] = {
    "suspension": _suspensions,
    "renewal": _renewals,
    "compliance": _compliance,
    "apikeypair": _api_keys,
    "tlsprobe": _endpoints,
    "failedhandshake": _handshakes,
}
