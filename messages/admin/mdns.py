"""Pages of MDNs: those we gave, those we got, and those that fit nothing."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from audit.badges import Tone, badge
from audit.links import link_to
from audit.theme import ChoicesDropdownFilter, RangeDateTimeFilter, ReadOnlyAdmin
from messages.admin.words import MDN_TONES, moment
from messages.models import MDN, MDNState
from messages.visibility import BY_MESSAGE
from partners.access.pages import ScopedAdmin


@admin.register(MDN)
class MDNAdmin(ScopedAdmin, ReadOnlyAdmin):
    """MDNs in both directions; filter by the state *unmatched* for those that changed nothing."""

    reach = BY_MESSAGE
    list_display = ("time", "direction", "as2_from", "as2_to", "verdict", "proof", "original")
    list_filter = (
        ("direction", ChoicesDropdownFilter),
        ("state", ChoicesDropdownFilter),
        ("created_at", RangeDateTimeFilter),
    )
    search_fields = ("mdn_message_id", "original_message_id")
    search_help_text = "Message-ID of the MDN or of its message"
    ordering = ("-created_at", "-pk")
    fieldsets = (
        (None, {"fields": ("verdict", "failure_text", "disposition", "proof", "text")}),
        (
            "Names",
            {"fields": ("time", "direction", "as2_from", "as2_to", "address", "url", "original")},
        ),
        ("Proof", {"fields": ("mic", "mic_matched", "signed", "signer")}),
        ("As it came or went", {"fields": ("mdn_message_id", "fields_")}),
    )
    readonly_fields = ("time", "verdict", "proof", "original", "fields_")

    def get_queryset(self, request: HttpRequest) -> QuerySet[MDN]:
        """Fetch the message with it."""
        return super().get_queryset(request).select_related("message")

    @admin.display(description="time (UTC)", ordering="created_at")
    def time(self, row: MDN) -> str:
        """Show when it came or was made."""
        return moment(row.created_at)

    @admin.display(description="state", ordering="state")
    def verdict(self, row: MDN) -> SafeString:
        """Show the state as a badge."""
        state = MDNState(row.state)
        return badge(MDN_TONES[state], state.value)

    @admin.display(description="says", ordering="positive")
    def proof(self, row: MDN) -> SafeString:
        """Show whether it is positive."""
        return badge(Tone.GOOD, "positive") if row.positive else badge(Tone.BAD, "negative")

    @admin.display(description="message")
    def original(self, row: MDN) -> SafeString | str:
        """Link to its message, or show the Message-ID it names."""
        if row.message is None:
            return row.original_message_id or "-"
        return link_to(row.message, row.message.message_id)

    @admin.display(description="header fields")
    def fields_(self, row: MDN) -> SafeString | str:
        """Show the header fields as they came or went."""
        lines = "\n".join(f"{name}: {value}" for name, value in row.headers)
        return format_html('<pre class="as2-code">{}</pre>', lines) if lines else "-"
