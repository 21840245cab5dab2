"""``manage.py ensure_admin``: an administrator with a given password, made or mended."""

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from audit.acting import shell_name
from config.access.changes import access_of, record_access, record_password
from config.env import secret
from partners.rollover.recording import By


class Command(BaseCommand):
    """Create a superuser, or give one a new password; for containers and first starts."""

    help = "Create or update an administrator; the password is read from AS2_ADMIN_PASSWORD."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the user's name."""
        parser.add_argument("username")

    def handle(self, *args: Any, **options: Any) -> None:
        """Make the user; CommandError without a password, so that none is ever guessable."""
        password = secret("AS2_ADMIN_PASSWORD")
        if not password:
            raise CommandError(
                "Set AS2_ADMIN_PASSWORD to the password that the administrator shall have."
            )
        with transaction.atomic():
            user, created = User.objects.get_or_create(username=options["username"])
            before = {} if created else access_of(user)
            user.is_active = user.is_staff = user.is_superuser = True
            # Containers say it at each start; that ends no session and is no event.
            changed = not user.check_password(password)
            if changed:
                user.set_password(password)
            user.save()
            record_access(user, before, access_of(user), actor=shell_name(), address=None)
            if changed and not created:
                record_password(user, By(shell_name()))
        done = "created" if created else "password changed" if changed else "unchanged"
        self.stdout.write(f"{user.get_username()}: {done}")
