"""``manage.py reset_second_factor``: for an administrator who lost telephone and backup codes."""

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import CommandError, CommandParser

from audit.acting import ActingCommand, Denied
from config.access import second_factor
from config.access.changes import may_touch


class Command(ActingCommand):
    """Take the second factor off a user."""

    help = "Take the second factor off a user, so that the password alone opens the pages."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the user's name."""
        parser.add_argument("username")

    def handle(self, *_args: Any, username: str, **_options: Any) -> None:
        """Do it, and record it."""
        user = User.objects.filter(username=username).first()
        if user is None:
            raise CommandError(f"There is no user {username}.")
        if not may_touch(self.user, user):
            raise Denied(f"{self.user} may not do this: {username} is a superuser.")
        if not second_factor.reset(user, actor=self.actor):
            raise CommandError(f"{username} has no second factor.")
        self.stdout.write(f"{username}: second factor taken off")
