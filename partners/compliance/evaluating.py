"""Evaluating: the findings of connections, each by its profile and beside its partner's others."""

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from as2gateway.compliance.evaluator import evaluate_versions, is_early
from as2gateway.compliance.facts import SiblingFacts
from as2gateway.compliance.findings import Finding, Verdict, verdict_of
from as2gateway.compliance.profile import Profile
from partners.compliance.cases import Case, with_all
from partners.compliance.facts import moment_to_day
from partners.compliance.profiles import catalogue
from partners.models import Connection


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was found of one connection. No version at all is a profile that nobody knows."""

    connection: Connection
    versions: tuple[Profile, ...]
    findings: tuple[Finding, ...]
    acknowledged: frozenset[str]

    @property
    def verdict(self) -> Verdict:
        """The findings in one word; what an unknown profile asks for is unknown."""
        return verdict_of(self.findings, self.acknowledged) if self.versions else Verdict.UNKNOWN

    @property
    def open(self) -> tuple[Finding, ...]:
        """Errors, and the warnings that nobody has acknowledged."""
        return tuple(
            finding
            for finding in self.findings
            if finding.is_open and (finding.is_error or finding.rule not in self.acknowledged)
        )

    def deadline(self, now: dt.datetime) -> dt.date | None:
        """Return by when what is open has to be set right: past for what is in force."""
        labels = {finding.profile for finding in self.open}
        dates = [
            profile.effective_on
            for profile in self.versions
            if profile.label in labels and (is_early(profile, now) or self._has_errors(profile))
        ]
        return min(dates, default=None)

    def _has_errors(self, profile: Profile) -> bool:
        return any(each.is_error and each.profile == profile.label for each in self.findings)


def evaluate(connection: Connection, now: dt.datetime) -> tuple[Finding, ...]:
    """Judge a connection by its own profile, as it is stored or as it is to be."""
    return evaluate_case(Case.stored(connection), now)


def evaluate_case(case: Case, now: dt.datetime, profile: str | None = None) -> tuple[Finding, ...]:
    """Judge a case by its connection's profile, or by another one."""
    name = case.connection.profile if profile is None else profile
    versions = catalogue().versions(name, moment_to_day(now))
    if not versions:
        return ()
    others = Connection.objects.filter(partner=case.connection.partner_id)
    siblings = [_sibling(each, now) for each in with_all(others.exclude(pk=case.connection.pk))]
    return evaluate_versions(versions, case.facts(siblings), now)


def judge(
    connections: Iterable[Connection], now: dt.datetime, profile: str | None = None
) -> Iterator[Judgement]:
    """Judge stored connections, each by its own profile or all by another one.

    Takes the connections of ``with_all``; costs two evaluations each, however many a partner has.
    """
    rows = sorted(connections, key=lambda row: row.partner_id)
    for _partner, same in groupby(rows, key=lambda row: row.partner_id):
        yield from _judge_together(list(same), now, profile)


def _judge_together(
    rows: Sequence[Connection], now: dt.datetime, profile: str | None
) -> Iterator[Judgement]:
    known = {row.pk for row in rows}
    others = Connection.objects.filter(partner=rows[0].partner_id).exclude(pk__in=known)
    siblings = {row.pk: _sibling(row, now) for row in (*rows, *with_all(others))}
    for row in rows:
        name = row.profile if profile is None else profile
        versions = catalogue().versions(name, moment_to_day(now))
        beside = (each for pk, each in siblings.items() if pk != row.pk)
        facts = Case.stored(row).facts(beside)
        findings = evaluate_versions(versions, facts, now)
        yield Judgement(row, versions, findings, acknowledged_of(row, now))


def acknowledged_of(row: Connection, now: dt.datetime) -> frozenset[str]:
    """Name the rules whose warnings are acknowledged now."""
    today = moment_to_day(now)
    return frozenset(each.rule for each in row.acknowledgements.all() if each.counts(today))


def _sibling(row: Connection, now: dt.datetime) -> SiblingFacts:
    """Judge a connection alone: what it says of its siblings must not turn in a circle."""
    versions = catalogue().versions(row.profile, moment_to_day(now))
    if not versions:
        return SiblingFacts(row.environment, None)
    findings = evaluate_versions(versions, Case.stored(row).facts(), now)
    return SiblingFacts(row.environment, any(finding.is_error for finding in findings))
