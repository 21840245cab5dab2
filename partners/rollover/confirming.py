"""Confirming: who was told, who says yes, and the first message that proves it."""

import datetime as dt
from collections.abc import Iterable

from django.db import transaction

from audit.tags import Tag
from partners.models import Confirmation, Connection, Rollover
from partners.remembered import rows
from partners.rollover.dates import PlanError
from partners.rollover.recording import By, note


def used(fingerprints: Iterable[str], connection: Connection, now: dt.datetime) -> None:
    """Take note that a message proved these certificates; call it with every proof.

    A proof is a partner's signature that was verified, a message that our key decrypted, or a
    positive MDN for what we signed and encrypted. Costs one small query while nothing is pending;
    safe to call twice. Runs in the caller's transaction, if there is one.
    """
    waiting = rows.unconfirmed(connection)
    if not waiting:
        return
    for pk in {pk for each in fingerprints for pk in waiting.get(each, ())}:
        _confirm(pk, now)


def _confirm(pk: int, now: dt.datetime) -> None:
    with transaction.atomic():
        open_one = Confirmation.objects.filter(pk=pk, confirmed_at__isnull=True)
        if open_one.update(confirmed_at=now) == 0:
            return
        row = _read(pk)
        text = f"{row.connection}: the first message used the new certificate."
        note(Tag.ROLLOVER_CERTIFICATE_CONFIRMED, row.rollover, text, By(), _of(row))


def check_asked(rollover: Rollover) -> None:
    """Raise PlanError unless partners are asked to take a new certificate of ours."""
    if not rollover.is_ours:
        raise PlanError("This is the partner's own certificate; there is nothing to acknowledge.")
    if not rollover.is_open:
        raise PlanError("It is closed already.")


def tell(row: Confirmation, now: dt.datetime, by: By) -> bool:
    """Write down that the partner was told; False if that is known already."""
    with transaction.atomic():
        if Confirmation.objects.filter(pk=row.pk, told_at__isnull=True).update(told_at=now) == 0:
            return False
        text = f"{row.connection}: the partner was told."
        note(Tag.ROLLOVER_CERTIFICATE_TOLD, row.rollover, text, by)
    return True


def acknowledge(row: Confirmation, now: dt.datetime, by: By) -> bool:
    """Write down that the partner says it has the new one; False if that is known already."""
    with transaction.atomic():
        silent = Confirmation.objects.filter(pk=row.pk, acknowledged_at__isnull=True)
        if silent.update(acknowledged_at=now, acknowledged_by=by.actor) == 0:
            return False
        text = f"{row.connection}: the partner acknowledged the new certificate."
        note(Tag.ROLLOVER_CERTIFICATE_ACKNOWLEDGED, row.rollover, text, by, _of(row))
    return True


def _of(row: Confirmation) -> dict[str, object]:
    """Which of a rollover's connections it is about."""
    return {"connection": row.connection_id}


def _read(pk: int) -> Confirmation:
    related = ("connection__organization", "rollover__new_pair", "rollover__new_certificate")
    return Confirmation.objects.select_related(*related).get(pk=pk)
