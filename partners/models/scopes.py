"""Scope: which partners and connections a user from outside may see."""

from django.conf import settings
from django.db import models

from partners.models.connections import Connection
from partners.models.partners import Partner


class Scope(models.Model):
    """What a user sees who may not see everything; without one, that is nothing.

    An EDI provider or VAN has users of its own, limited to what it manages for us.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        models.CASCADE,  # a limit of the user's; the audit log keeps what it was
        related_name="scope",
    )
    partners = models.ManyToManyField(
        Partner, blank=True, related_name="scopes", help_text="With all of their connections."
    )
    connections = models.ManyToManyField(
        Connection, blank=True, related_name="scopes", help_text="Single ones, besides those."
    )

    class Meta:
        permissions = [("see_everything", "Sees every partner and connection")]

    def __str__(self) -> str:
        return f"scope of {self.user}"
