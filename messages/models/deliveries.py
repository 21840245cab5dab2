"""Delivery: handing a received payload to the business side."""

from django.db import models
from django.db.models import Q

from messages.models.messages import Message
from messages.models.work import DueQuerySet, Work
from partners.models import Route


class DeliveryState(models.TextChoices):
    """Whether the business side has it; *waiting* is kept until it fetches it by the API."""

    QUEUED = "queued"
    WAITING = "waiting"
    DONE = "done"
    HELD = "held"


class Deliveries(DueQuerySet["Delivery"]):
    """Deliveries by when they are due."""


class Delivery(Work):
    """One hand-over along one route; the target's name is fixed when the row is made."""

    message = models.ForeignKey(Message, models.PROTECT, related_name="deliveries")
    #: which of the message's attachments, counted from 1; null = the whole payload
    attachment = models.PositiveSmallIntegerField(null=True, blank=True, editable=False)
    route = models.CharField(max_length=20, choices=Route, default=Route.FOLDER)
    #: the final file's path below the inbox, known before the first try; a name for it otherwise
    target = models.CharField(max_length=600)
    #: the copy beside the target is whole and durable; from then on it is only renamed, so that a
    #: file which the business side has already taken away is never put there again
    prepared = models.BooleanField(default=False, editable=False)
    state = models.CharField(max_length=10, choices=DeliveryState, default=DeliveryState.QUEUED)
    failure_text = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = Deliveries.as_manager()

    class Meta:
        verbose_name_plural = "deliveries"
        ordering = ["-created_at", "-pk"]
        permissions = [
            ("retry_delivery", "Can retry a delivery"),
            ("acknowledge_delivery", "Can acknowledge documents that wait to be fetched"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["message", "route", "target"], name="delivery_once_a_route"
            ),
            models.CheckConstraint(
                condition=Q(due_at__isnull=False, state=DeliveryState.QUEUED)
                | (Q(due_at__isnull=True) & ~Q(state=DeliveryState.QUEUED)),
                name="delivery_due_while_queued",
            ),
            models.CheckConstraint(
                condition=~Q(state=DeliveryState.WAITING) | Q(route=Route.PULL),
                name="delivery_waits_to_be_pulled",
            ),
        ]
        indexes = [
            # Few rows at a time, which programs ask for again and again.
            models.Index(
                fields=["id"], condition=Q(state=DeliveryState.WAITING), name="delivery_waiting"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.route}: {self.target}"
