"""``manage.py api_token USER NAME``: make an API token; the secret is printed once."""

import datetime as dt
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from audit.acting import ActingCommand, Denied, ask, is_shell
from partners.access import tokens
from partners.admin.tokens import LIFETIME_DAYS
from partners.rollover.recording import By


class Command(ActingCommand):
    """For the installation of a program that calls the API."""

    help = (
        "Makes a token for the REST API and prints it; only its digest is kept. It may do and see "
        "what USER may. Revoke tokens on the page API tokens, or all of a user's with --revoke."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Say whose, for which program, how far and how long."""
        parser.add_argument("username", metavar="USER")
        parser.add_argument("name", metavar="NAME", help="which program has it")
        parser.add_argument(
            "--days",
            type=int,
            default=LIFETIME_DAYS,
            metavar="N",
            help=f"how long it opens (default {LIFETIME_DAYS}); 0 is until it is revoked",
        )
        parser.add_argument("--read-only", action="store_true", help="it may change nothing")
        parser.add_argument(
            "--revoke", action="store_true", help="end the tokens of that name instead"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Make it, or end what has its name."""
        user = User.objects.filter(username=options["username"]).first()
        if user is None:
            raise CommandError(f"There is no user {options['username']}.")
        now, name = timezone.now(), options["name"]
        if options["revoke"]:
            self._revoke(user, name, now)
            return
        if not user.is_active:
            raise CommandError(f"{user} is not active: a token would open nothing.")
        self._check_whose(user, allowed=tokens.may_make(self.user, user))
        if not 0 <= options["days"] <= 3650 or not 0 < len(name) <= 100:  # noqa: PLR2004  as on the page
            raise CommandError("--days is 0 to 3650, and NAME has at most 100 characters.")
        end = now + dt.timedelta(days=options["days"]) if options["days"] else None
        wish = tokens.Wish(name, read_only=options["read_only"], expires_at=end)
        self.stdout.write(tokens.make(user, wish, now, By(self.actor)).secret)

    def _check_whose(self, user: User, *, allowed: bool) -> None:
        """Raise Denied for a token of somebody who is none of the caller's business."""
        if is_shell(self.user) or self.user == user:
            return
        ask(self.user, "auth.change_user", f"make or revoke tokens of {user}")
        if not allowed:
            raise Denied(f"{self.user} may not do this: {user} is a superuser.")

    def _revoke(self, user: User, name: str, now: dt.datetime) -> None:
        self._check_whose(user, allowed=tokens.may_revoke(self.user, user))
        rows = user.api_tokens.filter(name=name)
        done = [row for row in rows if tokens.revoke(row, now, By(self.actor))]
        if not done:
            raise CommandError(f"{user} has no open token named {name}.")
        self.stdout.write(f"{len(done)} revoked")
