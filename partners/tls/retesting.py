"""Retesting: endpoints of active connections, and our own, are tested again by the clock.

Partners switch old versions off, suites on and certificates over without a word. What has changed
since the test before is told by a notice; the rules of profiles see the new test at once.
"""

import datetime as dt
import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Final

from django.conf import settings
from django.utils import timezone

from as2gateway.compliance.findings import Verdict
from as2gateway.tls.report import Report
from partners.compliance import verdicts
from partners.models import Connection, ConnectionState, TLSProbe
from partners.noticing.endpoints import TLSChange, note_changed
from partners.tls.contexts import ClientPolicy, TLSSettingsError, client_policy
from partners.tls.history import PAGE_LIMITS, SCHEDULE, Asking, run_test
from partners.tls.targets import ProbeError, Target

#: Endpoints that one run tests: each may take most of a minute.
AT_ONCE: Final = 10
#: By which part of the interval endpoints are spread, so that not all are tested in one hour.
_SPREAD: Final = 0.2
_RANK: Final = {verdict.value: rank for rank, verdict in enumerate(Verdict)}

Endpoints = dict[Target, list[Connection]]


def endpoints() -> Endpoints:
    """Return what is tested, and which connections send there; none send to our own address."""
    found: Endpoints = defaultdict(list)
    active = Connection.objects.filter(state=ConnectionState.ACTIVE)
    for connection in active.select_related("organization", "partner").order_by("pk"):
        if target := _target(connection.url):
            found[target].append(connection)
    if own := _target(settings.AS2_BASE_URL):
        found.setdefault(own, [])
    return dict(found)


def retest(now: dt.datetime) -> int:
    """Test the endpoints that are due, some at once; how many were tested."""
    hours = settings.AS2_TLS_TEST_HOURS
    if not hours:
        return 0
    known = endpoints()
    due = [each for each in known if _is_due(each, now, dt.timedelta(hours=hours))][:AT_ONCE]
    for target in due:
        _test(target, known[target])
    return len(due)


def _target(url: str) -> Target | None:
    try:
        return Target.parse(url) if url.lower().startswith("https:") else None
    except ProbeError:
        return None  # its own page says what is wrong with it


def _is_due(target: Target, now: dt.datetime, interval: dt.timedelta) -> bool:
    tests = TLSProbe.objects.filter(host=target.host, port=target.port)
    last = tests.values_list("started_at", flat=True).first()
    return last is None or last + interval * (1 + _SPREAD * _share(target)) <= now


def _share(target: Target) -> float:
    """Return a number from 0 to 1 that belongs to an endpoint, the same in each process."""
    return hashlib.sha256(str(target).encode()).digest()[0] / 255


def _test(target: Target, connections: list[Connection]) -> None:
    earlier = TLSProbe.objects.filter(host=target.host, port=target.port, ended_at__isnull=False)
    before = earlier.first()
    asking = Asking(SCHEDULE, allow_private=settings.AS2_TLS_PROBE_ALLOW_PRIVATE)
    now = timezone.now()
    row = run_test(target, _policy(connections, now), asking, PAGE_LIMITS)
    concerned = connections or list(Connection.objects.all())
    if before is not None:
        profiles = {each.profile for each in concerned if each.profile}
        lines = list(changes(before, row, profiles))
        if lines:
            worse = any(is_worse for _, is_worse in lines)
            texts = tuple(f"- {text}" for text, _ in lines)
            note_changed(TLSChange(row.pk, str(target), texts, tuple(connections), worse), now)
    verdicts.reevaluate(verdicts.affected_by(concerned), now)


def _policy(connections: Iterable[Connection], now: dt.datetime) -> ClientPolicy:
    """Test as messages are sent; settings that contradict each other are told elsewhere."""
    for connection in connections:
        try:
            return client_policy(connection, now)
        except TLSSettingsError:
            continue
    return ClientPolicy()


def changes(before: TLSProbe, after: TLSProbe, profiles: set[str]) -> Iterator[tuple[str, bool]]:
    """Say what differs between two tests, and whether it is for the worse."""
    if before.error != after.error:
        yield after.error or "It can be tested again.", bool(after.error)
    if not before.facts or not after.facts:
        return
    old, new = Report.from_plain(before.facts), Report.from_plain(after.facts)
    if old.sending.succeeded != new.sending.succeeded:
        works = new.sending.succeeded
        text = "Messages can be sent again" if works else "Messages cannot be sent any more"
        yield f"{text}: {new.sending.error or new.sending.version}.", not works
    yield from _versions(old, new)
    was, shown = old.certificate, new.certificate
    if was and shown and was.fingerprint != shown.fingerprint:
        yield f"New TLS certificate: {shown.subject}, until {shown.not_after:%Y-%m-%d}.", False
    yield from _verdicts(before, after, profiles)


def _versions(old: Report, new: Report) -> Iterator[tuple[str, bool]]:
    was = {each.name: each.accepted for each in old.versions}
    for version in new.versions:
        # Not known, then and now, is no change: it may have been too busy to say.
        known = version.accepted is not None and was.get(version.name) is not None
        if known and version.accepted != was[version.name]:
            yield f"{version.name} is {'taken' if version.accepted else 'refused'} now.", False


def _verdicts(before: TLSProbe, after: TLSProbe, profiles: set[str]) -> Iterator[tuple[str, bool]]:
    was = {each["profile"].split()[0]: each["verdict"] for each in before.verdicts}
    for each in after.verdicts:
        name = each["profile"].split()[0]
        old, new = was.get(name), each["verdict"]
        if name in profiles and old is not None and old != new:
            yield f"Profile {each['profile']}: {old} before, {new} now.", _RANK[new] < _RANK[old]
