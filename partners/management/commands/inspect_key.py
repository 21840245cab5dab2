"""``manage.py inspect_key FILE``: what a key file is, and what is wrong with it."""

import os
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from partners.importing import MAX_SIZE
from partners.inspecting import inspect


class Command(BaseCommand):
    """Look into one file; the exit code is 1 if there is a problem."""

    help = "Says what a key or certificate file is: format, type, bits, fingerprints, problems."

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the file, and where its passphrase is."""
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument(
            "--password-env", metavar="VARIABLE", default="", help="variable with the passphrase"
        )

    def handle(self, *_args: Any, file: Path, password_env: str, **_options: Any) -> None:
        """Read, look, tell."""
        try:
            with file.open("rb") as opened:
                data = opened.read(MAX_SIZE + 1)
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror}") from error
        if len(data) > MAX_SIZE:
            raise CommandError(f"{file}: far too large for a key or certificate")
        found = inspect(data, os.environ.get(password_env) or None, timezone.now())
        self.stdout.write(f"{'file':<20} {found.kind}")
        for name, value in found.facts:
            self.stdout.write(f"{name:<20} {value}")
        if found.problems:
            raise CommandError("\n".join(f"problem: {each}" for each in found.problems))
