"""``manage.py check_compliance``: judge every connection, for people and for CI."""

import json
from collections.abc import Iterable, Sequence
from typing import Any, Final

from django.core.management.base import CommandError, CommandParser
from django.db import DatabaseError
from django.db.models import QuerySet
from django.utils import timezone

from as2gateway.compliance.findings import Severity
from as2gateway.compliance.profile import ProfileError
from audit.acting import ActingCommand
from partners.access.visibility import visible_connections
from partners.compliance.cases import with_all
from partners.compliance.evaluating import Judgement, judge
from partners.compliance.profiles import catalogue
from partners.compliance.verdicts import plain
from partners.models import Connection

#: Exit codes: nothing at that level, findings, and could not run.
FOUND: Final = 1
BROKEN: Final = 2


class Command(ActingCommand):
    """Judge stored connections by their profiles; nothing is changed."""

    help = (
        "Judges every connection by its compliance profile, or by another one. Exit code 0: "
        "nothing is open at the level of --fail-on; 1: something is; 2: it could not be judged."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add which connections, by what, and what fails."""
        parser.add_argument(
            "--profile", default=None, help="Judge by this profile, whatever a connection's own is."
        )
        parser.add_argument("--partner", default=None, help="Only connections of this partner.")
        parser.add_argument("--json", action="store_true", help="Print all findings as JSON.")
        parser.add_argument(
            "--fail-on",
            choices=[Severity.ERROR.value, Severity.WARNING.value],
            default=Severity.ERROR.value,
            help="The mildest finding that fails; errors by default.",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Judge and report."""
        try:
            judgements = _judge(
                visible_connections(self.user), options["profile"], options["partner"]
            )
        except (ProfileError, DatabaseError, LookupError) as error:
            raise CommandError(str(error), returncode=BROKEN) from error
        if options["json"]:
            self.stdout.write(json.dumps([_as_json(each) for each in judgements], indent=2))
        else:
            for judgement in judgements:
                self.stdout.writelines(_lines(judgement))
        failing = [each for each in judgements if _fails(each, Severity(options["fail_on"]))]
        if failing:
            total = f"{len(failing)} of {len(judgements)} connections do not comply."
            raise CommandError(total, returncode=FOUND)
        if not options["json"]:
            self.stdout.write(f"{len(judgements)} connections judged.")


def _judge(rows: QuerySet[Connection], profile: str | None, partner: str | None) -> list[Judgement]:
    known = catalogue().names  # also where none is asked for: a sheet may be unreadable
    if profile is not None and profile not in known:
        raise LookupError(f"There is no profile {profile}; there are {', '.join(known)}.")
    if partner is not None:
        rows = rows.filter(partner__name=partner)
        if not rows.exists():
            raise LookupError(f"There is no connection of a partner {partner}.")
    if profile is None:
        rows = rows.exclude(profile="")
    return list(judge(with_all(rows), timezone.now(), profile))


def _fails(judgement: Judgement, level: Severity) -> bool:
    if not judgement.versions:
        return True  # a profile that nobody knows was not satisfied
    return any(each.is_error or level is Severity.WARNING for each in judgement.open)


def _lines(judgement: Judgement) -> Iterable[str]:
    row = judgement.connection
    label = judgement.versions[0].label if judgement.versions else f"{row.profile} (not found)"
    yield f"{row.partner.name}, {row.environment}: {row} [{label}]: {judgement.verdict}\n"
    for finding in judgement.open:
        yield f"  {finding.severity}: {finding}\n    {finding.why} Source: {finding.source}.\n"


def _as_json(judgement: Judgement) -> dict[str, object]:
    row = judgement.connection
    return {
        "connection": str(row),
        "partner": row.partner.name,
        "environment": row.environment,
        "profile": judgement.versions[0].label if judgement.versions else row.profile,
        "verdict": judgement.verdict,
        "acknowledged": sorted(judgement.acknowledged),
        "findings": _plain(judgement),
    }


def _plain(judgement: Judgement) -> Sequence[dict[str, object]]:
    return [plain(finding) for finding in judgement.findings]
