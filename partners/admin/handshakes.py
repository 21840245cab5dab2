"""Handshakes that failed at our listener: who cannot reach us, and why."""

from django.contrib import admin

from audit.theme import RangeDateTimeFilter, ReadOnlyAdmin
from partners.access.pages import ScopedAdmin
from partners.models import FailedHandshake


@admin.register(FailedHandshake)
class FailedHandshakeAdmin(ScopedAdmin, ReadOnlyAdmin):
    """Addresses and reasons. They lead to no connection: only for who sees everything."""

    list_display = ("last_time", "address", "reason", "count", "first_time")
    list_filter = (("last_seen", RangeDateTimeFilter), "reason")
    search_fields = ("address", "reason")
    ordering = ("-last_seen",)
    fields = list_display
    readonly_fields = ("last_time", "first_time")

    @admin.display(description="last seen (UTC)", ordering="last_seen")
    def last_time(self, row: FailedHandshake) -> str:
        """Show the last time, to the second."""
        return f"{row.last_seen:%Y-%m-%d %H:%M:%S}"

    @admin.display(description="first seen (UTC)", ordering="first_seen")
    def first_time(self, row: FailedHandshake) -> str:
        """Show the first time, to the second."""
        return f"{row.first_seen:%Y-%m-%d %H:%M:%S}"
