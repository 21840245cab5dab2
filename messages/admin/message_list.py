"""The list of messages, and the doors to what can be done with one."""

from typing import Any, cast

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from audit.badges import badge
from audit.pages import framed
from audit.theme import ChoicesDropdownFilter, RangeDateTimeFilter, ReadOnlyAdmin
from messages.admin import downloads, evidencing, resending, saved_views
from messages.admin.counting import Step, counts
from messages.admin.exporting import export
from messages.admin.filters import (
    AttentionFilter,
    ConnectionFilter,
    FailureFilter,
    KindFilter,
)
from messages.admin.message_page import build_page
from messages.admin.verdicts import mdn_verdict
from messages.admin.words import STATE_TONES, moment, size
from messages.models import MDN, Direction, Message, State
from messages.visibility import OF_MESSAGE, visible_messages
from partners.access.pages import ScopedAdmin
from partners.access.visibility import sees_everything

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
        FailureFilter,
        KindFilter,
        ConnectionFilter,
        ("created_at", RangeDateTimeFilter),
    )
    search_fields = ("message_id", "filename", "edi_control_number", "edi_references")
    search_help_text = "Message-ID, file name, control, order or invoice number"
    list_before_template = "as2_messages/list_tools.html"
    actions = ("resend_selected", "resubmit_selected")
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
                "<int:pk>/resubmit/",
                guard(resending.resubmit),
                name="as2_messages_message_resubmit",
            ),
            path(
                "<int:pk>/evidence/",
                guard(evidencing.evidence),
                name="as2_messages_message_evidence",
            ),
            path("export/", guard(self.export), name="as2_messages_message_export"),
            path("counts/", guard(self.counts), name="as2_messages_message_counts"),
            path("views/", guard(saved_views.save), name="as2_messages_message_view_save"),
            path(
                "views/<int:pk>/delete/",
                guard(saved_views.delete),
                name="as2_messages_message_view_delete",
            ),
            path(
                "<int:pk>/download/<str:what>/",
                guard(downloads.download),
                name="as2_messages_message_download",
            ),
            *super().get_urls(),
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Add saved views, and the ways to counts and CSV with the filters of now."""
        tools = {
            "views": list(saved_views.visible_views(request.user)),
            "query": saved_views.essence(request.GET),
            "may_share": sees_everything(request.user),
        }
        return super().changelist_view(request, {**(extra_context or {}), "tools": tools})

    def export(self, request: HttpRequest) -> HttpResponseBase:
        """Give what the list shows as CSV."""
        rows = self._listed(request)
        return HttpResponseRedirect("../") if rows is None else export(request, rows)

    def counts(self, request: HttpRequest) -> HttpResponseBase:
        """Count what the list shows."""
        asked = request.GET.get("step", "")
        step = next((each for each in Step if each == asked), Step.DAY)
        rows = self._listed(request)
        if rows is None:
            return HttpResponseRedirect("../")
        query = saved_views.essence(request.GET)
        context = {
            "title": "Counts",
            "counts": counts(request, rows, step, timezone.now()),
            "query": query,
            "back": f"../?{query}",
        }
        return framed(self, request, "as2_messages/counts.html", context)

    def _listed(self, request: HttpRequest) -> QuerySet[Message] | None:
        """Return the rows of the list with the filters that the address names; None if it errs."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        query = request.GET
        # What is left is all that the list itself knows; anything else would be taken for an error.
        request.GET = QueryDict(saved_views.essence(query))
        try:
            return cast("QuerySet[Message]", self.get_changelist_instance(request).queryset)
        except IncorrectLookupParameters:
            return None
        finally:
            request.GET = query

    def has_send_again_permission(self, request: HttpRequest) -> bool:
        """Say whether this user may send again."""
        return request.user.has_perm(resending.PERMISSION)

    @admin.action(description="Resend: same bytes, same Message-ID", permissions=["send_again"])
    def resend_selected(
        self, request: HttpRequest, queryset: QuerySet[Message]
    ) -> HttpResponse | None:
        """Send the same bytes again, after a look at them."""
        return resending.many(request, queryset, resending.RESEND)

    @admin.action(description="Resubmit: as new messages", permissions=["send_again"])
    def resubmit_selected(
        self, request: HttpRequest, queryset: QuerySet[Message]
    ) -> HttpResponse | None:
        """Send the documents as new messages, after a look at them."""
        return resending.many(request, queryset, resending.RESUBMIT)

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
            "title": "Message",
            "original": found,
            "inline_admin_formsets": [],
            "page": build_page(found, request.user),
        }
        return framed(self, request, "as2_messages/message.html", context)

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
