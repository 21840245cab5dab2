"""Rollover: a planned change from one certificate to the next, theirs or ours, kept as history."""

import datetime as dt
from typing import cast

from django.db import models
from django.db.models import F, Q

from partners.models.certificates import CertificateFacts, PartnerCertificate
from partners.models.connections import Connection
from partners.models.keys import KeyPair


class RolloverState(models.TextChoices):
    """Where a rollover stands. Whether it is confirmed is told by its confirmations."""

    PLANNED = "planned"
    ACTIVE = "active"
    DONE = "done"
    CANCELLED = "cancelled"


#: What can still be moved, confirmed or cancelled.
OPEN_STATES = (RolloverState.PLANNED, RolloverState.ACTIVE)


class Rollover(models.Model):
    """One change: of a partner's certificate on a connection, or of a key pair of ours.

    What is used is decided by the certificates' own ``activates_at`` and ``retires_at``, at the
    moment of each message. This row is the plan and the record of it, so a task that comes late
    makes the record late, never the change.
    """

    old_certificate = models.ForeignKey(
        PartnerCertificate, models.PROTECT, null=True, blank=True, related_name="successions"
    )
    new_certificate = models.ForeignKey(
        PartnerCertificate, models.PROTECT, null=True, blank=True, related_name="precessions"
    )
    old_pair = models.ForeignKey(
        KeyPair, models.PROTECT, null=True, blank=True, related_name="successions"
    )
    new_pair = models.ForeignKey(
        KeyPair, models.PROTECT, null=True, blank=True, related_name="precessions"
    )
    state = models.CharField(
        max_length=10, choices=RolloverState, default=RolloverState.PLANNED, db_index=True
    )
    created_by = models.CharField(max_length=150)
    created_at = models.DateTimeField()
    activated_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    old_certificate__isnull=False,
                    new_certificate__isnull=False,
                    old_pair__isnull=True,
                    new_pair__isnull=True,
                )
                | Q(
                    old_certificate__isnull=True,
                    new_certificate__isnull=True,
                    old_pair__isnull=False,
                    new_pair__isnull=False,
                ),
                name="rollover_of_one_side",
            ),
            models.CheckConstraint(
                condition=Q(old_certificate__isnull=True)
                | ~Q(old_certificate=F("new_certificate")),
                name="rollover_to_another_certificate",
            ),
            models.CheckConstraint(
                condition=Q(old_pair__isnull=True) | ~Q(old_pair=F("new_pair")),
                name="rollover_to_another_pair",
            ),
            models.UniqueConstraint(
                fields=["old_certificate", "new_certificate"], name="rollover_of_certificate_once"
            ),
            models.UniqueConstraint(fields=["old_pair", "new_pair"], name="rollover_of_pair_once"),
        ]

    def __str__(self) -> str:
        return f"{self.whose}: {self.old.fingerprint[:16]} → {self.new.fingerprint[:16]}"

    @property
    def is_ours(self) -> bool:
        """Whether it is a key pair of ours that changes."""
        return self.new_pair_id is not None

    @property
    def old(self) -> CertificateFacts:
        """The certificate that is replaced."""
        return cast("CertificateFacts", self.old_pair or self.old_certificate)

    @property
    def new(self) -> CertificateFacts:
        """Its successor."""
        return cast("CertificateFacts", self.new_pair or self.new_certificate)

    @property
    def whose(self) -> str:
        """Name whose certificate changes."""
        pair, certificate = self.new_pair, self.new_certificate
        return str(pair.organization if pair else certificate and certificate.connection)

    @property
    def starts_at(self) -> dt.datetime:
        """From when on the new one is used: one truth, kept where policies look."""
        return self.new.activates_at

    @property
    def is_open(self) -> bool:
        """Whether anything can still happen to it."""
        return self.state in OPEN_STATES


class Confirmation(models.Model):
    """How far one connection is with a rollover: told, acknowledged, seen to work."""

    rollover = models.ForeignKey(Rollover, models.PROTECT, related_name="confirmations")
    connection = models.ForeignKey(Connection, models.PROTECT, related_name="confirmations")
    told_at = models.DateTimeField(null=True, blank=True)
    acknowledged_at = models.DateTimeField(
        null=True, blank=True, help_text="The partner says that it has the new certificate."
    )
    acknowledged_by = models.CharField(max_length=150, blank=True)
    confirmed_at = models.DateTimeField(
        null=True, blank=True, help_text="The first message that used the new certificate."
    )

    class Meta:
        ordering = ["connection__partner__name", "connection__environment", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["rollover", "connection"], name="rollover_confirmation_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.connection}"

    @property
    def step(self) -> str:
        """How far it is, in a word."""
        moments: list[tuple[str, dt.datetime | None]] = [
            ("confirmed", self.confirmed_at),
            ("acknowledged", self.acknowledged_at),
            ("told", self.told_at),
        ]
        return next((word for word, at in moments if at is not None), "open")
