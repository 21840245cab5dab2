"""Verdicts: what compliance profiles say about one endpoint, whatever connection uses it."""

import datetime as dt
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import Final

from as2gateway.compliance.evaluator import evaluate
from as2gateway.compliance.facts import ConnectionFacts, EnvironmentFacts, Facts, Trust
from as2gateway.compliance.findings import Finding, Verdict, verdict_of
from as2gateway.compliance.profile import Profile
from as2gateway.compliance.rules import endpoints
from as2gateway.tls.report import Report

#: Rules about something else than this endpoint: when and where else was tested, who answers.
_ELSEWHERE: Final = frozenset({"both.directions", "test.recent", "env.platform"})
_BOTH_ENDS: Final = frozenset({"tls.ssl.off", "tls.old.off"})
RULES: Final = (frozenset(endpoints.CHECKS) | {"url.https"}) - _ELSEWHERE


@dataclass(frozen=True, slots=True)
class ProfileVerdict:
    """What one profile says."""

    profile: str
    verdict: Verdict
    findings: tuple[Finding, ...]


def judge(
    profiles: Collection[Profile], report: Report, environment: EnvironmentFacts, now: dt.datetime
) -> tuple[ProfileVerdict, ...]:
    """Judge an endpoint by each profile that has a rule about endpoints."""
    verdicts = []
    for profile in profiles:
        found = [
            finding
            for rules, facts in _facts(report, environment)
            for finding in evaluate(profile, facts, now)
            if finding.rule in rules
        ]
        if found:
            verdicts.append(ProfileVerdict(profile.label, verdict_of(found), tuple(found)))
    return tuple(verdicts)


def _facts(report: Report, environment: EnvironmentFacts) -> Iterator[tuple[frozenset[str], Facts]]:
    """Give for some rules each what they look at: rules about ours and about theirs mean this one.

    Rules that look at both ends at once would otherwise tell everything twice.
    """
    endpoint = report.facts()
    mode = report.trust[-1].mode if report.trust else Trust.MOZILLA
    connection = _connection(f"https://{report.target}/", mode)
    facts = Facts(connection, endpoint=endpoint, server=endpoint, environment=environment)
    yield RULES - _BOTH_ENDS, facts
    yield _BOTH_ENDS, replace(facts, server=replace(endpoint, versions=frozenset()))


def _connection(url: str, trust: Trust) -> ConnectionFacts:
    """Return a connection of which only address and trust are known; no other rule is looked at."""
    return ConnectionFacts(
        environment="",
        as2_from="",
        as2_id="",
        url=url,
        sign="",
        encrypt="",
        compress="",
        mdn="",
        mdn_signed=False,
        mdn_digest="",
        content_type="",
        require_signature=True,
        require_encryption=True,
        accepts=frozenset(),
        notice_contact="",
        provider="",
        provider_access=False,
        tls_trust=trust,
        mdn_url=url,
    )
