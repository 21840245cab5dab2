"""Partners: the companies we exchange documents with."""

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest

from partners.admin.audited import AuditedAdmin
from partners.models import Partner


@admin.register(Partner)
class PartnerAdmin(AuditedAdmin):
    """Companies, each with its connections."""

    list_display = ("name", "email", "contact", "connection_count")
    search_fields = ("name", "email", "contact")
    fields = ("name", "email", "contact", "notes")
    instead_of_deleting = "It stays for its history; suspend its connections instead."

    def get_queryset(self, request: HttpRequest) -> QuerySet[Partner]:
        """Count connections in the same query."""
        return Partner.objects.annotate(connection_count=Count("connections"))

    @admin.display(description="connections", ordering="connection_count")
    def connection_count(self, row: Partner) -> int:
        """Show how many connections it has."""
        count: int = row.connection_count  # type: ignore[attr-defined]  # annotated above
        return count
