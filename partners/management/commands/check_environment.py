"""``manage.py check_environment``: whether this host is fit for TLS as partners ask for it."""

import json
import sys
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from as2gateway.compliance.findings import Severity
from partners.tls.environment import Point, examine, this_host

_WORDS = {None: "ok", Severity.INFO: "note", Severity.WARNING: "WARNING", Severity.ERROR: "ERROR"}


class Command(BaseCommand):
    """Look at TLS library, operating system, Python and authorities."""

    help = (
        "Check TLS library, operating system, Python and certificate authorities of this host. "
        "Exit code 0: nothing at that level, 1: findings, 2: could not look."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Take how to print, and what counts."""
        parser.add_argument("--json", action="store_true", help="print JSON")
        levels = [Severity.ERROR.value, Severity.WARNING.value]
        parser.add_argument("--fail-on", choices=levels, default=levels[0])

    def handle(self, *_args: Any, **options: Any) -> None:
        """Look, print, and end with the exit code."""
        try:
            points = examine(this_host(), timezone.now().date())
        except OSError as error:
            raise CommandError(f"This host cannot be looked at: {error}", returncode=2) from error
        if options["json"]:
            self.stdout.write(json.dumps([asdict(point) for point in points], indent=2))
        else:
            self.stdout.write("\n".join(line for point in points for line in _lines(point)))
        counting = {Severity.ERROR, Severity(options["fail_on"])}
        if any(point.severity in counting for point in points):
            sys.exit(1)


def _lines(point: Point) -> list[str]:
    line = f"{_WORDS[point.severity]:8} {point.name}: {point.value}"
    return [line, f"         {point.advice}"] if point.advice else [line]
