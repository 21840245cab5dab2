"""API token: by which a program of a user's calls the REST API. The secret itself is not kept."""

import datetime as dt

from django.conf import settings
from django.db import models


class APIToken(models.Model):
    """What a program shows instead of a password. It may do what its user may, or only read.

    A row outlives its end, and its user: when it was last used is asked after it was lost.
    """

    #: null once the user is deleted; such a token opens nothing
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        related_name="api_tokens",
        help_text="It may do and see what this user may.",
    )
    user_name = models.CharField(max_length=150, editable=False)
    name = models.CharField(max_length=100, help_text="Which program has it.")
    #: how the secret begins, to tell tokens apart; and the SHA-256 of all of it, hexadecimal
    prefix = models.CharField("begins with", max_length=16, editable=False)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    read_only = models.BooleanField(
        default=False, help_text="It may look and download, and change nothing."
    )
    created_by = models.CharField(max_length=150, editable=False)
    created_at = models.DateTimeField(editable=False)
    expires_at = models.DateTimeField(null=True, blank=True, help_text="Empty: never.")
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    #: to the minute: a busy program must not write a row with each call
    last_used_at = models.DateTimeField("last used", null=True, blank=True, editable=False)
    last_used_from = models.GenericIPAddressField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name = "API token"
        ordering = ["-created_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.name} of {self.user_name}"

    def is_open(self, now: dt.datetime) -> bool:
        """Whether it is neither revoked nor past its end; its user is another question."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > now)
