"""Failed handshakes: who came to our listener and could not agree on TLS; a bounded list."""

from django.db import models

from partners.models.sightings import Sighting


class FailedHandshake(Sighting):
    """An address and a reason, and how often; nothing else of it is kept."""

    address = models.GenericIPAddressField()
    #: in plain words, one of few (``tls.handshakes``)
    reason = models.CharField(max_length=200)

    class Meta(Sighting.Meta):
        constraints = [
            models.UniqueConstraint(fields=["address", "reason"], name="failed_handshake_once"),
        ]

    def __str__(self) -> str:
        return f"{self.address}: {self.reason}"
