"""What the API says of itself: its description, for programs and to look through."""

from pkgutil import resolve_name
from typing import Final

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from config.api.door import guarded

#: ``validatorUrl`` would show the description to a service elsewhere.
_SETTINGS: Final = {"layout": "BaseLayout", "deepLinking": True, "validatorUrl": None}


@require_safe
def description(request: HttpRequest) -> HttpResponse:
    """Give the description (OpenAPI 3.1) to a token, and to whoever may see the pages."""
    if admin.site.has_permission(request):
        return _description()
    return guarded(request, _description)


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    """Show the description, and let calls be tried; all of the page comes from here."""
    settings = {**_SETTINGS, "url": reverse("api_description")}
    context = {"title": "AS2 gateway: API", "settings": settings}
    return render(request, "as2_api/docs.html", context)


def _description() -> HttpResponse:
    # With the first call that asks for it: see ``door``.
    describe = resolve_name("config.api.assembly:description")
    return JsonResponse(describe())
