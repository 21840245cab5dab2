"""APIKeyPair: a key by which a service of a partner knows our programs; it has no certificate."""

import datetime as dt
from typing import Final

from django.db import models

from partners.encryption import EncryptedBinaryField
from partners.models.choices import Environment
from partners.models.partners import Partner

#: Payment partners advise to change keys about every 90 days.
ROTATION: Final = dt.timedelta(days=90)


class Region(models.TextChoices):
    """Where the service is, for those that give out keys by region."""

    US = "US"
    EU = "EU"
    JP = "JP"
    ANY = "any"


class APIKeyState(models.TextChoices):
    """How far a key is, in this order."""

    GENERATED = "generated"
    SENT = "sent", "sent to the partner"
    RECORDED = "recorded", "id recorded"
    ACTIVE = "active"
    RETIRED = "retired"


class APIKeyPairManager(models.Manager["APIKeyPair"]):
    """Key pairs without their private keys, which are read by name only where they are used."""

    def get_queryset(self) -> models.QuerySet["APIKeyPair"]:
        """Leave the private key in the database."""
        return super().get_queryset().defer("private_key")


class APIKeyPair(models.Model):
    """RSA, PKCS#8 and SubjectPublicKeyInfo; several may be active at once."""

    partner = models.ForeignKey(Partner, models.PROTECT, related_name="api_keys")
    name = models.CharField(
        max_length=100, help_text="Who uses it and for what, so that several are told apart."
    )
    owner = models.CharField(max_length=200, help_text="Who answers for it.")
    purpose = models.CharField(max_length=200, help_text="What is done with it.")
    region = models.CharField(max_length=3, choices=Region, default=Region.ANY)
    environment = models.CharField(max_length=10, choices=Environment, default=Environment.TEST)
    external_key_id = models.CharField(
        "partner's key id",
        max_length=200,
        blank=True,
        help_text="What the partner calls this key, once it has been given the public key.",
    )
    state = models.CharField(
        max_length=10, choices=APIKeyState, default=APIKeyState.GENERATED, editable=False
    )
    bits = models.PositiveIntegerField(editable=False)
    #: SubjectPublicKeyInfo, DER
    public_key = models.BinaryField(editable=False)
    fingerprint = models.CharField(
        "SHA-256 of the public key", max_length=64, unique=True, editable=False
    )
    #: PKCS#8 DER, unencrypted inside the field's own encryption
    private_key = EncryptedBinaryField(editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    sent_at = models.DateTimeField(null=True, blank=True, editable=False)
    recorded_at = models.DateTimeField(null=True, blank=True, editable=False)
    activated_at = models.DateTimeField(null=True, blank=True, editable=False)
    retired_at = models.DateTimeField(null=True, blank=True, editable=False)
    #: noted by hand or by a program: who signs with the key is not this gateway
    last_used_at = models.DateTimeField("last used", null=True, blank=True, editable=False)
    last_used_by = models.CharField(max_length=150, blank=True, editable=False)

    objects = APIKeyPairManager()

    class Meta:
        verbose_name = "API key pair"
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["partner", "region", "environment", "name"], name="api_key_name_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.partner}: {self.name}"

    @property
    def rotate_at(self) -> dt.datetime | None:
        """When it should be replaced; None while it is not used."""
        if self.state != APIKeyState.ACTIVE or self.activated_at is None:
            return None
        return self.activated_at + ROTATION
