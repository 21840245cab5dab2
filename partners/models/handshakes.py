"""Failed handshakes: who came to our listener and could not agree on TLS; a bounded list."""

from django.db import models


class FailedHandshake(models.Model):
    """An address and a reason, and how often; nothing else of it is kept."""

    address = models.GenericIPAddressField()
    #: in plain words, one of few (``tls.handshakes``)
    reason = models.CharField(max_length=200)
    count = models.PositiveIntegerField(default=1)
    first_seen = models.DateTimeField()
    last_seen = models.DateTimeField(db_index=True)

    class Meta:
        ordering = ["-last_seen"]
        constraints = [
            models.UniqueConstraint(fields=["address", "reason"], name="failed_handshake_once"),
        ]

    def __str__(self) -> str:
        return f"{self.address}: {self.reason}"
