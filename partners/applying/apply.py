"""Apply: the use case, from a file to rows and audit events, in one transaction."""

import os
from pathlib import Path

from django.db import transaction
from django.utils import timezone

from partners.applying.materials import Files
from partners.applying.plan import Planner, Step
from partners.applying.reader import Mistake, read_yaml
from partners.applying.schema import SchemaReader
from partners.changes import record_change


class Refused(Exception):
    """A file with mistakes; nothing of it was applied."""

    def __init__(self, mistakes: list[Mistake]) -> None:
        super().__init__(f"{len(mistakes)} mistakes")
        self.mistakes = sorted(mistakes, key=lambda mistake: mistake.place.line)


def apply(path: Path, *, dry_run: bool, actor: str) -> tuple[Step, ...]:
    """Bring the database to what a file says, and return the steps; a dry run only returns them.

    Raises Refused with every mistake of the file.
    """
    with transaction.atomic():
        steps = _plan(path)
        if not dry_run:
            _write(steps, actor)
    return steps


def _plan(path: Path) -> tuple[Step, ...]:
    now = timezone.now()
    mistakes: list[Mistake] = []
    steps: tuple[Step, ...] = ()
    top = read_yaml(path, mistakes)
    if top is not None:
        wanted = SchemaReader(Files(path.parent, os.environ, now), mistakes).read(top)
        steps = Planner(now, mistakes).plan(wanted)
    if mistakes:
        raise Refused(mistakes)
    return steps


def _write(steps: tuple[Step, ...], actor: str) -> None:
    for step in steps:
        if not step.changes_nothing:
            step.row.save()
            record_change(step.row, step.changes, created=step.created, actor=actor)
