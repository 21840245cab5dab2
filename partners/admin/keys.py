"""Key pairs of ours: the public side only. No page shows a private key."""

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse

from audit.theme import action
from partners.access.pages import VisibleFilter
from partners.access.visibility import Reach, visible_organizations
from partners.admin.certificate_forms import KeyPairForm
from partners.admin.ending import DaysLeftFilter
from partners.admin.exports import send_file
from partners.admin.facts import FACTS, FactsAdmin
from partners.exporting import File
from partners.generating import Owner, signing_request
from partners.models import KeyPair
from partners.parsed import private_key_of


@admin.register(KeyPair)
class KeyPairAdmin(FactsAdmin):
    """Our certificates, those that end first on top."""

    reach = Reach("organization", visible_organizations)
    form = KeyPairForm
    list_display = ("name", "organization", "signs", "decrypts", "use", "days")
    list_select_related = ("organization",)
    list_filter = (DaysLeftFilter, ("organization", VisibleFilter), "signs", "decrypts")
    search_fields = ["name", *FactsAdmin.search_fields]
    fields = (
        "organization",
        "name",
        ("signs", "decrypts"),
        ("activates_at", "retires_at"),
        *FACTS,
    )
    readonly_fields = ("organization", *FACTS)
    actions_detail = ("request_certificate",)

    @action(
        description="Certificate request", url_path="request", permissions=["request_certificate"]
    )
    def request_certificate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Answer with a request (PKCS#10) for an authority; what it issues is planned later."""
        row = self.get_object(request, object_id)
        if not isinstance(row, KeyPair):
            raise Http404
        owner = row.organization
        names = Owner(owner.as2_id, owner.name, owner.message_id_domain)
        pem = signing_request(private_key_of(row), names)
        file = File(f"{owner.as2_id}-{row.pk}.csr", "application/pkcs10", pem)
        return send_file(request, row, file)

    def has_request_certificate_permission(
        self, request: HttpRequest, _object_id: object = None
    ) -> bool:
        """Whoever may change key pairs: a request is signed by the private key."""
        return request.user.has_perm("partners.change_keypair")
