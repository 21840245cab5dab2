"""``manage.py apply FILE``: bring organizations, partners and connections to what a file says."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from audit.acting import ActingCommand
from partners.applying.apply import Options, Refused, apply
from partners.applying.plan import Step


class Command(ActingCommand):
    """Create or update settings from YAML, all of it or nothing."""

    help = (
        "Creates or updates organizations, key pairs, partners, connections, certificates and "
        "webhooks from a YAML file. Applies all of it or nothing; what the file leaves out stays "
        "as it is."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the file, ``--dry-run`` and ``--allow-findings``."""
        parser.add_argument("file", type=Path, help="Paths inside it are relative to its folder.")
        parser.add_argument(
            "--dry-run", action="store_true", help="Say what would change, and change nothing."
        )
        parser.add_argument(
            "--allow-findings",
            metavar="REASON",
            default="",
            help="Take settings that fall short of their compliance profile, and record why.",
        )

    def handle(
        self, *_args: Any, file: Path, dry_run: bool, allow_findings: str, **_options: Any
    ) -> None:
        """Apply and report; every mistake is a line, and the exit code is 1."""
        try:
            plan = apply(file, Options(self.user, dry_run, allow_findings.strip()))
        except Refused as refusal:
            lines = [f"{file}:{mistake}" for mistake in refusal.mistakes]
            raise CommandError("\n".join([*lines, "Nothing was changed."])) from refusal
        for step in plan.steps:
            for line in step.lines():
                self.stdout.write(line)
        for shortfall in plan.shortfalls:
            self.stdout.write(f"allowed: {file}:{shortfall.mistake}")
        self.stdout.write(_summary(plan.steps, dry_run=dry_run))


def _summary(steps: tuple[Step, ...], *, dry_run: bool) -> str:
    created = sum(step.created for step in steps)
    unchanged = sum(step.changes_nothing for step in steps)
    changed = len(steps) - created - unchanged
    counts = f"{created} created, {changed} changed, {unchanged} unchanged."
    return f"{counts} Dry run: nothing was changed." if dry_run else counts
