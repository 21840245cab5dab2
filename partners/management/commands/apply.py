"""``manage.py apply FILE``: bring organizations, partners and connections to what a file says."""

import getpass
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from partners.applying.apply import Refused, apply
from partners.applying.plan import Step


class Command(BaseCommand):
    """Create or update settings from YAML, all of it or nothing."""

    help = (
        "Creates or updates organizations, key pairs, partners, connections and certificates from "
        "a YAML file. Applies all of it or nothing; what the file leaves out stays as it is."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the file and ``--dry-run``."""
        parser.add_argument("file", type=Path, help="Paths inside it are relative to its folder.")
        parser.add_argument(
            "--dry-run", action="store_true", help="Say what would change, and change nothing."
        )

    def handle(self, *_args: Any, file: Path, dry_run: bool, **_options: Any) -> None:
        """Apply and report; every mistake is a line, and the exit code is 1."""
        try:
            steps = apply(file, dry_run=dry_run, actor=_actor())
        except Refused as refusal:
            lines = [f"{file}:{mistake}" for mistake in refusal.mistakes]
            raise CommandError("\n".join([*lines, "Nothing was changed."])) from refusal
        for step in steps:
            for line in step.lines():
                self.stdout.write(line)
        self.stdout.write(_summary(steps, dry_run=dry_run))


def _summary(steps: tuple[Step, ...], *, dry_run: bool) -> str:
    created = sum(step.created for step in steps)
    unchanged = sum(step.changes_nothing for step in steps)
    changed = len(steps) - created - unchanged
    counts = f"{created} created, {changed} changed, {unchanged} unchanged."
    return f"{counts} Dry run: nothing was changed." if dry_run else counts


def _actor() -> str:
    """Name who ran the command, as far as the system knows."""
    try:
        return f"{getpass.getuser()} (apply)"
    except (KeyError, OSError):  # a container's user id without a name
        return "apply"
