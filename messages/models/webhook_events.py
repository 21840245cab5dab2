"""Webhook event: one event on its way to one webhook, with the octets that are posted each time."""

from django.db import models
from django.db.models import Q

from messages.models.work import DueQuerySet, Work
from partners.models import Webhook


class WebhookEventState(models.TextChoices):
    """queued: to be posted, again if need be · taken: answered by 2xx · failed: given up."""

    QUEUED = "queued"
    TAKEN = "taken"
    FAILED = "failed"


class WebhookEvents(DueQuerySet["WebhookEvent"]):
    """Webhook events by when they are due."""


class WebhookEvent(Work):
    """Made in the transaction of what it tells of, and posted until the webhook takes it."""

    webhook = models.ForeignKey(Webhook, models.PROTECT, related_name="sent")
    #: the same in each attempt, so that a receiver knows what it has: ``webhook-id``
    event_id = models.CharField("id", max_length=60)
    type = models.CharField(max_length=60)
    subject = models.CharField(max_length=250)
    body = models.TextField()
    state = models.CharField(
        max_length=10, choices=WebhookEventState, default=WebhookEventState.QUEUED
    )
    #: attempts that no longer count towards the limit: an operator sent it again
    forgiven_attempts = models.PositiveIntegerField(default=0, editable=False)
    http_status = models.PositiveSmallIntegerField("HTTP status", null=True, blank=True)
    failure_text = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    #: when the last attempt ended
    tried_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True, db_index=True)

    objects = WebhookEvents.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["webhook", "event_id"], name="webhook_event_once_a_webhook"
            ),
            models.CheckConstraint(
                condition=Q(due_at__isnull=False, state=WebhookEventState.QUEUED)
                | (Q(due_at__isnull=True) & ~Q(state=WebhookEventState.QUEUED)),
                name="webhook_event_due_while_queued",
            ),
        ]
        indexes = [
            models.Index(fields=["webhook", "tried_at"], name="webhook_event_tried"),
            models.Index(
                fields=["webhook"], condition=Q(state="failed"), name="webhook_event_failed"
            ),
            # Few rows: which one is next?
            models.Index(
                fields=["webhook", "id"],
                condition=Q(due_at__isnull=False),
                name="webhook_event_open",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.type} for {self.webhook}"

    @property
    def tries(self) -> int:
        """Attempts that count towards the limit."""
        return self.attempts - self.forgiven_attempts
