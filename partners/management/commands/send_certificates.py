"""``manage.py send_certificates``: ask partners by messages to trust our next certificate."""

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from audit.acting import ActingCommand
from partners import exchanging
from partners.models import Confirmation, Rollover, RolloverState
from partners.rollover.dates import PlanError
from partners.rollover.recording import By


class Command(ActingCommand):
    """Announce the planned key pair of an organization to the connections that exchange them."""

    help = (
        "Asks partners, by certificate exchange messages, to trust the next key pair of an "
        "organization: those whose connection has certificate_exchange on and who have not "
        "accepted it yet. A worker sends the messages; their answers show on the rollover's page."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Say whose key pair, and to whom."""
        parser.add_argument("organization", metavar="AS2_ID", help="whose next key pair")
        parser.add_argument("--to", metavar="AS2_ID", default="", help="only this partner's AS2 id")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Ask each, and name whom it could not be sent to and why."""
        rollover = _planned(options["organization"])
        rows = rollover.confirmations.filter(
            connection__certificate_exchange=True, acknowledged_at__isnull=True
        )
        if options["to"]:
            rows = rows.filter(connection__as2_id=options["to"])
        related = ("connection__organization", "rollover__new_pair", "rollover__old_pair")
        found = list(rows.select_related(*related))
        if not found:
            raise CommandError(
                "No connection is to be told: certificate_exchange is off, or they have it already."
            )
        failed = [row for row in found if not self._announce(row)]
        if failed:
            raise CommandError(f"{len(failed)} of {len(found)} could not be told.")

    def _announce(self, row: Confirmation) -> bool:
        try:
            exchanging.announce(row, timezone.now(), By(self.actor))
        except PlanError as error:
            self.stderr.write(str(error))
            return False
        self.stdout.write(f"{row.connection}: a message goes out.")
        return True


def _planned(as2_id: str) -> Rollover:
    planned = Rollover.objects.filter(
        new_pair__organization__as2_id=as2_id, state=RolloverState.PLANNED
    ).first()
    if planned is None:
        raise CommandError(f"{as2_id} has no key pair that is planned and has not begun yet.")
    return planned
