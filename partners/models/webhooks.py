"""Webhook: another system that is told of events, and of which of them."""

import datetime as dt
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.db import models

from partners.encryption import KeyRingError, Secret, SecretField
from partners.event_types import EVERYTHING, matches, split
from partners.models.partners import Partner
from partners.models.validators import validate_authorities, validate_patterns

#: How long the secret before the present one signs beside it, so that a receiver can change over.
OVERLAP: Final = dt.timedelta(days=1)


class Webhook(models.Model):
    """Where events are posted to. Changes hold from the next event on."""

    name = models.CharField(max_length=100, unique=True, help_text="Which system that is.")
    url = models.CharField(
        "URL",
        max_length=2000,
        validators=[URLValidator(schemes=["http", "https"])],
        help_text="Events are posted here as JSON, signed; redirects are not followed.",
    )
    events = models.TextField(
        default=EVERYTHING,
        validators=[validate_patterns],
        help_text="Which events, one a line: * for all, certificate.* for all about certificates, "
        "or a name such as message.failed.",
    )
    partner = models.ForeignKey(
        Partner,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="webhooks",
        help_text="Only what concerns this partner. Empty: everything.",
    )
    active = models.BooleanField(
        default=True, help_text="Events that wait are kept while it is off; no new ones are made."
    )
    tls_ca = models.TextField(
        "authorities",
        blank=True,
        validators=[validate_authorities],
        help_text="Certificates in PEM that its server's certificate comes from. Empty: those of "
        "Mozilla's program.",
    )
    secret = SecretField(editable=False)
    former_secret = SecretField(null=True, editable=False)
    secret_set_at = models.DateTimeField(editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Refuse a URL that would give away what is sent, or a password."""
        try:
            target = urlsplit(self.url)
        except ValueError:
            return  # its own validator says so
        if target.scheme == "http" and not settings.AS2_WEBHOOK_ALLOW_PRIVATE:
            raise ValidationError({"url": "It has to begin with https://."})
        if target.username is not None:
            raise ValidationError({"url": "A URL is no place for a password; events are signed."})

    def wants(self, event_type: str) -> bool:
        """Whether it is to be told of this type."""
        return matches(split(self.events), event_type)

    def set_secret(self, value: bytes, now: dt.datetime) -> None:
        """Take another secret; the one before it signs beside it for a day."""
        for name, column in self.columns_of(value, now).items():
            setattr(self, name, column)

    def columns_of(self, value: bytes, now: dt.datetime) -> dict[str, object]:
        """Columns that make a secret the present one."""
        former = self.secret if self.pk else None
        return {"secret": Secret.of(value), "former_secret": former, "secret_set_at": now}

    def keeps_secret(self, value: bytes) -> bool:
        """Whether this secret is the present one."""
        try:
            return bool(self.pk) and self.secret.open() == value
        except KeyRingError:
            return False  # it is sealed anew by a key that is there

    def secrets(self, now: dt.datetime) -> Iterator[bytes]:
        """Open what signs now, the newest first. Raises KeyRingError."""
        yield self.secret.open()
        if self.former_secret is not None and now < self.secret_set_at + OVERLAP:
            yield self.former_secret.open()
