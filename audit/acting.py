"""Acting: as whom a command runs, and whether that person may.

The shell is an administrator: whoever can read the database and the key ring needs no permission
of ours. ``--as USER`` (or AS2_USER) makes a command ask what the pages ask: the permissions of that
user (``audit.rights``), and its scope for every row. A name is taken at its word: it keeps apart
the people who share a shell, and it is no wall against somebody who means to get round it.
"""

import os
import pwd
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from audit.recording import besides
from audit.rights import DENIED, PERMISSIONS


class Denied(CommandError):
    """A deed that is not this user's to do; nothing was done."""

    def __init__(self, text: str) -> None:
        super().__init__(text, returncode=DENIED)


class ActingCommand(BaseCommand):
    """A command of ours that shows or changes business data, as the shell or as a user."""

    #: who acts: limits the rows. The shell is somebody who sees and may do everything
    user: User

    @property
    def actor(self) -> str:
        """Who is named in the audit trail."""
        return self.user.get_username()

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Add ``--as``."""
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        parser.add_argument(
            "--as",
            dest="as_user",
            metavar="USER",
            help="do it as this user: with its permissions and its scope (default AS2_USER, else "
            "the shell, which may do everything)",
        )
        return parser

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Find out who acts and ask whether it may, before anything else is done."""
        command = type(self).__module__.rpartition(".")[2]
        try:
            self.user = _user(options.get("as_user"))
            for permission in PERMISSIONS[command]:
                ask(self.user, permission)
        except DatabaseError as error:
            raise Denied(f"Who acts could not be looked up: {error}") from error
        if is_shell(self.user):
            return super().execute(*args, **options)
        # A name at its word: the record says which account of the system gave it.
        with besides(command=command, shell=shell_name()):
            return super().execute(*args, **options)


def is_shell(user: User) -> bool:
    """Tell whether nobody was named."""
    return user.pk is None


def ask(user: User, permission: str, deed: str = "do this") -> None:
    """Raise Denied unless the user has a permission."""
    if not user.has_perm(permission):
        takes = f"it takes the permission {permission}, {_of(permission)}"
        raise Denied(f"{user} may not {deed}: {takes}.")


def shell_name() -> str:
    """Name the account of the operating system; the environment has no say in it."""
    try:
        return f"shell:{pwd.getpwuid(os.getuid()).pw_name}"
    except KeyError:  # a container may run under a number without a name
        return "shell:unknown"


def _user(named: str | None) -> User:
    bound: str = settings.AS2_USER
    if named is None and not bound:
        if settings.AS2_COMMANDS_NEED_USER:
            raise Denied("Say who does it: --as USER, or AS2_USER (AS2_COMMANDS_NEED_USER is set).")
        return User(username=shell_name(), is_superuser=True)
    if named is not None and bound and named != bound:
        raise Denied(f"AS2_USER says {bound} here, and --as says {named}.")
    name = bound if named is None else named
    user = User.objects.filter(username=name).first()
    if user is None:
        raise Denied(f"There is no user {name!r}.")
    if not user.is_active:
        raise Denied(f"The user {name} is not active.")
    return user


def _of(permission: str) -> str:
    """Say who has a permission, for somebody who has not."""
    app, _, code = permission.partition(".")
    holders = Group.objects.filter(
        permissions__content_type__app_label=app, permissions__codename=code
    )
    names = list(holders.order_by("name").values_list("name", flat=True))
    if not names:
        return "which no role has"
    *some, last = names
    if not some:
        return f"which the role {last} has"
    return f"which the roles {', '.join(some)} and {last} have"
