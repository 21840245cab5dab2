"""What ``manage.py`` runs: our commands, and Django's as far as they may be without a user.

Ours ask for themselves (``audit.acting``). Django's know no users: ``shell`` or ``dumpdata`` would
be a way round each permission, so they are not run where commands need a user.
"""

import sys

from django.conf import settings
from django.core.management import ManagementUtility, get_commands
from django.core.management.base import BaseCommand

from audit.rights import DENIED, PERMISSIONS, WITHOUT_USER


class Manager(ManagementUtility):
    """Django's own, which asks once more before it takes a command."""

    def fetch_command(self, subcommand: str) -> BaseCommand:
        """Find a command; one that knows no users ends here where a user is needed."""
        known = subcommand in PERMISSIONS or subcommand in WITHOUT_USER
        if not known and subcommand in get_commands() and settings.AS2_COMMANDS_NEED_USER:
            sys.stderr.write(
                f"{subcommand} knows no users, and AS2_COMMANDS_NEED_USER asks for one. Whoever "
                "looks after this installation runs it with AS2_COMMANDS_NEED_USER=0.\n"
            )
            sys.exit(DENIED)
        return super().fetch_command(subcommand)
