"""Judging: the wizard's form judged while it is filled in, as the form of a connection is.

What is not filled in yet is no fault, and files stay in the browser until they are looked over: so
nothing is said here of certificates.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.safestring import SafeString

from as2gateway.compliance.evaluator import evaluate_versions
from as2gateway.compliance.facts import SiblingFacts
from as2gateway.compliance.findings import Finding, verdict_of
from as2gateway.compliance.rules import DEADLINE
from partners.admin.marks import counts, marked, marks, verdict_badge
from partners.compliance.cases import Case
from partners.compliance.facts import moment_to_day
from partners.compliance.profiles import catalogue
from partners.models import Connection, Environment, Organization, Partner
from partners.onboarding.wizard_form import SHARED, WizardForm

#: Columns of a section; the others are shared.
_OWN = ("as2_id", "url")


@dataclass(frozen=True, slots=True)
class Typed:
    """One connection as far as it is typed, and what the profile says of it."""

    connection: Connection
    findings: tuple[Finding, ...]

    @property
    def verdict(self) -> SafeString:
        """The findings in a word, coloured."""
        return verdict_badge(verdict_of(self.findings))

    @property
    def counts(self) -> str:
        """How many there are of each kind."""
        return counts(self.findings)

    @property
    def unplaced(self) -> SafeString:
        """Findings that no field of the form can show."""
        return marks(each for each in marked(self.findings) if not _place(self, each))


def judge(form: WizardForm, now: dt.datetime) -> list[Typed]:
    """Judge each wanted section; nothing without a profile."""
    form.is_valid()
    given = form.cleaned_data
    wanted = [each for each in Environment if given.get(f"{each}-wanted")]
    versions = catalogue().versions(given.get("profile") or "", moment_to_day(now))
    found = []
    for environment in wanted if versions else ():
        row = _connection(form, environment)
        others = (SiblingFacts(each, None) for each in wanted if each != environment)
        findings = evaluate_versions(versions, Case.stored(row).facts(others), now)
        found.append(Typed(row, tuple(each for each in findings if _counts(each, row))))
    return found


def at_fields(found: list[Typed]) -> Mapping[str, SafeString]:
    """Return the findings of each field of the form; what both connections share, once."""
    placed: dict[str, dict[str, Finding]] = defaultdict(dict)
    for typed in found:
        for finding in marked(typed.findings):
            if place := _place(typed, finding):
                placed[place].setdefault(finding.rule, finding)
    return {name: marks(each.values()) for name, each in placed.items()}


def _connection(form: WizardForm, environment: Environment) -> Connection:
    given = form.cleaned_data
    shared = {name: given[name] for name in SHARED if name in given}
    own = {name: given.get(f"{environment}-{name}", "") for name in _OWN}
    owner: Organization | None = given.get(f"{environment}-organization")
    partner = given.get("partner") or Partner(
        name=given.get("name", ""), email=given.get("email", "")
    )
    return Connection(
        environment=environment,
        organization=owner or Organization(),
        partner=partner,
        **shared,
        **own,
    )


def _counts(finding: Finding, row: Connection) -> bool:
    # The deadline stands for other errors, those of certificates among them.
    if finding.rule == DEADLINE or finding.rule.startswith("cert."):
        return False
    return not (finding.field in _OWN and not getattr(row, finding.field))


def _place(typed: Typed, finding: Finding) -> str:
    if finding.field in SHARED:
        return finding.field
    return f"{typed.connection.environment}-{finding.field}" if finding.field in _OWN else ""
