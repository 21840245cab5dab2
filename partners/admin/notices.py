"""Notices: what the gateway reminded of, and whether a mail went out."""

from django.contrib import admin
from django.utils.safestring import SafeString

from audit.badges import Tone, badge
from audit.theme import ReadOnlyAdmin
from partners.access.pages import ScopedAdmin
from partners.models import Notice


@admin.register(Notice)
class NoticeAdmin(ScopedAdmin, ReadOnlyAdmin):
    """Reminders, the latest first. They name every partner: only for who sees everything."""

    list_display = ("created_at", "how", "title", "days_left", "mailed_at", "error")
    list_display_links = ("created_at", "title")
    list_filter = ("urgent",)
    search_fields = ("title", "fingerprint")
    fields = (
        "title",
        "text",
        "urgent",
        "days_left",
        "organization",
        "partner",
        "fingerprint",
        "recipients",
        "created_at",
        "mailed_at",
        "error",
    )

    @admin.display(description="", ordering="urgent")
    def how(self, row: Notice) -> SafeString:
        """Show whether it is urgent."""
        return badge(Tone.BAD, "urgent") if row.urgent else badge(Tone.PLAIN, "notice")
