"""Evaluator: a profile and facts in, findings out. The only place where rules are put together."""

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from as2gateway.compliance.facts import Facts
from as2gateway.compliance.findings import (
    Finding,
    Outcome,
    Severity,
    Status,
    satisfied,
    violated,
)
from as2gateway.compliance.profile import Profile, Rule, Tier
from as2gateway.compliance.rules import CHECKS, DEADLINE


def evaluate(profile: Profile, facts: Facts, now: dt.datetime) -> tuple[Finding, ...]:
    """Judge every rule of a profile, in its order, the deadline last.

    Before the profile is in effect its errors are warnings: it tells what will be, and by when.
    """
    rules = [rule for rule in profile.rules if rule.id != DEADLINE]
    findings = [_finding(profile, rule, *_judge(rule, facts, now)) for rule in rules]
    for rule in profile.rules:
        if rule.id == DEADLINE:
            findings.append(_finding(profile, rule, rule.tiers[0], _deadline(findings)))
    early = is_early(profile, now)
    return tuple(_lowered(finding) if early else finding for finding in findings)


def evaluate_versions(
    profiles: Sequence[Profile], facts: Facts, now: dt.datetime
) -> tuple[Finding, ...]:
    """Judge the version in force, and what later versions will violate besides.

    ``profiles`` are versions of one profile, the one in force first.
    """
    if not profiles:
        return ()
    findings = evaluate(profiles[0], facts, now)
    for profile in profiles[1:]:
        findings += tuple(_news(evaluate(profile, facts, now), findings))
    return findings


def is_early(profile: Profile, now: dt.datetime) -> bool:
    """Whether a profile is not in effect yet."""
    return now.astimezone(dt.UTC).date() < profile.effective_on


def _judge(rule: Rule, facts: Facts, now: dt.datetime) -> tuple[Tier, Outcome]:
    """Return the first tier that is violated; else the first that is unknown; else the best."""
    check = CHECKS[rule.id]
    outcomes = [(tier, check.function(facts, tier.parameters, now)) for tier in rule.tiers]
    for status in (Status.VIOLATED, Status.UNKNOWN, Status.OK):
        for tier, outcome in outcomes:
            if outcome.status is status:
                return tier, outcome
    return outcomes[0]


def _deadline(findings: Iterable[Finding]) -> Outcome:
    errors = [finding.rule for finding in findings if finding.is_error]
    return violated(*errors) if errors else satisfied("no error is open")


def _finding(profile: Profile, rule: Rule, tier: Tier, outcome: Outcome) -> Finding:
    usual = CHECKS[rule.id].field if rule.id in CHECKS else ""
    field = outcome.field or usual
    return Finding(
        rule=rule.id,
        severity=tier.severity,
        status=outcome.status,
        field=field,
        present=outcome.present,
        wanted=tier.wanted,
        why=rule.why,
        source=rule.source,
        source_url=rule.source_url,
        profile=profile.label,
        fix=rule.fix.get(field) if outcome.status is Status.VIOLATED else None,
    )


def _lowered(finding: Finding) -> Finding:
    if finding.severity is Severity.ERROR:
        return replace(finding, severity=Severity.WARNING)
    return finding


def _news(later: Iterable[Finding], known: Iterable[Finding]) -> Iterator[Finding]:
    told = {finding.rule for finding in known if finding.is_open}
    return (finding for finding in later if finding.is_open and finding.rule not in told)
