"""What the pages of connections know of onboarding: the wizard, promotion, our sheet."""

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.urls import URLPattern, path
from django.utils import timezone

from audit.links import as_key, page_of
from audit.pages import framed
from audit.theme import ModelAdmin, action
from partners.models import Connection, Environment
from partners.onboarding.promote_page import promote_page
from partners.onboarding.sheet import build
from partners.onboarding.wizard import judge_typed, may_onboard, wizard


class OnboardingAdmin(ModelAdmin):
    """Buttons on the list and on the page of a connection."""

    actions_list = ("onboard",)
    actions_detail: tuple[str, ...] = ("promote", "sheet")

    def get_urls(self) -> list[URLPattern]:
        """Add the wizard."""
        guarded = self.admin_site.admin_view
        return [
            path("wizard/", guarded(wizard), name="partners_connection_wizard"),
            path("wizard/judge/", guarded(judge_typed), name="partners_connection_wizard_judge"),
            *super().get_urls(),
        ]

    @action(description="Onboard a partner", url_path="onboard", permissions=["onboard"])
    def onboard(self, request: HttpRequest) -> HttpResponse:
        """Open the wizard."""
        return wizard(request)

    @action(description="Bring to production", url_path="promote", permissions=["promote"])
    def promote(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Compare a test connection with production, and take over what is chosen."""
        return promote_page(self, request, self._row(request, object_id))

    @action(description="Our sheet", url_path="sheet", permissions=["sheet"])
    def sheet(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show what the partner has to know of us."""
        row = self._row(request, object_id)
        made = build(row, timezone.now())
        if request.GET.get("format") == "json":
            return JsonResponse(made.to_plain(), json_dumps_params={"indent": 2})
        context = {
            "title": f"Our sheet for {row.partner}",
            "original": row,
            "sheet": made,
            "back": page_of(row),
        }
        return framed(self, request, "partners/onboarding/sheet.html", context)

    def has_onboard_permission(self, request: HttpRequest) -> bool:
        """Whoever may make partners and connections."""
        return may_onboard(request)

    def has_promote_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """Whoever may edit it, if it is a test connection."""
        may = self.has_change_permission(request)
        tests = Connection.objects.filter(environment=Environment.TEST)
        return may and (object_id is None or tests.filter(pk=as_key(object_id)).exists())

    def has_sheet_permission(self, request: HttpRequest, _object_id: object = None) -> bool:
        """Whoever may see the connection."""
        return self.has_view_permission(request)

    def _row(self, request: HttpRequest, object_id: str) -> Connection:
        row = self.get_object(request, object_id)
        if not isinstance(row, Connection) or not self.has_view_permission(request, row):
            raise Http404
        return row
