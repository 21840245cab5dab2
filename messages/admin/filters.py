"""Filters of the message lists."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from audit.theme import DropdownFilter
from messages.admin import attention
from messages.models import Message
from partners.access.visibility import visible_connections


class AttentionFilter(DropdownFilter):
    """Messages that need somebody, by the same rules as the start page."""

    title = "attention"
    parameter_name = "attention"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer what the start page shows."""
        return [
            ("failed", "Failed in the last 7 days"),
            ("stuck", "Stuck"),
            ("waiting", "Waiting for an MDN"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Message]) -> QuerySet[Message]:
        """Keep what was chosen."""
        now = timezone.now()
        match self.value():
            case "failed":
                return queryset & attention.failed(now)
            case "stuck":
                return queryset & attention.stuck(now)
            case "waiting":
                return queryset & attention.waiting()
            case _:
                return queryset


class ConnectionFilter(DropdownFilter):
    """Messages of one connection; the choices take one query, whatever their number."""

    title = "connection"
    parameter_name = "connection"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer every connection by its partner and AS2 names."""
        rows = visible_connections(request.user).select_related("organization", "partner")
        return [(str(row.pk), f"{row.partner.name}: {row}") for row in rows]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Message]) -> QuerySet[Message]:
        """Keep the chosen connection's; what is no number is no connection."""
        chosen = self.value()
        if not chosen:
            return queryset
        return queryset.filter(connection=int(chosen)) if chosen.isdecimal() else queryset.none()
