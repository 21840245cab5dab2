"""Noticing: what has to be reminded of at a moment. Rows and a clock in, notices out, once each.

The step of a reminder is part of its key. A scheduler that was down, or is started again, makes
none twice, and of the steps that passed meanwhile only the last.
"""

import datetime as dt
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import Prefetch

from audit.recording import Subject, record
from audit.tags import Tag
from partners import api_keys
from partners.models import (
    CertificateFacts,
    Confirmation,
    Connection,
    KeyPair,
    Notice,
    Organization,
    Partner,
    PartnerCertificate,
    Rollover,
    RolloverState,
    in_use,
)
from partners.models.certificates import Facts

#: Days before the end of a certificate; 0 is its end.
STEPS: Final = (0, 1, 3, 7, 14, 30, 60, 90)
#: From which step on the lack of a successor is urgent, and the partner is asked for one.
URGENT: Final = 30
#: From which step on every administrator is told of that, too.
ALARM: Final = 7
#: Days before a rollover starts, and (negative) after, at which those who are silent are named.
SILENCE: Final = (-14, -3, 1, 7)


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


def make_notices(now: dt.datetime) -> list[Notice]:
    """Write down the notices that are due and are not there yet; return the new ones."""
    wanted = [*_of_ends(now), *_of_silence(now)]
    known = set(
        Notice.objects.filter(key__in=[each.key for each in wanted]).values_list("key", flat=True)
    )
    return [each for each in wanted if each.key not in known and _keep(each)]


def step_of(ends_at: dt.datetime, now: dt.datetime) -> int | None:
    """Return the last step that has been reached; None if the end is far away."""
    days = max(math.ceil((ends_at - now) / dt.timedelta(days=1)), 0)
    return next((step for step in STEPS if days <= step), None)


def _keep(notice: Notice) -> bool:
    """Save a notice with its event; False if another process was faster."""
    with transaction.atomic():
        row, created = Notice.objects.get_or_create(
            key=notice.key,
            defaults={
                field.attname: getattr(notice, field.attname)
                for field in Notice._meta.concrete_fields  # noqa: SLF001 - Django's public API
                if not field.primary_key and field.attname != "key"
            },
        )
        if created:
            notice.pk = row.pk
            facts = {"days_left": row.days_left, "urgent": row.urgent, "of": row.fingerprint}
            record(Tag.CERTIFICATE_END_NOTICED, Subject.of(row), row.title, data=facts)
    return created


def _of_ends(now: dt.datetime) -> Iterator[Notice]:
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
        found += _administrators()
    return [each for each in dict.fromkeys(found) if each]


def _administrators() -> list[str]:
    users = get_user_model().objects.filter(is_superuser=True, is_active=True)
    return list(users.exclude(email="").order_by("pk").values_list("email", flat=True))


def _ours(now: dt.datetime) -> Iterator[End]:
    for owner in Organization.objects.prefetch_related("keys"):
        pairs = list(owner.keys.all())
        for pair in _used(pairs, ("signs", "decrypts"), now):
            yield End(
                key=f"key/{owner.pk}/{pair.fingerprint[:32]}",
                what=f"Our certificate {pair.name} of {owner} ({pair.subject})",
                ends_at=pair.not_after,
                organization=owner,
                partner=None,
                fingerprint=pair.fingerprint,
                successor=_successor(pair, pairs, ("signs", "decrypts")),
            )


def _theirs(now: dt.datetime) -> Iterator[End]:
    """Give each certificate once, though test and production may both have it."""
    found: dict[tuple[int, int, str], list[tuple[PartnerCertificate, str]]] = defaultdict(list)
    uses = ("verifies", "encrypts", "tls")
    rows = Connection.objects.select_related("organization", "partner")
    for connection in rows.prefetch_related("certificates"):
        certificates = list(connection.certificates.all())
        for row in _used(certificates, uses, now):
            row.connection = connection
            key = (connection.organization_id, connection.partner_id, row.fingerprint)
            found[key].append((row, _successor(row, certificates, uses)))
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


def _used(rows: Iterable[Facts], uses: Iterable[str], now: dt.datetime) -> list[Facts]:
    """Return the rows that are used for something now: of each use, the latest to have started."""
    chosen = (in_use([row for row in rows if getattr(row, use)], now)[:1] for use in uses)
    return list(dict.fromkeys(row for each in chosen for row in each))


def _successor(row: CertificateFacts, rows: Iterable[CertificateFacts], uses: Iterable[str]) -> str:
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


def _of_silence(now: dt.datetime) -> Iterator[Notice]:
    """Name who has not said yes before a rollover of ours, or not used it some days after."""
    pairs = Prefetch(
        "confirmations",
        Confirmation.objects.select_related("connection__organization", "connection__partner"),
    )
    open_ones = Rollover.objects.filter(
        state__in=[RolloverState.PLANNED, RolloverState.ACTIVE], new_pair__isnull=False
    )
    for rollover in open_ones.select_related("new_pair__organization", "old_pair").prefetch_related(
        pairs
    ):
        days = math.ceil((rollover.starts_at - now) / dt.timedelta(days=1))
        step = next((each for each in SILENCE if days <= each), None)
        silent = [each for each in rollover.confirmations.all() if _is_silent(each, step)]
        if step is not None and silent and rollover.new_pair is not None:
            yield _of_silent(rollover, rollover.new_pair, silent, step, now)


def _is_silent(row: Confirmation, step: int | None) -> bool:
    if step is not None and step > 0:
        return row.acknowledged_at is None and row.confirmed_at is None
    return row.confirmed_at is None


def _of_silent(
    rollover: Rollover, pair: KeyPair, silent: list[Confirmation], step: int, now: dt.datetime
) -> Notice:
    lines = [f"- {each.connection.partner}: {each.connection} ({each.step})" for each in silent]
    asked = "acknowledged" if step > 0 else "used"
    names = ", ".join(each.connection.as2_id for each in silent)
    title = f"Our new certificate {pair.name} is not {asked} yet: {names}"
    start = f"It is used from {rollover.starts_at:%Y-%m-%d %H:%M} UTC on."
    return Notice(
        key=f"rollover/{rollover.pk}/{step}",
        urgent=step <= 1,
        title=title[:300],
        text="\n".join([f"{title}. {start}", *lines, ""]),
        organization=pair.organization,
        fingerprint=pair.fingerprint,
        days_left=math.ceil((rollover.starts_at - now) / dt.timedelta(days=1)),
        recipients=[pair.organization.email] if pair.organization.email else [],
        created_at=now,
    )
