"""Fixing: set what findings say a setting has to be, one connection or many, audited."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from django.db import transaction

from partners.changes import Change, compare, record_change, settings_of
from partners.compliance.cases import Case
from partners.compliance.evaluating import evaluate_case
from partners.feasibility import impossible
from partners.models import Connection, in_use

#: A fix can uncover another one at the next field of its rule; there are no more fields than that.
_ROUNDS = 8


@dataclass(frozen=True, slots=True)
class Fix:
    """Settings of a connection that would satisfy its profile better, not saved yet."""

    connection: Connection
    changes: tuple[Change, ...]
    #: why it cannot be done; empty if it can
    hindrance: str = ""


def propose(connection: Connection, now: dt.datetime) -> Fix:
    """Say what has to be set. The connection carries the new settings then; nothing is saved."""
    before = settings_of(connection)
    case = Case.stored(connection)
    known = set(_impossible(case, now))
    for _round in range(_ROUNDS):
        if not _improve(case, now):
            break
    changes = compare(before, settings_of(connection))
    new = [text for text in _impossible(case, now) if text not in known]
    return Fix(connection, changes, "; ".join(new))


def apply_fix(pk: int, now: dt.datetime, *, actor: str, address: str | None = None) -> Fix:
    """Set it, and write who did; nothing is saved of what cannot work."""
    with transaction.atomic():
        rows = Connection.objects.select_for_update(of=("self",))
        fix = propose(rows.select_related("organization", "partner").get(pk=pk), now)
        if fix.changes and not fix.hindrance:
            fix.connection.save()
            record_change(fix.connection, fix.changes, created=False, actor=actor, address=address)
    return fix


def _improve(case: Case, now: dt.datetime) -> bool:
    """Set what the open findings of this moment ask for; False if there is nothing to set."""
    row = case.connection
    fixes = {f.field: f.fix for f in evaluate_case(case, now) if f.is_open and f.fix is not None}
    wrong = {field: value for field, value in fixes.items() if getattr(row, field) != value}
    for field, value in wrong.items():
        setattr(row, field, value)
    return bool(wrong)


def _impossible(case: Case, now: dt.datetime) -> Iterator[str]:
    pairs, certificates = in_use(case.pairs, now), in_use(case.certificates, now)
    return (text for _field, text in impossible(case.connection, pairs, certificates))
