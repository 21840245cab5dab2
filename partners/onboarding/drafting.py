"""Drafts: a partner and its connections to be, checked like those of the form, made at once."""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import models, transaction

from as2gateway.compliance.findings import Finding
from partners.compliance import verdicts
from partners.compliance.cases import Case
from partners.compliance.evaluating import evaluate
from partners.compliance.refusing import Review
from partners.feasibility import impossible
from partners.models import Connection, Partner, PartnerCertificate
from partners.rollover.recording import By, insert


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a draft cannot become a connection, and at which of its columns; "" is none of them."""

    connection: Connection
    field: str
    text: str


class Refused(Exception):
    """Drafts with problems; nothing was made."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(f"{len(problems)} problems")
        self.problems = tuple(problems)


@dataclass(slots=True)
class Draft:
    """A connection that is to be, with the partner's certificates; none of it is saved."""

    connection: Connection
    certificates: tuple[PartnerCertificate, ...] = ()
    #: filled when it was looked at
    findings: tuple[Finding, ...] = field(default=(), init=False)
    #: settings that cannot work yet, and why
    warnings: tuple[str, ...] = field(default=(), init=False)


def make(partner: Partner, drafts: Sequence[Draft], now: dt.datetime, by: By) -> None:
    """Save the partner, if it is new, and all connections, or nothing. Raises Refused."""
    with transaction.atomic():
        _save_all(partner, drafts, now, by)


def look(partner: Partner, drafts: Sequence[Draft], now: dt.datetime, by: By) -> None:
    """Fill in what would be found, and make nothing. Raises Refused like ``make``."""
    with transaction.atomic():
        _save_all(partner, drafts, now, by)
        transaction.set_rollback(True)


def is_new(row: models.Model) -> bool:
    """Tell whether a row has not been saved."""
    return bool(row._state.adding)  # noqa: SLF001  documented by Django


def _save_all(partner: Partner, drafts: Sequence[Draft], now: dt.datetime, by: By) -> None:
    if is_new(partner):
        insert(partner, by)
    problems = [problem for draft in drafts for problem in _save_draft(partner, draft, now, by)]
    if problems:
        raise Refused(problems)
    verdicts.reevaluate(verdicts.affected_by([partner]), now)
    for draft in drafts:  # test and production are judged beside each other
        draft.findings = evaluate(draft.connection, now)


def _save_draft(partner: Partner, draft: Draft, now: dt.datetime, by: By) -> list[Problem]:
    row = draft.connection
    row.partner = partner
    problems = [*_invalid(row), *_refused(draft, now)]
    if problems:
        return problems
    insert(row, by)
    for certificate in draft.certificates:
        certificate.connection = row
        insert(certificate, by)
    pairs = [pair for pair in row.organization.keys.all() if not _retired(pair.retires_at, now)]
    found = impossible(row, pairs, draft.certificates)
    draft.warnings = tuple(dict.fromkeys(text for _name, text in found))
    return []


def _invalid(row: Connection) -> Iterator[Problem]:
    try:
        row.full_clean()
    except ValidationError as error:
        for name, texts in error.message_dict.items():
            for text in texts:
                yield Problem(row, "" if name == NON_FIELD_ERRORS else name, text)


def _refused(draft: Draft, now: dt.datetime) -> Iterator[Problem]:
    row = draft.connection
    pairs = tuple(row.organization.keys.all())
    review = Review.of(Case(row, draft.certificates, pairs), now)
    for finding in review.refused:
        text = f"{finding.found}. Wanted: {finding.wanted}. {finding.why} ({finding.rule})"
        yield Problem(row, finding.field, text)


def _retired(moment: dt.datetime | None, now: dt.datetime) -> bool:
    return moment is not None and moment <= now
