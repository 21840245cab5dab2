"""``manage.py note_key_use KEY``: write down that a program has signed with an API key."""

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from audit.acting import ActingCommand
from partners import api_keys
from partners.access.visibility import visible_api_keys
from partners.models import APIKeyState
from partners.rollover.recording import By


class Command(ActingCommand):
    """For the program that uses the key, or for a job that reads its log."""

    help = (
        "Notes that an API key was used, so that nobody retires one that is needed. "
        "KEY is the partner's id of it, its name, or 16 digits of its fingerprint."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Say which key, when and by whom."""
        parser.add_argument("key", metavar="KEY")
        parser.add_argument("--at", metavar="TIME", help="ISO 8601 with a zone; now if left out")
        parser.add_argument("--by", metavar="PROGRAM", default="command", help="who has used it")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Find it, note it, and warn of a key that should not be used any more."""
        now = timezone.now()
        moment = parse_datetime(options["at"]) if options["at"] else now
        if moment is None or timezone.is_naive(moment) or moment > now:
            raise CommandError("--at is a time of the past with its zone: 2026-11-29T12:00:00Z.")
        try:
            row = api_keys.find(visible_api_keys(self.user), options["key"])
        except LookupError as error:
            raise CommandError(str(error.args[0])) from error
        if api_keys.note_use(row, moment, options["by"], By(self.actor)):
            self.stdout.write(f"{row}: last used {moment.isoformat()}")
        else:
            self.stdout.write(f"{row}: a later use is known already")
        if row.state == APIKeyState.RETIRED:
            self.stderr.write(f"{row} is retired, and still used: find out by whom.")
