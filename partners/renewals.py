"""Renewals: certificates that partners have announced, as things to be done.

A mail comes in; somebody opens a renewal on the partner's page. It is closed by the change that it
asked for, or set aside by hand.
"""

import datetime as dt
from collections.abc import Iterable

from django.db import IntegrityError, models, transaction

from audit.recording import Subject, record
from audit.tags import Tag
from partners.models import (
    OPEN_STATES,
    Partner,
    PartnerCertificate,
    Renewal,
    Rollover,
    RolloverState,
    in_use,
)
from partners.rollover.recording import By

#: Days until it is due where the partner has no certificate whose end would say it.
_DEFAULT = dt.timedelta(days=30)


def open_renewals() -> models.QuerySet[Renewal]:
    """Return what is still to be done, the most pressing first."""
    return Renewal.objects.filter(closed_at__isnull=True).select_related("partner")


def due_by_default(partner: Partner, now: dt.datetime) -> dt.datetime:
    """Return when the first of the certificates ends that are used now."""
    ends = []
    for connection in partner.connections.prefetch_related("certificates"):
        rows: list[PartnerCertificate] = list(connection.certificates.all())
        ends += [row.not_after for row in in_use(rows, now)[:1] if row.not_after > now]
    return min(ends, default=now + _DEFAULT)


def announce(partner: Partner, due_at: dt.datetime, note: str, now: dt.datetime, by: By) -> Renewal:
    """Open a renewal; of a partner that has an open one, that one is returned as it is."""
    row = Renewal(
        partner=partner, due_at=due_at, note=note, opened_at=now, opened_by=by.actor[:150]
    )
    try:
        with transaction.atomic():
            row.save()
            data = {"due_at": due_at.isoformat(), "note": note}
            _record(row, Tag.PARTNER_RENEWAL_ANNOUNCED, str(row), by, data)
    except IntegrityError:
        return Renewal.objects.get(partner=partner, closed_at__isnull=True)
    return row


def set_aside(row: Renewal, now: dt.datetime, by: By) -> bool:
    """Close a renewal that needs no change here; False if it is closed already."""
    return _close(row, now, by)


def planned(rollovers: Iterable[Rollover], now: dt.datetime, by: By) -> None:
    """Close the renewal that these changes of a partner's certificate answer, if all are there.

    The old certificate may be used by test and production: both have to change.
    """
    for rollover in rollovers:
        old = rollover.old_certificate
        if old is None:
            continue
        for row in open_renewals().filter(partner=old.connection.partner_id):
            if not _still_used(row, old.fingerprint, now):
                _close(row, now, by, rollover)


def _still_used(row: Renewal, fingerprint: str, now: dt.datetime) -> bool:
    """Whether the old certificate is used by a connection that has no successor planned."""
    same = PartnerCertificate.objects.filter(
        connection__partner=row.partner_id, fingerprint=fingerprint
    )
    left = same.exclude(successions__state__in=[*OPEN_STATES, RolloverState.DONE])
    return any(each.is_accepted(now) for each in left)


def _close(row: Renewal, now: dt.datetime, by: By, rollover: Rollover | None = None) -> bool:
    why = "the change is planned" if rollover else "set aside"
    with transaction.atomic():
        still_open = Renewal.objects.filter(pk=row.pk, closed_at__isnull=True)
        if not still_open.update(closed_at=now, closed_by=by.actor[:150], rollover=rollover):
            return False
        _record(row, Tag.PARTNER_RENEWAL_CLOSED, f"{row}: {why}", by, {"why": why})
    return True


def _record(row: Renewal, tag: Tag, text: str, by: By, data: dict[str, str]) -> None:
    subject = Subject.of(row.partner)
    record(tag, subject, text, data=data, actor=by.actor, address=by.address)
