"""Certificates of partners, and what any certificate of theirs or ours shows as columns."""

import datetime as dt
from collections.abc import Iterable
from typing import TypeVar

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from as2gateway.certificates import Certificate


def this_second() -> dt.datetime:
    """Return now as a form can show it: a fraction would be lost by the next save."""
    return timezone.now().replace(microsecond=0)


class CertificateFacts(models.Model):
    """A certificate and what is read out of it, so that lists can sort and filter."""

    certificate = models.BinaryField(help_text="DER", editable=False)
    fingerprint = models.CharField("SHA-256 fingerprint", max_length=64, editable=False)
    subject = models.CharField(max_length=500, editable=False)
    issuer = models.CharField(max_length=500, editable=False)
    serial = models.CharField("serial number", max_length=60, editable=False)
    key_type = models.CharField(max_length=20, editable=False)
    key_bits = models.PositiveIntegerField(editable=False)
    signature_hash = models.CharField(max_length=20, editable=False)
    not_before = models.DateTimeField(editable=False)
    not_after = models.DateTimeField(editable=False, db_index=True)
    activates_at = models.DateTimeField(default=this_second, help_text="In use from then on.")
    retires_at = models.DateTimeField(
        null=True, blank=True, help_text="Not accepted from then on; empty = never."
    )

    class Meta:
        abstract = True

    def read_facts(self, certificate: Certificate) -> None:
        """Take a certificate and fill the columns from it; nothing is saved."""
        self.certificate = certificate.der
        self.fingerprint = certificate.fingerprint
        self.subject = certificate.subject[:500]
        self.issuer = certificate.issuer[:500]
        self.serial = f"{certificate.serial:x}"[:60]
        self.key_type = certificate.key_type
        self.key_bits = certificate.key_bits
        self.signature_hash = certificate.signature_digest
        self.not_before = certificate.not_before
        self.not_after = certificate.not_after

    def is_accepted(self, now: dt.datetime) -> bool:
        """Tell whether it is not retired; it may be one that starts later."""
        return self.retires_at is None or self.retires_at > now

    def is_in_use(self, now: dt.datetime) -> bool:
        """Tell whether it has started and is not retired yet. Its own validity is not asked.

        Trust is by configuration (SEC-06): a partner's certificate that runs out overnight must not
        stop documents overnight. It shows in lists and notices instead, and ``apply`` refuses it.
        """
        return self.activates_at <= now and self.is_accepted(now)

    @property
    def value(self) -> Certificate:
        """The certificate as the core takes it."""
        return Certificate.from_der(bytes(self.certificate))


Facts = TypeVar("Facts", bound=CertificateFacts)


def in_use(rows: Iterable[Facts], now: dt.datetime) -> list[Facts]:
    """Pick the rows that have started, the latest first: that one is used."""
    counting = [row for row in rows if row.is_in_use(now)]
    return sorted(counting, key=lambda row: (row.activates_at, row.pk), reverse=True)


def accepted(rows: Iterable[Facts], now: dt.datetime) -> list[Facts]:
    """Pick the rows that verify or decrypt: those in use, then those that are yet to start.

    An operator has configured them all, and partners' clocks differ: whoever changes before the
    agreed moment must not be refused for it (CEM-04, CMS-29).
    """
    counting = [row for row in rows if row.is_accepted(now)]
    started = in_use(counting, now)
    later = [row for row in counting if row not in started]
    return started + sorted(later, key=lambda row: (row.activates_at, row.pk))


class PartnerCertificate(CertificateFacts):
    """A certificate that a partner gave us for one connection."""

    connection = models.ForeignKey(
        "partners.Connection", models.PROTECT, related_name="certificates"
    )
    verifies = models.BooleanField(default=True, help_text="Checks signatures of this partner.")
    encrypts = models.BooleanField(default=True, help_text="We encrypt to it.")
    tls = models.BooleanField("TLS", default=False, help_text="Their server or client shows it.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["connection", "-activates_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["connection", "fingerprint"], name="partner_certificate_once"
            ),
            models.CheckConstraint(
                condition=Q(retires_at__isnull=True) | Q(retires_at__gt=F("activates_at")),
                name="partner_certificate_retires_after_start",
                violation_error_message="It has to retire after it has started.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.subject} ({self.fingerprint[:16]})"
