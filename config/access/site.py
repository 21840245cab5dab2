"""The admin site: the theme's, behind a second factor for those who have one."""

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, reverse

from audit.addresses import address_of
from config.access import pages, second_factor
from config.access.changes import noting_password
from partners.rollover.recording import By

if TYPE_CHECKING:
    from django.contrib.admin import AdminSite
else:
    from unfold.sites import UnfoldAdminSite as AdminSite


class GatewaySite(AdminSite):
    """Opens when password and, where there is one, second factor have been given."""

    def has_permission(self, request: HttpRequest) -> bool:
        """Tell whether somebody may see any page at all."""
        return super().has_permission(request) and not _owes(request)

    def login(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Ask for the code instead, once the password was right."""
        if request.method == "GET" and super().has_permission(request) and _owes(request):
            wanted = request.GET.get(REDIRECT_FIELD_NAME) or reverse("admin:index")
            query = urlencode({REDIRECT_FIELD_NAME: wanted})
            return HttpResponseRedirect(f"{reverse('admin:second_factor')}?{query}")
        answer: HttpResponse = super().login(request, extra_context)
        return answer

    def password_change(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        """Let somebody change the own password, and write it down."""
        with noting_password(request.user.pk or 0, By(str(request.user), address_of(request))):
            return super().password_change(request, extra_context)

    def extra_urls(self) -> list[URLPattern]:
        """Add the pages of the second factor; the theme asks for them."""
        return pages.urls(self.admin_view)


def _owes(request: HttpRequest) -> bool:
    # Asked several times for each page; the database answers once.
    kept: dict[str, bool] = request.__dict__.setdefault("_second_factor", {})
    key = f"{request.user.pk} {second_factor.is_verified(request.user)}"
    if key not in kept:
        kept[key] = second_factor.is_owed(request.user)
    return kept[key]
