"""Partners: the companies we exchange documents with."""

from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest

from partners.access.visibility import (
    Reach,
    sees_everything,
    visible_connections,
    visible_partners,
)
from partners.admin.announcing import PartnerAnnouncementAdmin
from partners.admin.audited import AuditedAdmin
from partners.admin.renewing import PartnerRenewalAdmin
from partners.models import Partner


@admin.register(Partner)
class PartnerAdmin(PartnerRenewalAdmin, PartnerAnnouncementAdmin, AuditedAdmin):
    """Companies, each with its connections."""

    reach = Reach("pk", visible_partners)
    actions_detail = ("renew_certificate", "announce_certificate")
    list_display = ("name", "email", "contact", "connection_count")
    ordering = ("name",)  # the model's own is lost where rows are counted
    search_fields = ("name", "email", "contact")
    fields = ("name", "email", "contact", "notes")
    instead_of_deleting = "It stays for its history; suspend its connections instead."

    def get_queryset(self, request: HttpRequest) -> QuerySet[Partner]:
        """Count connections in the same query."""
        counted = Q(connections__in=visible_connections(request.user).order_by())
        if sees_everything(request.user):
            counted = Q()
        rows: QuerySet[Partner] = super().get_queryset(request)
        return rows.annotate(connection_count=Count("connections", filter=counted))

    @admin.display(description="connections", ordering="connection_count")
    def connection_count(self, row: Partner) -> int:
        """Show how many connections it has."""
        count: int = row.connection_count  # type: ignore[attr-defined]  # annotated above
        return count
