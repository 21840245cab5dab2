"""Findings: what a rule says about a connection, and the verdict that follows from all of them."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Severity(StrEnum):
    """How much a violated rule weighs: refused, marked, or only told."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Status(StrEnum):
    """How a rule ended. What cannot be known is *unknown*, never *ok*."""

    OK = "ok"
    VIOLATED = "violated"
    UNKNOWN = "unknown"
    NOT_APPLICABLE = "not-applicable"


class Verdict(StrEnum):
    """All findings of a connection in one word, the worst first."""

    ERROR = "error"
    WARNING = "warning"
    UNKNOWN = "unknown"
    OK = "ok"


#: A setting that a fix gives a new value: a text, or a switch.
FixValue = str | bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a rule's function found, before the profile's words are added.

    ``present`` lists what was found, one entry an offender where the rule is violated; ``field``
    names the setting to look at, empty for the rule's usual one.
    """

    status: Status
    present: tuple[str, ...] = ()
    field: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule's verdict on one connection, with all that an operator needs to judge it."""

    rule: str
    severity: Severity
    status: Status
    #: name of the setting it stands at; empty if no single one
    field: str
    present: tuple[str, ...]
    wanted: str
    why: str
    source: str
    #: name and version of the profile that asks for it
    profile: str
    #: what the setting at ``field`` has to be, where that is enough
    fix: FixValue | None = None
    #: where the source can be read; empty if it is not public
    source_url: str = ""

    @property
    def is_open(self) -> bool:
        """Whether it is violated and more than a remark."""
        return self.status is Status.VIOLATED and self.severity is not Severity.INFO

    @property
    def is_error(self) -> bool:
        """Whether it refuses what caused it."""
        return self.status is Status.VIOLATED and self.severity is Severity.ERROR

    @property
    def found(self) -> str:
        """What was found, in one text."""
        return ", ".join(self.present) or "nothing"

    def __str__(self) -> str:
        return f"{self.rule}: {self.found}; wanted: {self.wanted}"


def satisfied(*present: str) -> Outcome:
    """The rule holds."""
    return Outcome(Status.OK, present)


def violated(*present: str, field: str = "") -> Outcome:
    """The rule does not hold; each offender is one text."""
    return Outcome(Status.VIOLATED, present, field)


def unknown(*missing: str) -> Outcome:
    """The rule cannot be judged; says what is not known."""
    return Outcome(Status.UNKNOWN, missing)


def not_applicable(reason: str) -> Outcome:
    """The rule speaks of something that is not there."""
    return Outcome(Status.NOT_APPLICABLE, (reason,))


def judge(offenders: Collection[str], *present: str, field: str = "") -> Outcome:
    """Violated by its offenders; satisfied by what is present if there are none."""
    return violated(*offenders, field=field) if offenders else satisfied(*present)


_ORDER: Final = {verdict: rank for rank, verdict in enumerate(Verdict)}


def worst(verdicts: Iterable[Verdict]) -> Verdict | None:
    """Return the worst verdict of several; None of none."""
    return min(verdicts, key=lambda verdict: _ORDER[verdict], default=None)


def verdict_of(findings: Iterable[Finding], acknowledged: Collection[str] = ()) -> Verdict:
    """Sum findings up. An acknowledged warning does not count; an error always does."""
    return worst(_weight(finding, acknowledged) for finding in findings) or Verdict.OK


def _weight(finding: Finding, acknowledged: Collection[str]) -> Verdict:
    if finding.is_error:
        return Verdict.ERROR
    if finding.is_open:
        return Verdict.OK if finding.rule in acknowledged else Verdict.WARNING
    if finding.status is Status.UNKNOWN and finding.severity is not Severity.INFO:
        return Verdict.UNKNOWN
    return Verdict.OK
