"""``manage.py reset_second_factor``: for an administrator who lost telephone and backup codes."""

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.access import second_factor


class Command(BaseCommand):
    """Take the second factor off a user; whoever has the shell is an administrator."""

    help = "Take the second factor off a user, so that the password alone opens the pages."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the user's name."""
        parser.add_argument("username")

    def handle(self, *_args: Any, username: str, **_options: Any) -> None:
        """Do it, and record it."""
        user = User.objects.filter(username=username).first()
        if user is None:
            raise CommandError(f"There is no user {username}.")
        if not second_factor.reset(user, actor="reset_second_factor"):
            raise CommandError(f"{username} has no second factor.")
        self.stdout.write(f"{username}: second factor taken off")
