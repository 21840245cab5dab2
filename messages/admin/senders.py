"""Pages of unknown senders: names that tried and are not configured."""

from django.contrib import admin

from audit.theme import RangeDateTimeFilter, ReadOnlyAdmin
from messages.admin.words import moment
from messages.models import UnknownSender
from partners.access.pages import ScopedAdmin


@admin.register(UnknownSender)
class UnknownSenderAdmin(ScopedAdmin, ReadOnlyAdmin):
    """Who came with AS2 names that no connection has: a typing error, or a stranger."""

    list_display = ("last_time", "as2_from", "as2_to", "address", "count", "first_time")
    list_filter = (("last_seen", RangeDateTimeFilter),)
    search_fields = ("as2_from", "as2_to", "address")
    ordering = ("-last_seen",)
    fields = list_display
    readonly_fields = ("last_time", "first_time")

    @admin.display(description="last seen (UTC)", ordering="last_seen")
    def last_time(self, row: UnknownSender) -> str:
        """Show the last time, to the second."""
        return moment(row.last_seen)

    @admin.display(description="first seen (UTC)", ordering="first_seen")
    def first_time(self, row: UnknownSender) -> str:
        """Show the first time, to the second."""
        return moment(row.first_seen)
