"""Organization: us, an AS2 identity of ours."""

from django.core.exceptions import ValidationError
from django.db import models

from as2gateway.names import check_name
from partners.models.validators import validate_domain


def validate_as2_name(value: str) -> None:
    """Refuse what RFC 4130 section 6.2 does not allow as an AS2 name."""
    try:
        check_name(value)
    except ValueError as error:
        raise ValidationError(str(error)) from error


class Organization(models.Model):
    """An AS2 identity of ours: what partners call us in AS2-To."""

    as2_id = models.CharField(
        "AS2 id",
        max_length=128,  # RFC 4130 §6.2
        unique=True,
        validators=[validate_as2_name],
        help_text="Our AS2 name, exactly as partners write it: upper and lower case matter.",
    )
    name = models.CharField(max_length=200)
    message_id_domain = models.CharField(
        "Message-ID domain",
        max_length=200,
        blank=True,
        validators=[validate_domain],
        help_text="Right side of the Message-IDs we make; empty takes the host of AS2_BASE_URL.",
    )
    email = models.EmailField(blank=True, help_text="Who gets notices about this organization.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["as2_id"]

    def __str__(self) -> str:
        return self.as2_id
