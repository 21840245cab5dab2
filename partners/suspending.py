"""Suspending: connections whose partner refuses everything. Proposed here, decided by a person."""

import datetime as dt

from django.db import IntegrityError, models, transaction

from audit.recording import Subject, record
from audit.tags import Tag
from partners.changes import compare, record_change, settings_of
from partners.models import Connection, ConnectionState, Notice, Suspension
from partners.noticing.keeping import administrators, keep
from partners.rollover.recording import By


def open_suspensions() -> models.QuerySet[Suspension]:
    """Return the proposals that wait for a decision."""
    rows = Suspension.objects.filter(closed_at__isnull=True)
    return rows.select_related("connection__organization", "connection__partner")


def propose(connection: Connection, refusals: int, reason: str, now: dt.datetime) -> bool:
    """Propose to suspend a connection, and tell by mail; False if that is proposed already."""
    row = Suspension(connection=connection, refusals=refusals, reason=reason, proposed_at=now)
    try:
        with transaction.atomic():
            row.save()
            keep(_notice(row, now), Tag.CONNECTION_SUSPENSION_PROPOSED)
    except IntegrityError:
        return False
    return True


def follow(row: Suspension, now: dt.datetime, by: By) -> bool:
    """Suspend the connection; False if the proposal is closed already."""
    with transaction.atomic():
        if not _close(row, now, by, "suspended", suspended=True):
            return False
        connection = Connection.objects.select_for_update().get(pk=row.connection_id)
        before = settings_of(connection)
        connection.state = ConnectionState.SUSPENDED
        connection.save(update_fields=["state", "updated_at"])
        changes = compare(before, settings_of(connection))
        if changes:
            record_change(connection, changes, created=False, actor=by.actor, address=by.address)
    return True


def set_aside(row: Suspension, now: dt.datetime, by: By) -> bool:
    """Go on as before; proposed again only after as many refusals anew."""
    return _close(row, now, by, "set aside", suspended=False)


def withdraw(row: Suspension, now: dt.datetime, why: str) -> bool:
    """Close a proposal that time has answered."""
    return _close(row, now, By(), why, suspended=False)


def _close(row: Suspension, now: dt.datetime, by: By, why: str, *, suspended: bool) -> bool:
    with transaction.atomic():
        still_open = Suspension.objects.filter(pk=row.pk, closed_at__isnull=True)
        closed = {"closed_at": now, "closed_by": by.actor[:150], "suspended": suspended}
        if not still_open.update(**closed):
            return False
        record(
            Tag.CONNECTION_SUSPENSION_CLOSED,
            Subject.of(row.connection),
            f"Suspension of {row.connection}: {why}",
            data={"why": why, "refusals": row.refusals},
            actor=by.actor,
            address=by.address,
        )
    return True


def _notice(row: Suspension, now: dt.datetime) -> Notice:
    link = row.connection
    owner = link.organization.email
    title = f"{link.partner} has refused {row.refusals} messages of {link} in a row"
    return Notice(
        key=f"suspension/{row.pk}",
        urgent=True,
        title=f"URGENT: {title}"[:300],
        text=f"{title}. The partner may have suspended us.\nWhat they said last: {row.reason}\n"
        "Decide on the page “Proposed suspensions” whether documents are to wait here until the "
        "cause is mended.\n",
        organization=link.organization,
        partner=link.partner,
        days_left=0,
        recipients=list(dict.fromkeys([*([owner] if owner else []), *administrators()])),
        created_at=now,
    )
