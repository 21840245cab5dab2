"""Message: one AS2 message, ours or theirs. A row outlives the settings that it was made with."""

from typing import Any

from django.db import models
from django.db.models import Q

from as2gateway.algorithms import DigestAlgorithm
from as2gateway.attachments import Attachment
from as2gateway.edi import Acceptance
from as2gateway.policy import MDNMode
from messages.models.work import DueQuerySet, Work
from partners.models import Connection


class Direction(models.TextChoices):
    """Whose document it is."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"


class State(models.TextChoices):
    """Where a message is. Inbound: received → accepted | rejected. Outbound: the others.

    queued: payload is ours, wire bytes not built or not sent yet · sending: an attempt has begun ·
    waiting: sent, an async MDN is outstanding · delivered: a positive MDN proves it, or none was
    asked for and the partner answered 2xx · failed: given up, ``failure_text`` says why.
    """

    RECEIVED = "received"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    QUEUED = "queued"
    SENDING = "sending"
    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"


#: States in which something is still to be done, by us or by the partner.
OPEN_OUTBOUND = (State.QUEUED, State.SENDING, State.WAITING)


class Messages(DueQuerySet["Message"]):
    """Messages by when they are due."""


class Message(Work):
    """An AS2 message. Bytes live in the store under the keys named here, never in the database."""

    direction = models.CharField(max_length=8, choices=Direction)
    state = models.CharField(max_length=10, choices=State, db_index=True)
    connection = models.ForeignKey(Connection, models.PROTECT, related_name="messages")
    #: names as they were, for a row that outlives its partner's settings
    organization_name = models.CharField(max_length=200)
    partner_name = models.CharField(max_length=200)
    as2_from = models.CharField("AS2-From", max_length=128)
    as2_to = models.CharField("AS2-To", max_length=128)
    message_id = models.CharField("Message-ID", max_length=998)  # RFC 4130 §5.3.3
    subject = models.CharField(max_length=998, blank=True)
    content_type = models.CharField(max_length=255, blank=True)
    filename = models.CharField(max_length=255, blank=True)
    address = models.GenericIPAddressField(null=True, blank=True)
    #: of a received message: how its connection was protected; empty = not known (``arriving_tls``)
    tls_version = models.CharField("TLS", max_length=10, blank=True)
    tls_suite = models.CharField("TLS suite", max_length=60, blank=True)

    failure_code = models.CharField(max_length=60, blank=True, db_index=True)
    failure_text = models.TextField(blank=True)
    notes = models.JSONField(default=list, blank=True)

    #: keys in the store; empty = no such file (not made, refused or purged)
    raw_key = models.CharField(max_length=100, blank=True)
    payload_key = models.CharField(max_length=100, blank=True)
    wire_key = models.CharField(max_length=100, blank=True)
    #: header fields of the HTTP message, [[name, value], …], as received or as sent each time
    headers = models.JSONField(default=list, blank=True)

    payload_size = models.BigIntegerField(null=True, blank=True)
    payload_sha256 = models.CharField(max_length=64, blank=True)
    wire_size = models.BigIntegerField(null=True, blank=True)
    wire_sha256 = models.CharField(max_length=64, blank=True)

    #: where each document is in a payload of several: the core's attachments, field by field
    attachments = models.JSONField(default=list, blank=True, editable=False)

    #: algorithms of the layers, in the words of ``apply``; empty = that layer is absent
    signed = models.CharField(max_length=10, blank=True)
    encrypted = models.CharField(max_length=15, blank=True)
    compressed = models.BooleanField(default=False)
    #: digest of what no honest sender sends twice: the wrapped content key, or the whole signed
    #: request (threats R14, R19)
    replay_key = models.CharField(max_length=64, blank=True, editable=False)
    #: {digest algorithm: hex}: of our own octets when outbound, the one returned when inbound
    mics = models.JSONField(default=dict, blank=True)

    mdn_mode = models.CharField("MDN", max_length=5, default=MDNMode.NONE)
    mdn_signed = models.BooleanField("signed MDN", default=False)
    mdn_deadline = models.DateTimeField(null=True, blank=True)
    #: a verified MDN has settled it: a later one changes nothing (threats R26)
    decided_by_mdn = models.BooleanField(default=False, editable=False)
    #: attempts that no longer count towards the connection's limit: an operator sent it again
    forgiven_attempts = models.PositiveIntegerField(default=0, editable=False)
    #: the name under which an outbox file, or a request with an Idempotency-Key, was taken over,
    #: so that it is taken over once (SD1)
    outbox_key = models.CharField(max_length=64, blank=True, editable=False)

    #: EDI facts read from the payload's envelope
    edi_standard = models.CharField(max_length=10, blank=True)
    edi_type = models.CharField(max_length=20, blank=True)
    edi_control_number = models.CharField(max_length=20, blank=True)
    #: numbers that people ask by, one a line: ``order 4500012345``
    edi_references = models.TextField(blank=True)
    #: what a functional acknowledgement of it names; empty = none can come (``acknowledging``)
    edi_ack_number = models.CharField(max_length=20, blank=True, editable=False)
    #: what the partner's functional acknowledgement said of it
    acknowledgement = models.CharField(
        max_length=25, choices=[(each.value, each.value) for each in Acceptance], blank=True
    )
    acknowledged_at = models.DateTimeField(null=True, blank=True)

    #: settings and certificate fingerprints this message was made or judged by
    settings = models.JSONField(default=dict, blank=True)

    created_at = models.DateTimeField(auto_now_add=True, db_index=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    #: since when its Message-ID may be used again (``Connection.duplicate_days``)
    lapsed_at = models.DateTimeField(null=True, blank=True, editable=False)
    #: its payload and raw request are no longer kept (``retention``)
    purged_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = Messages.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        permissions = [
            ("download_payload", "Can download payloads and raw requests"),
            ("resend_message", "Can send a message again"),
            ("send_message", "Can send a document"),
        ]
        constraints = [
            # Only an accepted message claims its names (threats R17): what failed may come again.
            models.UniqueConstraint(
                fields=["as2_from", "as2_to", "message_id"],
                condition=Q(
                    direction=Direction.INBOUND, state=State.ACCEPTED, lapsed_at__isnull=True
                ),
                name="inbound_message_once",
            ),
            models.UniqueConstraint(
                fields=["message_id"],
                condition=Q(direction=Direction.OUTBOUND),
                name="outbound_message_id_once",
            ),
            models.UniqueConstraint(
                fields=["outbox_key"], condition=~Q(outbox_key=""), name="outbox_file_once"
            ),
            models.CheckConstraint(
                condition=Q(
                    direction=Direction.INBOUND,
                    state__in=[State.RECEIVED, State.ACCEPTED, State.REJECTED],
                )
                | Q(
                    direction=Direction.OUTBOUND,
                    state__in=[
                        State.QUEUED,
                        State.SENDING,
                        State.WAITING,
                        State.DELIVERED,
                        State.FAILED,
                    ],
                ),
                name="message_state_fits_direction",
            ),
            # What is over is never due again; what is not over always is.
            models.CheckConstraint(
                condition=Q(
                    due_at__isnull=True,
                    state__in=[State.ACCEPTED, State.REJECTED, State.DELIVERED, State.FAILED],
                )
                | Q(
                    due_at__isnull=False,
                    state__in=[State.RECEIVED, State.QUEUED, State.SENDING, State.WAITING],
                ),
                name="message_due_while_open",
            ),
        ]
        indexes = [
            models.Index(fields=["as2_from", "as2_to", "message_id"], name="message_names"),
            models.Index(
                fields=["replay_key"],
                condition=Q(direction=Direction.INBOUND, state=State.ACCEPTED),
                name="message_replay_key",
            ),
            # With the time, so that the last success and the last failure are found at once.
            models.Index(
                fields=["connection", "state", "created_at"], name="message_connection_state_time"
            ),
            models.Index(
                fields=["connection", "edi_ack_number"],
                condition=Q(acknowledged_at__isnull=True) & ~Q(edi_ack_number=""),
                name="message_unacknowledged",
            ),
            # Few rows, asked for by whoever has read one.
            models.Index(
                fields=["due_at"], condition=Q(state=State.RECEIVED), name="message_to_read"
            ),
            # Few rows, asked for after each message that was sent: which one is next?
            models.Index(
                fields=["connection", "id"],
                condition=Q(due_at__isnull=False),
                name="message_open",
            ),
            models.Index(
                fields=["connection", "finished_at"],
                condition=Q(purged_at__isnull=True),
                name="message_to_purge",
            ),
        ]

    def __str__(self) -> str:
        return self.message_id

    @property
    def tries(self) -> int:
        """Attempts that count towards the connection's limit."""
        return self.attempts - self.forgiven_attempts

    @property
    def kept_mics(self) -> dict[DigestAlgorithm, bytes]:
        """The kept digests as the core takes them."""
        return {DigestAlgorithm(name): bytes.fromhex(digest) for name, digest in self.mics.items()}

    @property
    def kept_attachments(self) -> tuple[Attachment, ...]:
        """The attachments as the core takes them; empty if the payload is one document."""
        return tuple(Attachment(**fields) for fields in self.attachments)

    @property
    def header_fields(self) -> tuple[tuple[str, str], ...]:
        """Header fields as the core takes them."""
        pairs: list[list[Any]] = self.headers
        return tuple((str(name), str(value)) for name, value in pairs)
