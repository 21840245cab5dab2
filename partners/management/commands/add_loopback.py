"""``manage.py add_loopback``: a partner that is ourselves, to rehearse with."""

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from audit.acting import ActingCommand
from partners.access.visibility import visible_organizations
from partners.onboarding.drafting import Refused
from partners.onboarding.loopback import AlreadyThere, add_loopback
from partners.rollover.recording import By


class Command(ActingCommand):
    """Make a second organization that stands for a partner, and connect both ends."""

    help = "Make a loop-back partner: what is sent to it comes back through our own AS2 URL."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the organization."""
        parser.add_argument("as2_id", help="AS2 id of an organization of ours")

    def handle(self, *_args: Any, as2_id: str, **_options: Any) -> None:
        """Make it, and say how to send the first document."""
        organization = visible_organizations(self.user).filter(as2_id=as2_id).first()
        if organization is None:
            raise CommandError(f"There is no organization {as2_id}.")
        try:
            row = add_loopback(organization, timezone.now(), By(self.actor))
        except AlreadyThere as error:
            raise CommandError(str(error)) from error
        except Refused as refusal:
            raise CommandError("\n".join(each.text for each in refusal.problems)) from refusal
        self.stdout.write(f"{row} is ready. Try it:")
        self.stdout.write(f"  manage.py send FILE --from {as2_id} --to {row.as2_id} --wait 60")
