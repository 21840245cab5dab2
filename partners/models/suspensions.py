"""Suspension: a proposal to let a connection rest, since the partner refuses what we send."""

from django.db import models
from django.db.models import Q

from partners.models.connections import Connection


class Suspension(models.Model):
    """A proposal: nobody but a person suspends a connection. One is open at a time."""

    connection = models.ForeignKey(Connection, models.PROTECT, related_name="suspensions")
    #: messages in a row that the partner refused
    refusals = models.PositiveIntegerField()
    reason = models.TextField(help_text="What the partner said last.")
    proposed_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.CharField(max_length=150, blank=True)
    suspended = models.BooleanField(default=False, help_text="It was followed.")

    class Meta:
        ordering = ["-proposed_at", "-pk"]
        verbose_name = "proposed suspension"
        constraints = [
            models.UniqueConstraint(
                fields=["connection"],
                condition=Q(closed_at__isnull=True),
                name="suspension_open_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.connection}: {self.refusals} refusals in a row"
