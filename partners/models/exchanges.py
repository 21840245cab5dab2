"""Certificate exchange messages: what partners offer us and we offer them, until it is decided."""

from django.db import models
from django.db.models import Q

from as2gateway.certificates import Certificate
from partners.models.connections import Connection
from partners.models.rollovers import Confirmation


class CertificateRequest(models.Model):
    """A partner asks us, by a message of its own, to trust certificates of theirs.

    The answer goes back once all of its offers are decided.
    """

    connection = models.ForeignKey(
        Connection, models.PROTECT, related_name="certificate_requests", editable=False
    )
    #: the partner's own name for it, which the answer repeats
    request_id = models.CharField("request id", max_length=255, editable=False)
    #: of the AS2 message that brought it
    message_id = models.CharField("Message-ID", max_length=998, editable=False)
    respond_by = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="From then on the partner may use the certificates, whatever we answer.",
    )
    received_at = models.DateTimeField(editable=False)
    answered_at = models.DateTimeField(null=True, blank=True, editable=False, db_index=True)
    #: of the message that took the answer
    answer_message_id = models.CharField(max_length=998, blank=True, editable=False)

    class Meta:
        ordering = ["-received_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["connection", "request_id"], name="certificate_request_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.connection}: {self.request_id}"


class OfferState(models.TextChoices):
    """What we say to a certificate. Nothing but *accepted* is ever used."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    REJECTED = "rejected"


class CertificateOffer(models.Model):
    """One certificate of a request, and what it is meant for."""

    request = models.ForeignKey(CertificateRequest, models.PROTECT, related_name="offers")
    certificate = models.BinaryField(help_text="DER", editable=False)
    fingerprint = models.CharField("SHA-256 fingerprint", max_length=64, editable=False)
    subject = models.CharField(max_length=500, editable=False)
    #: as the partner spells them; the answer repeats them
    issuer_name = models.CharField(max_length=1000, editable=False)
    serial_number = models.CharField(max_length=60, editable=False)
    verifies = models.BooleanField(editable=False)
    encrypts = models.BooleanField(editable=False)
    tls = models.BooleanField("TLS", editable=False)
    state = models.CharField(
        max_length=10, choices=OfferState, default=OfferState.PENDING, editable=False
    )
    reason = models.CharField(max_length=500, blank=True, editable=False)
    decided_by = models.CharField(max_length=150, blank=True, editable=False)
    decided_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["request", "fingerprint"], name="certificate_offer_once"
            ),
            models.CheckConstraint(
                condition=Q(state=OfferState.PENDING, decided_at__isnull=True)
                | (~Q(state=OfferState.PENDING) & Q(decided_at__isnull=False)),
                name="certificate_offer_decided_or_pending",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.subject} ({self.fingerprint[:16]})"

    @property
    def value(self) -> Certificate:
        """The certificate as the core takes it."""
        return Certificate.from_der(bytes(self.certificate))


class CertificateAnnouncement(models.Model):
    """We ask one partner, by a message of its own, to trust the next certificate of ours.

    The row is made when an operator asks for it; a worker sends the message soon after.
    """

    confirmation = models.ForeignKey(
        Confirmation, models.PROTECT, related_name="announcements", editable=False
    )
    request_id = models.CharField("request id", max_length=255, unique=True, editable=False)
    respond_by = models.DateTimeField(editable=False)
    created_by = models.CharField(max_length=150, editable=False)
    created_at = models.DateTimeField(editable=False)
    #: of the message that took it; empty = not sent yet
    message_id = models.CharField(
        "Message-ID", max_length=998, blank=True, db_index=True, editable=False
    )
    #: why it could not be sent, if so
    failure_text = models.TextField(blank=True, editable=False)
    answer = models.CharField(max_length=10, choices=OfferState, default=OfferState.PENDING)
    reason = models.CharField(max_length=500, blank=True, editable=False)
    answered_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["-created_at", "-pk"]

    def __str__(self) -> str:
        return self.request_id
