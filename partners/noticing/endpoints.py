"""Endpoints: what has changed in TLS, at a partner's or at ours, and what partners still use."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from audit.tags import Tag
from partners.models import Connection, Notice, Organization
from partners.noticing.keeping import administrators, keep


def note_old_tls(connection: Connection, version: str, now: dt.datetime) -> bool:
    """Tell once of each connection that messages come by an old version; whether it is news."""
    title = f"{connection.partner} connects to us by {version}, which is forbidden (RFC 8996)"
    notice = Notice(
        key=f"arriving-tls/{connection.pk}/{version}",
        title=title[:300],
        text=f"{title}.\nA message for {connection} came that way. Ask them to switch TLS 1.2 or "
        "1.3 on; then switch the old versions off at your proxy, and nobody can use them.\n",
        organization=connection.organization,
        partner=connection.partner,
        days_left=0,
        recipients=_recipients([connection.organization]),
        created_at=now,
    )
    if Notice.objects.filter(key=notice.key).exists():
        return False
    return keep(notice, Tag.ENDPOINT_TLS_NOTICED)


@dataclass(frozen=True, slots=True)
class TLSChange:
    """A test that ended otherwise than the one before it."""

    #: the new test's row
    pk: int
    target: str
    lines: tuple[str, ...]
    #: connections that send there; none if it is our own address
    connections: tuple[Connection, ...]
    worse: bool


def note_changed(change: TLSChange, now: dt.datetime) -> bool:
    """Tell of it by mail and on the pages."""
    first = change.connections[0] if change.connections else None
    whose = ", ".join(dict.fromkeys(str(link.partner) for link in change.connections))
    how = "is worse than before" if change.worse else "is not as it was"
    title = f"TLS of {change.target} ({whose or 'our own address'}) {how}"
    notice = Notice(
        key=f"tls-test/{change.pk}",
        urgent=change.worse,
        title=f"{'URGENT: ' if change.worse else ''}{title}"[:300],
        text="\n".join([f"{title}. The scheduled test has found:", *change.lines, ""]),
        partner=first.partner if first else None,
        organization=first.organization if first else None,
        days_left=0,
        recipients=_recipients(link.organization for link in change.connections),
        created_at=now,
    )
    return keep(notice, Tag.ENDPOINT_TLS_NOTICED)


def _recipients(owners: Iterable[Organization]) -> list[str]:
    told = sorted({owner.email for owner in owners if owner.email})
    return told or administrators()
