"""Attempt: one POST, of a message or of an async MDN."""

from django.db import models
from django.db.models import Q

from messages.models.mdns import MDN
from messages.models.messages import Message


class ErrorClass(models.TextChoices):
    """What kind of fault ended an attempt; empty in the row = none."""

    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    TIMEOUT = "timeout"
    CUT = "cut"
    HTTP = "http"
    ANSWER = "answer"
    LOST = "lost"


#: Faults that show that the partner's server is not there at all, whatever is sent to it.
UNREACHABLE = (ErrorClass.DNS, ErrorClass.CONNECT, ErrorClass.TLS)
#: Faults after which a partner is spared for a while: it is not there, or does not answer.
AWAY = (*UNREACHABLE, ErrorClass.TIMEOUT)


class Attempt(models.Model):
    """One POST and what came of it."""

    message = models.ForeignKey(
        Message, models.PROTECT, null=True, blank=True, related_name="attempt_rows"
    )
    mdn = models.ForeignKey(MDN, models.PROTECT, null=True, blank=True, related_name="attempt_rows")
    number = models.PositiveIntegerField()
    #: where each attempt has a Message-ID of its own, this one's; empty = the message's
    sent_as = models.CharField("Message-ID", max_length=998, blank=True)
    url = models.CharField("URL", max_length=2000)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    peer = models.CharField(max_length=60, blank=True, help_text="Address and port reached.")
    http_status = models.PositiveSmallIntegerField("HTTP status", null=True, blank=True)
    tls_version = models.CharField("TLS version", max_length=10, blank=True)
    tls_suite = models.CharField("TLS suite", max_length=60, blank=True)
    tls_fingerprint = models.CharField("TLS certificate", max_length=64, blank=True)
    error_class = models.CharField(max_length=10, choices=ErrorClass, blank=True)
    error_text = models.TextField(blank=True)

    class Meta:
        ordering = ["started_at", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(message__isnull=False, mdn__isnull=True)
                | Q(message__isnull=True, mdn__isnull=False),
                name="attempt_of_message_or_mdn",
            ),
            models.UniqueConstraint(fields=["message", "number"], name="attempt_number_once"),
            models.UniqueConstraint(fields=["mdn", "number"], name="mdn_attempt_number_once"),
        ]
        indexes = [
            models.Index(fields=["sent_as"], condition=~Q(sent_as=""), name="attempt_sent_as"),
            # Few rows, looked at before each attempt: is the partner known to be away?
            models.Index(
                fields=["ended_at"],
                condition=Q(error_class__in=AWAY),
                name="attempt_away",
            ),
            # Asked while a server is known to be away: has any answered since?
            models.Index(
                fields=["ended_at"],
                condition=Q(http_status__isnull=False),
                name="attempt_answered",
            ),
        ]

    def __str__(self) -> str:
        return f"attempt {self.number}"
