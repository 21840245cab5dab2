"""Findings put together: before a deadline, over versions, and in one word."""

import datetime as dt
from dataclasses import replace

import pytest

from as2gateway.compliance.evaluator import evaluate, evaluate_versions
from as2gateway.compliance.findings import Finding, Severity, Status, Verdict, verdict_of, worst
from as2gateway.compliance.profile import Profile
from tests.gateway.compliance import making
from tests.gateway.compliance.making import GOOD, NOW, connection, finding

VENDOR = "amazon-vendor-as2"
BEFORE = dt.datetime(2019, 10, 14, 23, 59, tzinfo=dt.UTC)
DEADLINE = dt.datetime(2019, 10, 15, tzinfo=dt.UTC)
WEAK = connection(sign="sha-1")


@pytest.mark.parametrize(
    ("now", "severity"), [(BEFORE, Severity.WARNING), (DEADLINE, Severity.ERROR)]
)
@pytest.mark.parametrize("rule", ["as2.sign.min", "deadline"])
def test_an_error_is_a_warning_until_the_deadline(
    rule: str, now: dt.datetime, severity: Severity
) -> None:
    said = finding(VENDOR, rule, WEAK, now)
    assert (said.status, said.severity) == (Status.VIOLATED, severity)


def test_the_deadline_names_the_errors_that_are_open() -> None:
    assert finding(VENDOR, "deadline", WEAK).present == ("as2.sign.min",)
    assert finding(VENDOR, "deadline", GOOD).status is Status.OK


def later(profile: Profile) -> Profile:
    """A version that will ask for SHA-512 in a month."""
    rule = next(rule for rule in profile.rules if rule.id == "as2.sign.min")
    stronger = replace(
        rule.tiers[0], parameters=replace(rule.tiers[0].parameters, values={"minimum": "sha-512"})
    )
    rules = (replace(rule, tiers=(stronger,)),)
    date = NOW.date() + dt.timedelta(days=30)
    return replace(profile, version="later", effective_on=date, rules=rules)


def test_a_version_to_come_warns_of_what_will_fail() -> None:
    now = making.profile(VENDOR)
    found = evaluate_versions((now, later(now)), GOOD, NOW)
    assert found[:-1] == evaluate(now, GOOD, NOW)
    said = found[-1]
    assert (said.rule, said.severity, said.profile) == (
        "as2.sign.min",
        Severity.WARNING,
        "amazon-vendor-as2 later",
    )


def test_what_fails_today_is_not_told_twice() -> None:
    now = making.profile(VENDOR)
    assert evaluate_versions((now, later(now)), WEAK, NOW) == evaluate(now, WEAK, NOW)


def test_no_profile_finds_nothing() -> None:
    assert evaluate_versions((), GOOD, NOW) == ()


def a_finding(status: Status, severity: Severity, rule: str = "a.rule") -> Finding:
    return replace(finding(VENDOR, "mdn.on", GOOD), rule=rule, status=status, severity=severity)


@pytest.mark.parametrize(
    ("status", "severity", "verdict"),
    [
        (Status.VIOLATED, Severity.ERROR, Verdict.ERROR),
        (Status.VIOLATED, Severity.WARNING, Verdict.WARNING),
        (Status.VIOLATED, Severity.INFO, Verdict.OK),
        (Status.UNKNOWN, Severity.ERROR, Verdict.UNKNOWN),
        (Status.UNKNOWN, Severity.INFO, Verdict.OK),
        (Status.NOT_APPLICABLE, Severity.ERROR, Verdict.OK),
        (Status.OK, Severity.ERROR, Verdict.OK),
    ],
)
def test_a_verdict_is_the_worst_finding(
    status: Status, severity: Severity, verdict: Verdict
) -> None:
    good = a_finding(Status.OK, Severity.ERROR)
    assert verdict_of([good, a_finding(status, severity)]) is verdict


@pytest.mark.parametrize(
    ("severity", "verdict"), [(Severity.WARNING, Verdict.OK), (Severity.ERROR, Verdict.ERROR)]
)
def test_a_warning_can_be_acknowledged_and_an_error_cannot(
    severity: Severity, verdict: Verdict
) -> None:
    assert verdict_of([a_finding(Status.VIOLATED, severity)], {"a.rule"}) is verdict


def test_of_no_findings_everything_is_well() -> None:
    assert verdict_of([]) is Verdict.OK
    assert worst([]) is None
    assert worst([Verdict.OK, Verdict.UNKNOWN, Verdict.WARNING]) is Verdict.WARNING


def test_a_finding_reads_as_a_sentence() -> None:
    said = finding(VENDOR, "as2.sign.min", WEAK)
    assert str(said) == "as2.sign.min: sha-1; wanted: SHA-256 or stronger"
    assert replace(said, present=()).found == "nothing"
