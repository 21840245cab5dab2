"""Refusing: which findings stop a change of settings, and which were there before.

A change is refused for every error that it causes. An error is not caused by it if the connection,
as it is stored and judged today by the same profile, has an error by the same rule already, and the
change adds no offender to it. So a connection that a new version of a profile, or time, has made
wrong can still be edited, and can be set right one setting after the other; it cannot be made
worse. Another profile is a change: every error counts.
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from as2gateway.compliance.findings import Finding
from as2gateway.compliance.rules import DEADLINE
from partners.compliance.cases import Case
from partners.compliance.evaluating import evaluate, evaluate_case
from partners.models import Connection


@dataclass(frozen=True, slots=True)
class Review:
    """What was found of a connection as it is to be, and what of that refuses the change."""

    findings: tuple[Finding, ...]
    refused: tuple[Finding, ...]

    @classmethod
    def of(cls, case: Case, now: dt.datetime) -> Self:
        """Judge a case against what the database has."""
        findings = evaluate_case(case, now)
        return cls(findings, refused(before(case.connection, now), findings))


def before(connection: Connection, now: dt.datetime) -> tuple[Finding, ...]:
    """Judge the stored connection, if it has the same profile."""
    same = Connection.objects.filter(pk=connection.pk, profile=connection.profile)
    stored = same.select_related("organization", "partner").first()
    return evaluate(stored, now) if stored else ()


def refused(old: Iterable[Finding], new: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the errors that a change causes.

    The deadline stands for other errors, which speak for themselves.
    """
    known = {finding.rule: set(finding.present) for finding in old if finding.is_error}
    return tuple(
        finding
        for finding in new
        if finding.is_error
        and finding.rule != DEADLINE
        and not (finding.rule in known and set(finding.present) <= known[finding.rule])
    )
