"""Both directions of a connection's TLS in one report: ours to the partner, and theirs to us."""

import datetime as dt
from dataclasses import dataclass

from django.conf import settings
from django.utils.safestring import SafeString

from as2gateway.compliance.findings import Verdict, worst
from audit.badges import Tone, badge
from partners.admin.tls_page import TONES, Page, build
from partners.models import Connection, TLSProbe
from partners.tls.history import last_test
from partners.tls.targets import ProbeError, Target


@dataclass(frozen=True, slots=True)
class Direction:
    """One way, what it was found to be, and the test that found it."""

    name: str
    endpoint: str
    badge: SafeString
    text: str
    page: Page | None


def both_directions(connection: Connection, now: dt.datetime) -> tuple[Direction, Direction]:
    """Say of each way how its last test ended, by the connection's profile."""
    ways = {"We send to them": connection.url, "They send to us": settings.AS2_BASE_URL}
    theirs, ours = (_direction(name, url, connection, now) for name, url in ways.items())
    return theirs, ours


def own_target() -> Target | None:
    """Return our own address as partners reach it; None if it has no TLS."""
    try:
        return Target.parse(settings.AS2_BASE_URL)
    except ProbeError:
        return None


def _direction(name: str, url: str, connection: Connection, now: dt.datetime) -> Direction:
    try:
        target = Target.parse(url)
    except ProbeError as error:
        return Direction(name, url, badge(Tone.WARN, "no TLS"), str(error), None)
    row = last_test(target)
    if row is None:
        return Direction(name, str(target), badge(Tone.PLAIN, "not tested"), "", None)
    tone, word = _judged(row, connection)
    return Direction(name, str(target), badge(tone, word), row.error, build(row, now))


def _judged(row: TLSProbe, connection: Connection) -> tuple[Tone, str]:
    """Return the verdict of the connection's profile; without one, whether anything is wrong."""
    if row.error:
        return TONES[Verdict.UNKNOWN.value], "could not be tested"
    by_name = {each["profile"].split()[0]: Verdict(each["verdict"]) for each in row.verdicts}
    verdict = by_name.get(connection.profile) or worst(by_name.values()) or Verdict.UNKNOWN
    return TONES[verdict.value], verdict.value
