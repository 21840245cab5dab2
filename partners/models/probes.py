"""TLSProbe: one test of an endpoint's TLS, and what came of it."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models


class TLSProbe(models.Model):
    """A test, kept as history: the row is there before the first connection is made."""

    host = models.CharField(max_length=253)  # RFC 1035 §2.3.4, without the last dot
    port = models.PositiveIntegerField(
        default=443, validators=[MinValueValidator(1), MaxValueValidator(65535)]
    )
    started_at = models.DateTimeField(db_index=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    requested_by = models.CharField(max_length=150)
    #: what ``as2gateway.tls.report.Report`` writes
    facts = models.JSONField(null=True, blank=True)
    #: what each profile says: its name, a verdict and the rules that are violated or unknown
    verdicts = models.JSONField(default=list, blank=True)
    error = models.TextField(blank=True, help_text="Why nothing could be tested.")

    class Meta:
        verbose_name = "TLS test"
        ordering = ["-started_at", "-pk"]
        indexes = [models.Index(fields=["host", "port", "-started_at"], name="tls_probe_target")]

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"
