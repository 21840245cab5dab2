"""Key pairs of ours: private keys are encrypted at rest and never shown."""

from django.db import models
from django.db.models import F, Q

from partners.encryption import EncryptedBinaryField
from partners.models.certificates import CertificateFacts
from partners.models.organizations import Organization


class KeyPairManager(models.Manager["KeyPair"]):
    """Key pairs without their private keys, which are read by name only where they are used."""

    def get_queryset(self) -> models.QuerySet["KeyPair"]:
        """Leave the private key in the database."""
        return super().get_queryset().defer("private_key")


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
    updated_at = models.DateTimeField(auto_now=True)

    objects = KeyPairManager()

    class Meta:
        ordering = ["organization", "-activates_at"]
        # Of every kind of private key: it leaves by commands only.
        permissions = [("export_private_key", "Can take private keys out")]
        constraints = [
            models.UniqueConstraint(fields=["organization", "name"], name="key_pair_name_once"),
            models.CheckConstraint(
                condition=Q(retires_at__isnull=True) | Q(retires_at__gt=F("activates_at")),
                name="key_pair_retires_after_start",
                violation_error_message="It has to retire after it has started.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.organization}: {self.name}"
