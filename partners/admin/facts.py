"""What a certificate shows on a page, ours or theirs."""

import datetime as dt
from typing import Any, Final

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from audit.badges import Tone, badge
from partners.admin.audited import AuditedAdmin
from partners.admin.exports import DownloadsAdmin
from partners.models import CertificateFacts

#: Days before its end from which a certificate is urgent, and from which a successor is due.
URGENT: Final = 7
DUE: Final = 30

FACTS: Final = (
    "subject",
    "issuer",
    "serial",
    "fingerprint",
    "key",
    "signature_hash",
    "not_before",
    "not_after",
    "downloads",
    "pem",
)


def days_left(row: CertificateFacts | None, now: dt.datetime) -> SafeString:
    """Show how long a certificate is valid, as a badge."""
    if row is None:
        return badge(Tone.BAD, "none")
    days = (row.not_after - now).days
    if days < 0:
        return badge(Tone.BAD, f"expired {-days} days ago")
    tone = Tone.BAD if days < URGENT else Tone.WARN if days < DUE else Tone.GOOD
    return badge(tone, f"{days} days")


class FactsAdmin(DownloadsAdmin, AuditedAdmin):
    """A certificate's page: what stands in it is fixed, when and for what it is used is not."""

    search_fields = ["subject", "fingerprint", "serial"]
    ordering = ("not_after",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody: there is more to check than a form can."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody: messages name it by its fingerprint. It is retired instead."""
        return False

    @admin.display(description="valid for", ordering="not_after")
    def days(self, row: CertificateFacts) -> SafeString:
        """Show how long it is still valid."""
        return days_left(row, timezone.now())

    @admin.display(description="use")
    def use(self, row: CertificateFacts) -> SafeString:
        """Show whether it is used now."""
        now = timezone.now()
        if row.is_in_use(now):
            return badge(Tone.GOOD, "in use")
        if row.activates_at > now:
            return badge(Tone.BUSY, f"from {row.activates_at:%Y-%m-%d}")
        return badge(Tone.PLAIN, "retired")

    @admin.display(description="key")
    def key(self, row: CertificateFacts) -> str:
        """Show kind and length of the key."""
        return f"{row.key_type.upper()} {row.key_bits}"

    @admin.display(description="certificate (PEM)")
    def pem(self, row: CertificateFacts) -> SafeString:
        """Show the public certificate, to be copied."""
        return format_html('<pre class="as2-code">{}</pre>', row.value.pem())
