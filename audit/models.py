"""Audit rows: events, and the seals that prove that none of them was changed or removed.

The database itself refuses UPDATE and DELETE on both tables (``audit.triggers``).
"""

from django.db import models


class AuditEvent(models.Model):
    """Who did what to what, and when. Names are copied: the row outlives what it tells of."""

    at = models.DateTimeField()
    tag = models.CharField(max_length=60)
    actor = models.CharField(max_length=150)  # as long as Django's user names
    address = models.GenericIPAddressField(null=True, blank=True)
    subject_kind = models.CharField(max_length=40)
    subject_pk = models.CharField(max_length=40)
    subject_name = models.CharField(max_length=200)
    text = models.CharField(max_length=1000)
    data = models.JSONField(default=dict)

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["at"], name="audit_event_at"),
            models.Index(fields=["tag", "at"], name="audit_event_tag"),
            models.Index(fields=["subject_kind", "subject_pk"], name="audit_event_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.tag}: {self.text}"


class AuditSeal(models.Model):
    """A batch of events, closed: one link of the hash chain (``audit.sealing``)."""

    #: the place in the chain, counted from 1; as primary key it lets only one of two sealers win
    number = models.PositiveBigIntegerField(primary_key=True)
    sealed_at = models.DateTimeField(db_index=True)
    #: ids of the events in it, ascending, as inclusive ranges: [[first, last], …]
    ranges = models.JSONField()
    #: the highest id in this seal and all before it
    top = models.PositiveBigIntegerField()
    #: the SHA-256 digest of each event, 32 bytes each, in the order of their ids
    digests = models.BinaryField()
    #: the digest of the seal before this one; 64 zeros in the first
    previous = models.CharField(max_length=64)
    #: SHA-256 over all of the above, in hexadecimal
    digest = models.CharField(max_length=64)

    class Meta:
        ordering = ["-number"]

    def __str__(self) -> str:
        return f"{self.number}:{self.digest}"


class AuditGap(models.Model):
    """Ids below a sealed event that no event had yet: a note of the sealer's, and no evidence.

    Whoever removes one hides nothing: verifying finds the event that came there, in no seal.
    """

    first = models.PositiveBigIntegerField()
    last = models.PositiveBigIntegerField()
    #: when the seal above it was made; an hour later nobody waits for it (``audit.sealing.LATE``)
    seen_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.first}-{self.last}"
