"""``manage.py verify_audit``: whether anybody has touched the audit trail."""

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from audit.acting import ActingCommand
from audit.verifying import verify


class Command(ActingCommand):
    """Check every audit event against the seals; exit code 1 names the rows that differ."""

    help = (
        "Checks that no audit event was changed, removed or inserted since it was sealed. "
        "Note the head it prints somewhere else, and give it with --head next time: "
        "only that finds a chain that was made anew as a whole."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take a head noted earlier."""
        parser.add_argument("--head", default="", metavar="NUMBER:DIGEST", help="noted earlier")

    def handle(self, *_args: Any, head: str, **_options: Any) -> None:
        """Verify, print what was found, and fail if that is anything."""
        report = verify(timezone.now(), head)
        for finding in report.findings:
            self.stdout.write(self.style.ERROR(str(finding)))
        self.stdout.write(
            f"{report.events} events in {report.seals} seals, {report.unsealed} not sealed yet."
        )
        if report.findings:
            raise CommandError(f"{len(report.findings)} findings: the audit trail was altered.")
        self.stdout.write(self.style.SUCCESS(f"Nothing was altered. Head: {report.head or 'none'}"))
