"""``manage.py rotate_keys``: encrypt every private key by the first key of AS2_KEY_RING."""

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import transaction

from audit.acting import ActingCommand
from partners.encryption import KeyRingError
from partners.rotation import SealedValue, sealed_values


class Command(ActingCommand):
    """Rewrite what an older key of the ring sealed, so that the older key can be taken out."""

    help = (
        "Encrypts every stored private key with the first key of AS2_KEY_RING. Put a new key in "
        "front of the ring, restart, run this, then take the old key out. Safe to run again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add ``--report``."""
        parser.add_argument(
            "--report", action="store_true", help="Only count what is still under an older key."
        )

    def handle(self, *_args: Any, report: bool, **_options: Any) -> None:
        """Renew each value in a transaction of its own: a run may stop anywhere and go on later."""
        old = current = 0
        problems: list[str] = []
        for value in sealed_values():
            try:
                if value.is_current:
                    value.check_opens()
                    current += 1
                    continue
                self._renew(value, report=report)
                old += 1
            except KeyRingError as error:
                problems.append(f"{value}: {error}")
        verb = "still under an older key" if report else "encrypted anew"
        self.stdout.write(f"{current} already under the first key, {old} {verb}.")
        if problems:
            raise CommandError("\n".join([f"{len(problems)} cannot be read:", *problems]))

    @staticmethod
    def _renew(value: SealedValue, *, report: bool) -> None:
        if report:
            value.check_opens()
            return
        with transaction.atomic():
            value.renew()
