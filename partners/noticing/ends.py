"""Ends: certificates of ours and theirs that run out, and API keys that are to be changed."""

import datetime as dt
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from partners import api_keys
from partners.models import (
    CertificateFacts,
    Connection,
    Notice,
    Organization,
    Partner,
    PartnerCertificate,
    in_use,
)
from partners.models.certificates import Facts
from partners.noticing.keeping import administrators
from partners.noticing.steps import step_of

#: From which step on the lack of a successor is urgent, and the partner is asked for one.
URGENT: Final = 30
#: From which step on every administrator is told of that, too.
ALARM: Final = 7


@dataclass(frozen=True, slots=True)
class End:
    """Something that comes to its end, and whether there is something after it."""

    key: str
    what: str
    ends_at: dt.datetime
    organization: Organization | None
    partner: Partner | None
    fingerprint: str
    #: what follows, in words; "" if nothing is planned
    successor: str


def of_ends(now: dt.datetime) -> Iterator[Notice]:
    """Remind of each end at its steps."""
    for end in (*_ours(now), *_theirs(now), *_api_keys()):
        step = step_of(end.ends_at, now)
        if step is not None:
            yield _notice(end, step, now)


def _notice(end: End, step: int, now: dt.datetime) -> Notice:
    urgent = not end.successor and step <= URGENT
    days = math.floor((end.ends_at - now) / dt.timedelta(days=1))
    when = f"ends on {end.ends_at:%Y-%m-%d %H:%M} UTC" if days >= 0 else "has ended"
    next_one = end.successor or "No successor is planned. Plan one now, so that both can overlap."
    return Notice(
        key=f"{end.key}/{step}",
        urgent=urgent,
        title=f"{'URGENT: ' if urgent else ''}{end.what} {when}"[:300],
        text=f"{end.what} {when} ({max(days, 0)} days left).\n{next_one}\n",
        organization=end.organization,
        partner=end.partner,
        fingerprint=end.fingerprint,
        days_left=days,
        recipients=_recipients(end, step, urgent=urgent),
        created_at=now,
    )


def _recipients(end: End, step: int, *, urgent: bool) -> list[str]:
    found = [end.organization.email if end.organization else ""]
    theirs = end.partner is not None and end.key.startswith("certificate/")
    if urgent and theirs and end.partner:
        found.append(end.partner.email)
    if (urgent and step <= ALARM) or not end.organization:
        found += administrators()
    return [each for each in dict.fromkeys(found) if each]


def _ours(now: dt.datetime) -> Iterator[End]:
    for owner in Organization.objects.prefetch_related("keys"):
        pairs = list(owner.keys.all())
        for pair in used_of(pairs, ("signs", "decrypts"), now):
            yield End(
                key=f"key/{owner.pk}/{pair.fingerprint[:32]}",
                what=f"Our certificate {pair.name} of {owner} ({pair.subject})",
                ends_at=pair.not_after,
                organization=owner,
                partner=None,
                fingerprint=pair.fingerprint,
                successor=successor_of(pair, pairs, ("signs", "decrypts")),
            )


def _theirs(now: dt.datetime) -> Iterator[End]:
    """Give each certificate once, though test and production may both have it."""
    found: dict[tuple[int, int, str], list[tuple[PartnerCertificate, str]]] = defaultdict(list)
    uses = ("verifies", "encrypts", "tls")
    rows = Connection.objects.select_related("organization", "partner")
    for connection in rows.prefetch_related("certificates"):
        certificates = list(connection.certificates.all())
        for row in used_of(certificates, uses, now):
            row.connection = connection
            key = (connection.organization_id, connection.partner_id, row.fingerprint)
            found[key].append((row, successor_of(row, certificates, uses)))
    for (owner, company, fingerprint), same in found.items():
        row, connection = same[0][0], same[0][0].connection
        names = ", ".join(f"{each.connection} ({each.connection.environment})" for each, _ in same)
        yield End(
            key=f"certificate/{owner}/{company}/{fingerprint[:32]}",
            what=f"The certificate of {connection.partner} for {names} ({row.subject})",
            ends_at=row.not_after,
            organization=connection.organization,
            partner=connection.partner,
            fingerprint=fingerprint,
            # Where one of several has none, that is what has to be said.
            successor=min((successor for _, successor in same), key=bool),
        )


def _api_keys() -> Iterator[End]:
    for row in api_keys.in_service():
        if row.rotate_at is not None:
            yield End(
                key=f"api-key/{row.pk}",
                what=f"The time to change the API key {row}",
                ends_at=row.rotate_at,
                organization=None,
                partner=row.partner,
                fingerprint=row.fingerprint,
                successor="",
            )


def used_of(rows: Iterable[Facts], uses: Iterable[str], now: dt.datetime) -> list[Facts]:
    """Return the rows that are used for something now: of each use, the latest to have started."""
    chosen = (in_use([row for row in rows if getattr(row, use)], now)[:1] for use in uses)
    return list(dict.fromkeys(row for each in chosen for row in each))


def successor_of(
    row: CertificateFacts, rows: Iterable[CertificateFacts], uses: Iterable[str]
) -> str:
    """Say what takes over before the end, for everything that the row is used for."""
    needed = {use for use in uses if getattr(row, use)}
    for other in rows:
        if (
            row.activates_at < other.activates_at < row.not_after < other.not_after
            and other.is_accepted(row.not_after)
            and all(getattr(other, use) for use in needed)
        ):
            return (
                f"Its successor {other.subject} starts on {other.activates_at:%Y-%m-%d %H:%M} UTC."
            )
    return ""
