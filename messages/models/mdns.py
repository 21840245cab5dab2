"""MDN: the proof that goes back, or comes back, for a message."""

import datetime as dt

from django.db import models
from django.db.models import Q

from messages.models.messages import Direction, Message
from messages.models.work import DueQuerySet, Work


class MDNState(models.TextChoices):
    """Outbound: answered (sync, in the HTTP reply) or queued → sent | failed (async).

    Inbound: verified (it proves what it says) · refused (it does not answer its message) ·
    unmatched (no message of ours, or nothing that could be verified: it changed nothing).
    """

    ANSWERED = "answered"
    QUEUED = "queued"
    SENT = "sent"
    FAILED = "failed"
    VERIFIED = "verified"
    REFUSED = "refused"
    UNMATCHED = "unmatched"


class MDNs(DueQuerySet["MDN"]):
    """MDNs by when they are due."""


class MDN(Work):
    """A message disposition notification. Outbound ones are made once and sent byte for byte."""

    direction = models.CharField(max_length=8, choices=Direction)
    state = models.CharField(max_length=10, choices=MDNState, db_index=True)
    message = models.ForeignKey(Message, models.PROTECT, null=True, blank=True, related_name="mdns")
    #: the MDN's own Message-ID; ``message_id`` is Django's name for the foreign key's column
    mdn_message_id = models.CharField("Message-ID", max_length=998, blank=True)
    original_message_id = models.CharField("Original-Message-ID", max_length=998, blank=True)
    as2_from = models.CharField("AS2-From", max_length=128, blank=True)
    as2_to = models.CharField("AS2-To", max_length=128, blank=True)
    disposition = models.CharField(max_length=500, blank=True)
    positive = models.BooleanField(default=False)
    signed = models.BooleanField(default=False)
    #: fingerprint of the certificate that signed it; empty = unsigned or not verified
    signer = models.CharField(max_length=64, blank=True)
    mic = models.CharField("Received-content-MIC", max_length=200, blank=True)
    mic_matched = models.BooleanField(null=True)
    text = models.TextField(blank=True)
    failure_text = models.TextField(blank=True)
    headers = models.JSONField(default=list, blank=True)
    #: key of the body in the store
    body_key = models.CharField(max_length=100, blank=True)
    #: where an outbound async MDN is posted
    url = models.CharField(max_length=2000, blank=True)
    #: when a repetition asked for it again, and how often it had been tried before: it then has
    #: the whole time anew
    asked_again_at = models.DateTimeField(null=True, blank=True, editable=False)
    forgiven_attempts = models.PositiveIntegerField(default=0, editable=False)
    address = models.GenericIPAddressField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = MDNs.as_manager()

    class Meta:
        verbose_name = "MDN"
        verbose_name_plural = "MDNs"
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(due_at__isnull=False, state=MDNState.QUEUED)
                | (Q(due_at__isnull=True) & ~Q(state=MDNState.QUEUED)),
                name="mdn_due_while_queued",
            ),
        ]
        indexes = [
            # Anybody can send those: they are counted at each one that comes, and purged. The state
            # is in it so that SQLite prefers it to the index of all states.
            models.Index(
                fields=["state", "created_at"],
                condition=Q(state="unmatched"),
                name="mdn_unmatched",
            ),
        ]

    @property
    def asked_at(self) -> dt.datetime:
        """When it was last asked for: from then on it is tried."""
        return self.asked_again_at or self.created_at

    @property
    def tries(self) -> int:
        """Attempts since then."""
        return self.attempts - self.forgiven_attempts

    def __str__(self) -> str:
        return f"MDN for {self.original_message_id}"
