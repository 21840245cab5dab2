"""``manage.py backup FOLDER``: a copy of this gateway that another one can start from."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from audit.acting import ActingCommand
from config.backup import BackupFailed, back_up


class Command(ActingCommand):
    """Copy database, store, inbox, outbox, profiles and secrets while the gateway works."""

    help = (
        "Copy this gateway into a folder: the database first, then files, of the store those that "
        "are new. The copy holds the secrets that open private keys: keep it as safe as the "
        "gateway itself."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare where to."""
        parser.add_argument(
            "folder", type=Path, help="on another disk; empty, missing, or a backup of before"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Copy, and say what was copied."""
        try:
            copied = back_up(options["folder"])
        except (BackupFailed, OSError) as error:
            raise CommandError(f"The backup is not complete. {error}") from error
        self.stdout.write(
            f"database to {copied.database}, {copied.files} files of {copied.bytes} bytes"
        )
