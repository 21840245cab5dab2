"""Pages of the audit trail: to look through, never to write in."""

import json
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from audit.models import AuditEvent, AuditSeal
from audit.tags import Tag
from audit.theme import DropdownFilter, RangeDateTimeFilter, ReadOnlyAdmin


class TagFilter(DropdownFilter):
    """Events of one kind."""

    title = "tag"
    parameter_name = "tag"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer every kind there is."""
        return [(tag.value, tag.value) for tag in sorted(Tag)]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[AuditEvent]
    ) -> QuerySet[AuditEvent]:
        """Keep the chosen kind."""
        return queryset.filter(tag=self.value()) if self.value() else queryset


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    """What happened, who did it, from where."""

    list_display = ("time", "tag", "text", "actor", "address", "subject_name")
    list_filter = (TagFilter, ("at", RangeDateTimeFilter))
    search_fields = ("text", "actor", "subject_name", "subject_pk", "address")
    ordering = ("-pk",)
    fields = (
        "time",
        "tag",
        "text",
        "actor",
        "address",
        "subject_kind",
        "subject_pk",
        "subject_name",
        "details",
    )
    readonly_fields = ("time", "details")

    @admin.display(description="time (UTC)", ordering="pk")
    def time(self, event: AuditEvent) -> str:
        """Show when, to the second."""
        return f"{event.at:%Y-%m-%d %H:%M:%S}"

    @admin.display(description="data")
    def details(self, event: AuditEvent) -> SafeString | str:
        """Show old and new values as they were recorded."""
        if not event.data:
            return "-"
        text = json.dumps(event.data, indent=2, ensure_ascii=False, sort_keys=True)
        return format_html('<pre class="as2-code">{}</pre>', text)


@admin.register(AuditSeal)
class AuditSealAdmin(ReadOnlyAdmin):
    """The chain of seals; its head is what to note elsewhere."""

    list_display = ("number", "sealed_at", "digest")
    ordering = ("-number",)
    fields = ("number", "sealed_at", "ranges", "previous", "digest")
