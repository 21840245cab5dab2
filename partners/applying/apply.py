"""Apply: the use case, from a file to rows and audit events, in one transaction."""

import os
from dataclasses import dataclass
from pathlib import Path

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from audit.recording import Subject, record
from audit.tags import Tag
from partners.access.visibility import sees_everything
from partners.applying.access import check
from partners.applying.materials import Files
from partners.applying.plan import Plan, Planner, Shortfall
from partners.applying.reader import Mistake, read_yaml
from partners.applying.schema import SchemaReader
from partners.changes import record_change
from partners.compliance import verdicts


class Refused(Exception):
    """A file with mistakes; nothing of it was applied."""

    def __init__(self, mistakes: list[Mistake]) -> None:
        super().__init__(f"{len(mistakes)} mistakes")
        self.mistakes = sorted(mistakes, key=lambda mistake: mistake.place.line)


@dataclass(frozen=True, slots=True)
class Options:
    """How a file is applied, and by whom."""

    user: User
    dry_run: bool = False
    #: why settings that fall short of their profile are taken all the same; empty refuses them
    allow_findings: str = ""

    @property
    def actor(self) -> str:
        """Who is named in the audit trail."""
        return self.user.get_username()


def apply(path: Path, options: Options) -> Plan:
    """Bring the database to what a file says, and return the plan; a dry run only returns it.

    Raises Refused with every mistake of the file, Denied if it is not the user's to do.
    """
    with transaction.atomic():
        plan = _plan(path, options)
        if not options.dry_run:
            _write(plan, options)
    return plan


def _plan(path: Path, options: Options) -> Plan:
    now = timezone.now()
    mistakes: list[Mistake] = []
    plan = Plan()
    top = read_yaml(path, mistakes)
    if top is not None:
        confined = not sees_everything(options.user)
        files = Files(path.parent, os.environ, now, confined)
        wanted = SchemaReader(files, mistakes).read(top)
        plan = Planner(now, mistakes, options.user).plan(wanted)
    check(plan, options.user, allow_findings=bool(options.allow_findings))
    if not options.allow_findings:
        mistakes += [shortfall.mistake for shortfall in plan.shortfalls]
    if mistakes:
        raise Refused(mistakes)
    return plan


def _write(plan: Plan, options: Options) -> None:
    for step in plan.steps:
        if not step.changes_nothing:
            step.row.save()
            record_change(step.row, step.changes, created=step.created, actor=options.actor)
    for shortfall in plan.shortfalls:
        _record_allowed(shortfall, options)
    verdicts.reevaluate(verdicts.affected_by(step.row for step in plan.steps), timezone.now())


def _record_allowed(shortfall: Shortfall, options: Options) -> None:
    finding = shortfall.finding
    record(
        Tag.CONNECTION_FINDINGS_ALLOWED,
        Subject.of(shortfall.connection),
        f"{finding} ({finding.profile}) allowed: {options.allow_findings}",
        data={"rule": finding.rule, "reason": options.allow_findings, "present": finding.present},
        actor=options.actor,
    )
