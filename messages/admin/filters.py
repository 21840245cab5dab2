"""Filters of the message lists."""

from typing import Any, Final

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from audit.theme import DropdownFilter
from messages.admin import attention
from messages.models import Message
from messages.visibility import visible_messages
from partners.access.visibility import visible_connections

#: Messages of late in which kinds and failures to choose from are looked for.
_LATE: Final = 5000


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
            ("unacknowledged", "Without the acknowledgement that is due"),
            ("not-understood", "Refused by an acknowledgement"),
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
            case "unacknowledged":
                return queryset & attention.unacknowledged(now)
            case "not-understood":
                return queryset & attention.not_understood(now)
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


class FailureFilter(DropdownFilter):
    """Messages of one class of error, wherever it came from."""

    title = "failure"
    parameter_name = "failure"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the classes that there are of late."""
        # Which are empty is seen here: the database would read all rows to find that many others.
        late = visible_messages(request.user).order_by("-created_at")
        codes = set(late.values_list("failure_code", flat=True)[:_LATE]) - {""}
        return [("any", "any"), *((code, code) for code in sorted(_with(codes, self.value())))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Message]) -> QuerySet[Message]:
        """Keep the chosen class."""
        chosen = self.value()
        if chosen == "any":
            return queryset.exclude(failure_code="")
        return queryset.filter(failure_code=chosen) if chosen else queryset


class KindFilter(DropdownFilter):
    """Messages with one kind of document: ``X12 850``."""

    title = "kind of document"
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the kinds that there are of late."""
        late = visible_messages(request.user).order_by("-created_at")
        found = set(late.values_list("edi_standard", "edi_type")[:_LATE])
        kinds = _with({" ".join(pair).strip() for pair in found if pair[1]}, self.value())
        return [*((kind, kind) for kind in sorted(kinds)), ("unknown", "unknown")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Message]) -> QuerySet[Message]:
        """Keep the chosen kind."""
        chosen = self.value()
        if chosen == "unknown":
            return queryset.filter(edi_type="")
        standard, _, kind = (chosen or "").rpartition(" ")
        return queryset.filter(edi_standard=standard, edi_type=kind) if chosen else queryset


def _with(found: set[str], chosen: str | None) -> set[str]:
    """Keep offering what is chosen: the theme takes nothing else for a choice."""
    return found | {chosen} if chosen and chosen not in {"any", "unknown"} else found
