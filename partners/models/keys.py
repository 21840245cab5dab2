"""Key pairs of ours: private keys are encrypted at rest and never shown."""

import datetime as dt
from typing import Self

from django.db import models
from django.db.models import F, Q

from partners.encryption import EncryptedBinaryField
from partners.models.certificates import CertificateFacts
from partners.models.organizations import Organization


class KeyPairs(models.QuerySet["KeyPair"]):
    """Which key pairs count at a moment."""

    def usable(self, now: dt.datetime) -> Self:
        """Every pair that has started and has not been retired, the latest first."""
        return (
            self.filter(activates_at__lte=now)
            .exclude(retires_at__lte=now)
            .order_by("-activates_at", "-pk")
        )


class KeyPair(CertificateFacts):
    """A private key of an organization and its certificate."""

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="keys")
    name = models.CharField(max_length=100)
    signs = models.BooleanField(default=True, help_text="We sign messages and MDNs with it.")
    decrypts = models.BooleanField(default=True, help_text="Partners may encrypt to it.")
    #: PKCS#8 DER, unencrypted inside the field's own encryption
    private_key = EncryptedBinaryField(editable=False)
    #: certificates above ours, DER, each in base64
    chain = models.JSONField(default=list, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = KeyPairs.as_manager()

    class Meta:
        ordering = ["organization", "-activates_at"]
        constraints = [
            models.UniqueConstraint(fields=["organization", "name"], name="key_pair_name_once"),
            models.CheckConstraint(
                condition=Q(retires_at__isnull=True) | Q(retires_at__gt=F("activates_at")),
                name="key_pair_retires_after_start",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.organization}: {self.name}"
