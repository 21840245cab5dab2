"""Unknown senders: a bounded list of names that tried and are not configured."""

from django.db import models

from partners.models.sightings import Sighting


class UnknownSender(Sighting):
    """A pair of AS2 names that no connection has, and how often it came; nothing else of it."""

    as2_from = models.CharField("AS2-From", max_length=128)
    as2_to = models.CharField("AS2-To", max_length=128)
    address = models.GenericIPAddressField(null=True, blank=True)

    class Meta(Sighting.Meta):
        constraints = [
            models.UniqueConstraint(fields=["as2_from", "as2_to"], name="unknown_sender_once"),
        ]

    def __str__(self) -> str:
        return f"{self.as2_from} → {self.as2_to}"
