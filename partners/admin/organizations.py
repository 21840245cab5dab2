"""Organizations: us."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString

from partners.access.visibility import Reach, visible_organizations
from partners.admin.audited import AuditedAdmin
from partners.admin.facts import days_left
from partners.admin.renewing import OurRenewalAdmin
from partners.models import Organization, in_use


@admin.register(Organization)
class OrganizationAdmin(OurRenewalAdmin, AuditedAdmin):
    """Our AS2 identities."""

    reach = Reach("pk", visible_organizations)
    list_display = ("as2_id", "name", "email", "certificate")
    search_fields = ("as2_id", "name")
    fields = ("as2_id", "name", "message_id_domain", "email")
    instead_of_deleting = "It stays for its history; suspend its connections instead."

    def get_queryset(self, request: HttpRequest) -> QuerySet[Organization]:
        """Fetch the key pairs of all rows at once."""
        return super().get_queryset(request).prefetch_related("keys")

    @admin.display(description="our certificate")
    def certificate(self, row: Organization) -> SafeString:
        """Show how long the certificate that is used now is valid."""
        now = timezone.now()
        return days_left(next(iter(in_use(row.keys.all(), now)), None), now)
