"""``manage.py purge``: let go of payloads and raw requests that are older than they are kept."""

from argparse import ArgumentParser
from typing import Any

from django.utils import timezone

from audit.acting import ActingCommand
from messages.retention import purge
from partners.access.visibility import visible_connections


class Command(ActingCommand):
    """Do by hand what is done every hour."""

    help = (
        "Delete payloads and raw requests of messages that ended longer ago than keep_days of "
        "their connection (else AS2_KEEP_DAYS). Facts, digests and MDNs stay. Done every hour; a "
        "run that was interrupted is finished by the next."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--dry-run", action="store_true", help="say what would go")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Purge, or look."""
        dry_run = options["dry_run"]
        found = purge(
            timezone.now(), visible_connections(self.user), dry_run=dry_run, actor=self.actor
        )
        verb = "would be purged" if dry_run else "purged"
        self.stdout.write(
            f"{found.messages} messages {verb}: {found.files} files, {found.bytes} bytes"
        )
