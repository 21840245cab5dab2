"""Redelivery: what a partner was asked to send again, and what of it has come."""

from django.db import models
from django.db.models import Q

from messages.models.messages import Message
from partners.models import Connection


class RedeliveryState(models.TextChoices):
    """open: something is still missing · answered: all of it came · closed: somebody ended it."""

    OPEN = "open"
    ANSWERED = "answered"
    CLOSED = "closed"


class Redelivery(models.Model):
    """One request to a partner. Arriving messages answer it; without numbers, somebody does."""

    connection = models.ForeignKey(Connection, models.PROTECT, related_name="redeliveries")
    documents = models.CharField(
        "kind of documents",
        max_length=200,
        blank=True,
        help_text="As the partner calls them, such as 850 purchase orders.",
    )
    since = models.DateTimeField(
        "from", null=True, blank=True, help_text="Sent by the partner at this time or later (UTC)."
    )
    until = models.DateTimeField("to", null=True, blank=True, help_text="And before this (UTC).")
    reason = models.TextField(blank=True, help_text="Told to the partner.")
    state = models.CharField(
        max_length=10, choices=RedeliveryState, default=RedeliveryState.OPEN, db_index=True
    )
    created_by = models.CharField(max_length=150, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    mailed_to = models.EmailField(blank=True, editable=False)
    mailed_at = models.DateTimeField(null=True, blank=True, editable=False)
    finished_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["-created_at", "-pk"]
        verbose_name_plural = "redeliveries"
        constraints = [
            models.CheckConstraint(
                condition=Q(state=RedeliveryState.OPEN, finished_at__isnull=True)
                | (~Q(state=RedeliveryState.OPEN) & Q(finished_at__isnull=False)),
                name="redelivery_finished_unless_open",
            ),
            models.CheckConstraint(
                condition=Q(since__isnull=True)
                | Q(until__isnull=True)
                | Q(since__lt=models.F("until")),
                name="redelivery_from_before_to",
                violation_error_message="It has to begin before it ends.",
            ),
        ]

    def __str__(self) -> str:
        return f"redelivery {self.pk} by {self.connection.partner}"


class RedeliveryItem(models.Model):
    """One document that is missed, by a number of it, and the message that brought it."""

    redelivery = models.ForeignKey(Redelivery, models.PROTECT, related_name="items")
    #: a control number, order number, file name or Message-ID
    number = models.CharField(max_length=255)
    message = models.ForeignKey(
        Message, models.PROTECT, null=True, blank=True, related_name="redelivered"
    )

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["redelivery", "number"], name="redelivery_number_once"),
        ]

    def __str__(self) -> str:
        return self.number
