"""Renewal: a partner has announced a new certificate, and somebody is to put it in place."""

from django.db import models
from django.db.models import Q

from partners.models.partners import Partner
from partners.models.rollovers import Rollover


class Renewal(models.Model):
    """Something to be done until a moment. It is over when the change is planned, or set aside."""

    partner = models.ForeignKey(Partner, models.PROTECT, related_name="renewals")
    note = models.CharField(
        max_length=500, blank=True, help_text="What the mail says, or where it is kept."
    )
    due_at = models.DateTimeField(help_text="By when the new certificate has to be in place.")
    opened_at = models.DateTimeField()
    opened_by = models.CharField(max_length=150)
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.CharField(max_length=150, blank=True)
    #: the change that it led to; none if it was set aside
    rollover = models.ForeignKey(
        Rollover, models.PROTECT, null=True, blank=True, related_name="renewals"
    )

    class Meta:
        ordering = ["due_at", "pk"]
        verbose_name = "announced renewal"
        constraints = [
            # A second mail about the same certificate is no second thing to do.
            models.UniqueConstraint(
                fields=["partner"], condition=Q(closed_at__isnull=True), name="renewal_open_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.partner} announced a new certificate"
