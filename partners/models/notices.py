"""Notice: a reminder that was due, whether it went out by mail, and to whom."""

from django.db import models

from partners.models.organizations import Organization
from partners.models.partners import Partner


class Notice(models.Model):
    """One reminder about one thing. A row is an event; it is made once, whoever asks again."""

    #: what it reminds of and which step it is, so that a restart cannot make it twice
    key = models.CharField(max_length=120, unique=True, editable=False)
    urgent = models.BooleanField(default=False)
    title = models.CharField(max_length=300)
    text = models.TextField()
    organization = models.ForeignKey(
        Organization, models.PROTECT, null=True, blank=True, related_name="notices"
    )
    partner = models.ForeignKey(
        Partner, models.PROTECT, null=True, blank=True, related_name="notices"
    )
    fingerprint = models.CharField(max_length=64, blank=True)
    days_left = models.IntegerField(help_text="Negative: it is over.")
    recipients = models.JSONField(default=list, blank=True)
    created_at = models.DateTimeField(db_index=True)
    claimed_at = models.DateTimeField(null=True, blank=True, editable=False)
    mailed_at = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=500, blank=True, help_text="Why no mail went out.")

    class Meta:
        ordering = ["-created_at", "-pk"]

    def __str__(self) -> str:
        return self.title
