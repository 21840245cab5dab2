"""What is done to rows, told to the audit log: who changed what, old and new."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.db import models

from audit.recording import Subject, record
from audit.tags import Tag
from partners.changes import compare, record_change, settings_of
from partners.models import CertificateFacts, Rollover


@dataclass(frozen=True, slots=True)
class By:
    """Who does it, and from where."""

    actor: str = "system"
    address: str | None = None


def note(
    tag: Tag, rollover: Rollover, text: str, by: By, data: Mapping[str, object] | None = None
) -> None:
    """Write the event of a rollover, in the transaction of what it tells."""
    facts = {"old": rollover.old.fingerprint, "new": rollover.new.fingerprint, **(data or {})}
    record(tag, Subject.of(rollover), text, data=facts, actor=by.actor, address=by.address)


def insert(row: models.Model, by: By) -> None:
    """Save a new row, and record it."""
    row.save()
    changes = compare({}, settings_of(row))
    record_change(row, changes, created=True, actor=by.actor, address=by.address)


def change(row: CertificateFacts, by: By, **columns: object) -> None:
    """Set columns of a row, and record them old and new."""
    # Read again: what another page has saved meanwhile must not be undone by old values here.
    current = type(row)._default_manager.select_for_update().get(pk=row.pk)  # noqa: SLF001 - Django's public API
    before = settings_of(current)
    for name, value in columns.items():
        setattr(current, name, value)
        setattr(row, name, value)
    changes = compare(before, settings_of(current))
    if changes:
        current.save(update_fields=_touched(current, columns))
        record_change(current, changes, created=False, actor=by.actor, address=by.address)


def _touched(row: models.Model, columns: Iterable[str]) -> list[str]:
    """Name the columns to be written; ``updated_at`` with them where there is one."""
    known = {field.name for field in row._meta.concrete_fields}  # noqa: SLF001 - Django's public API
    return [*columns, *({"updated_at"} & known)]
