"""Verdicts that are kept: written after each change and every day, shown on every list."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from django.db import models, transaction

from as2gateway.compliance.findings import Finding, Verdict, worst
from audit.recording import Subject, record
from audit.tags import Tag
from partners.compliance.cases import with_all
from partners.compliance.evaluating import Judgement, judge
from partners.models import (
    Acknowledgement,
    APIKeyPair,
    Compliance,
    Connection,
    KeyPair,
    Organization,
    Partner,
    PartnerCertificate,
)


@dataclass(frozen=True, slots=True)
class PartnerVerdict:
    """What all connections of a partner come to."""

    verdict: Verdict
    #: one environment is right and another one is not
    half_done: bool


def reevaluate(connections: models.QuerySet[Connection], now: dt.datetime) -> int:
    """Judge connections anew and keep the verdicts; how many have another one than before."""
    changed = 0
    for judgement in judge(with_all(connections), now):
        with transaction.atomic():
            changed += _keep(judgement, now)
    return changed


def affected_by(rows: Iterable[models.Model]) -> models.QuerySet[Connection]:
    """Return the connections whose verdict may change with these rows.

    Always all of a partner's, since they are judged beside each other.
    """
    partners: set[int] = set()
    organizations: set[int] = set()
    for row in rows:
        match row:
            case Partner():
                partners.add(row.pk)
            case Connection() | APIKeyPair():
                partners.add(row.partner_id)
            case PartnerCertificate() | Acknowledgement():
                partners.add(row.connection.partner_id)
            case Organization():
                organizations.add(row.pk)
            case KeyPair():
                organizations.add(row.organization_id)
    theirs = models.Q(partner__in=partners)
    ours = models.Q(partner__connections__organization__in=organizations)
    return Connection.objects.filter(theirs | ours).distinct()


def partner_verdict(connections: Iterable[Connection]) -> PartnerVerdict | None:
    """Sum up the connections of a partner, the worst of test and production; None if none has one.

    A connection without a profile is nothing that could be half done.
    """
    kept = {row: found for row in connections if (found := kept_verdict(row)) is not None}
    total = worst(kept.values())
    if total is None:
        return None
    failing = {row.environment for row, verdict in kept.items() if verdict is Verdict.ERROR}
    passing = {row.environment for row in kept} - failing
    return PartnerVerdict(total, half_done=bool(failing and passing))


def kept_verdict(connection: Connection) -> Verdict | None:
    """Return the verdict that is kept for a connection; None if it has no profile."""
    try:
        return Verdict(connection.compliance.verdict)
    except Compliance.DoesNotExist:
        return None


def plain(finding: Finding) -> dict[str, object]:
    """Write a finding in JSON."""
    return {**asdict(finding), "present": list(finding.present)}


def _keep(judgement: Judgement, now: dt.datetime) -> bool:
    """Write a verdict down; True if it is another one than before."""
    row = judgement.connection
    kept = Compliance.objects.filter(connection=row)
    before = kept.values_list("verdict", flat=True).first()
    if not row.profile:
        kept.delete()
        return before is not None
    label = judgement.versions[0].label if judgement.versions else row.profile
    verdict = judgement.verdict
    Compliance.objects.update_or_create(
        connection=row,
        defaults={
            "verdict": verdict,
            "profile": label,
            "deadline": judgement.deadline(now),
            "evaluated_at": now,
            "findings": [
                plain(each) | {"acknowledged": each.rule in judgement.acknowledged}
                for each in judgement.findings
            ],
        },
    )
    if verdict == before:
        return False
    rules = ", ".join(finding.rule for finding in judgement.open) or "nothing is open"
    record(
        Tag.CONNECTION_VERDICT_CHANGED,
        Subject.of(row),
        f"{label}: {verdict}. {rules}",
        data={"old": before, "new": verdict, "open": [str(each) for each in judgement.open]},
    )
    return True
