"""The list of messages, and the doors to what can be done with one."""

from typing import Any, cast

from django.contrib import admin
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString

from audit.badges import badge
from audit.theme import ChoicesDropdownFilter, RangeDateTimeFilter, ReadOnlyAdmin
from messages.admin import downloads, resending
from messages.admin.filters import AttentionFilter, ConnectionFilter
from messages.admin.message_page import build_page
from messages.admin.verdicts import mdn_verdict
from messages.admin.words import STATE_TONES, moment, size
from messages.models import MDN, Direction, Message, State
from messages.visibility import OF_MESSAGE, visible_messages
from partners.access.pages import ScopedAdmin

_ARROWS = {Direction.INBOUND: "south_west", Direction.OUTBOUND: "north_east"}


@admin.register(Message)
class MessageAdmin(ScopedAdmin, ReadOnlyAdmin):
    """What came in and what went out, the latest first."""

    reach = OF_MESSAGE
    list_display = (
        "time",
        "way",
        "partner",
        "document",
        "edi",
        "payload",
        "verdict",
        "mdn",
    )
    list_filter = (
        AttentionFilter,
        ("direction", ChoicesDropdownFilter),
        ("state", ChoicesDropdownFilter),
        ConnectionFilter,
        ("created_at", RangeDateTimeFilter),
    )
    search_fields = ("message_id", "filename", "edi_control_number")
    search_help_text = "Message-ID, file name or control number"
    ordering = ("-created_at", "-pk")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Message]:
        """Fetch what a row of the list shows, in two queries for the page."""
        mdns = MDN.objects.only("message", "state", "positive", "created_at")
        large = ("headers", "settings", "notes", "failure_text", "mics")
        rows = super().get_queryset(request)
        return rows.defer(*large).prefetch_related(Prefetch("mdns", mdns))

    def get_urls(self) -> list[URLPattern]:
        """Add the doors of one message."""
        guard = self.admin_site.admin_view
        return [
            path(
                "<int:pk>/resend/",
                guard(resending.resend),
                name="as2_messages_message_resend",
            ),
            path(
                "<int:pk>/download/<str:what>/",
                guard(downloads.download),
                name="as2_messages_message_download",
            ),
            *super().get_urls(),
        ]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show one message as an operator wants to see it; nothing on the page can be edited."""
        rows = visible_messages(request.user).select_related(
            "connection__organization", "connection__partner"
        )
        found = rows.filter(pk=object_id).first() if object_id.isdecimal() else None
        if found is None or not self.has_view_permission(request, found):
            return super().change_view(request, object_id, form_url, extra_context)
        context = {
            **self.admin_site.each_context(request),
            "title": "Message",
            "opts": self.opts,
            "original": found,
            "inline_admin_formsets": [],
            "page": build_page(found, request.user),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "as2_messages/message.html", context)

    @admin.display(description="time (UTC)", ordering="created_at")
    def time(self, row: Message) -> str:
        """Show when it came, or was queued."""
        return moment(row.created_at)

    @admin.display(description="", ordering="direction")
    def way(self, row: Message) -> SafeString:
        """Show an arrow, in or out."""
        return format_html(
            '<span class="material-symbols-outlined as2-way as2-way-{}" title="{}" '
            'role="img" aria-label="{}">{}</span>',
            row.direction,
            row.direction,
            row.direction,
            _ARROWS[Direction(row.direction)],
        )

    @admin.display(ordering="partner_name")
    def partner(self, row: Message) -> str:
        """Show the company's name as it was then."""
        return row.partner_name

    @admin.display(description="file", ordering="filename")
    def document(self, row: Message) -> SafeString:
        """Show the file's name, or else the Message-ID; the whole of it on pointing."""
        text = row.filename or row.message_id
        return format_html('<span class="as2-clip" title="{}">{}</span>', row.message_id, text)

    @admin.display(description="EDI", ordering="edi_type")
    def edi(self, row: Message) -> str:
        """Show the kind of document."""
        return " ".join(filter(None, [row.edi_standard, row.edi_type])) or "-"

    @admin.display(description="size", ordering="payload_size")
    def payload(self, row: Message) -> str:
        """Show the payload's size."""
        return size(row.payload_size)

    @admin.display(description="state", ordering="state")
    def verdict(self, row: Message) -> SafeString:
        """Show the state as a badge."""
        state = State(row.state)
        return badge(STATE_TONES[state], state.value)

    @admin.display(description="MDN")
    def mdn(self, row: Message) -> SafeString:
        """Show what the MDN says."""
        found = mdn_verdict(row, cast("list[MDN]", row.mdns.all()))
        return badge(found.tone, found.text)
