"""Pages of the second factor: give a code, set it up, look after it.

They stand before the rest of the admin: who owes a code may open these, and no other.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib import messages as flash
from django.contrib.auth import REDIRECT_FIELD_NAME, logout
from django.contrib.auth.models import User
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from audit.addresses import address_of
from config.access import second_factor
from config.access.second_factor import Answer

View = Callable[[HttpRequest], HttpResponse]

_WRONG = "This code is wrong, or was used already. Wait for the next one."
_TOO_SOON = "Too many wrong codes. Wait a moment; each wrong one makes the pause longer."


class CodeForm(forms.Form):
    """A code of the app, or a backup code."""

    code = forms.CharField(
        max_length=20,
        widget=forms.TextInput(
            attrs={
                "class": "as2-field",
                "autocomplete": "one-time-code",
                "inputmode": "text",
                "autofocus": True,
            }
        ),
    )


def _password_given(view: View) -> View:
    """Let in whoever has given a password and may use the pages, code or not."""

    @wraps(view)
    def guarded(request: HttpRequest) -> HttpResponse:
        user = request.user
        if not (user.is_active and user.is_staff):
            return redirect_to_login(request.get_full_path(), reverse("admin:login"))
        return view(request)

    return never_cache(csrf_protect(guarded))


@require_http_methods(["GET", "POST"])
def ask(request: HttpRequest) -> HttpResponse:
    """Ask for a code, and go on to the page that was wanted."""
    if not second_factor.is_owed(request.user):
        return HttpResponseRedirect(_wanted(request))
    if not second_factor.is_enrolled(request.user):
        return HttpResponseRedirect(reverse("admin:second_factor_enrol"))
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        answer = second_factor.verify(request, form.cleaned_data["code"])
        if answer is Answer.RIGHT:
            return HttpResponseRedirect(_wanted(request))
        form.add_error("code", _TOO_SOON if answer is Answer.TOO_SOON else _WRONG)
    context = {"title": "Second factor", "form": form, "next": _wanted(request)}
    return _page(request, "as2_access/ask.html", context)


@require_http_methods(["GET", "POST"])
def enrol(request: HttpRequest) -> HttpResponse:
    """Show the QR code, and take the app into use once its first code is right."""
    if second_factor.is_enrolled(request.user):
        return HttpResponseRedirect(reverse("admin:second_factor_manage"))
    device = second_factor.begin(request)
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        codes = second_factor.confirm(request, device, form.cleaned_data["code"])
        if codes:
            return _show_codes(request, codes)
        form.add_error("code", "This code is wrong. Is the telephone's clock right?")
    context = {
        "title": "Set up the second factor",
        "form": form,
        "qr_code": second_factor.qr_code(device),
        "secret": second_factor.secret_of(device),
        "required": settings.AS2_REQUIRE_2FA,
    }
    return _page(request, "as2_access/enrol.html", context)


@require_GET
def manage(request: HttpRequest) -> HttpResponse:
    """Show whether there is a second factor, and what can be done with it."""
    context = {
        "title": "Second factor",
        "enrolled": second_factor.is_enrolled(request.user),
        "required": settings.AS2_REQUIRE_2FA,
    }
    return _page(request, "as2_access/manage.html", context)


@require_POST
def renew(request: HttpRequest) -> HttpResponse:
    """Show new backup codes."""
    if not second_factor.is_enrolled(request.user):
        return HttpResponseRedirect(reverse("admin:second_factor_enrol"))
    return _show_codes(request, second_factor.renew_backup_codes(request))


@require_POST
def remove(request: HttpRequest) -> HttpResponse:
    """Take the second factor off."""
    user = cast("User", request.user)
    if settings.AS2_REQUIRE_2FA:
        flash.error(request, "This gateway asks everybody for a second factor.")
    elif second_factor.reset(user, actor=str(user), address=address_of(request)):
        flash.success(request, "The second factor is off. The password alone opens the pages.")
    return HttpResponseRedirect(reverse("admin:second_factor_manage"))


@require_POST
def leave(request: HttpRequest) -> HttpResponse:
    """Log out somebody who has no code at hand."""
    logout(request)
    return HttpResponseRedirect(reverse("admin:login"))


def urls(guard: Callable[[View], View]) -> list[URLPattern]:
    """Return the addresses; ``guard`` is the admin's own, which asks for the second factor."""
    before: dict[str, tuple[str, View]] = {
        "second_factor": ("second-factor/", ask),
        "second_factor_enrol": ("second-factor/set-up/", enrol),
        "second_factor_leave": ("second-factor/leave/", leave),
    }
    behind: dict[str, tuple[str, View]] = {
        "second_factor_manage": ("second-factor/manage/", manage),
        "second_factor_renew": ("second-factor/backup-codes/", renew),
        "second_factor_remove": ("second-factor/remove/", remove),
    }
    return [
        *(path(at, _password_given(view), name=name) for name, (at, view) in before.items()),
        *(path(at, guard(view), name=name) for name, (at, view) in behind.items()),
    ]


def _wanted(request: HttpRequest) -> str:
    """Return the page to go on to: one of this site, or the start page."""
    given = request.POST.get(REDIRECT_FIELD_NAME) or request.GET.get(REDIRECT_FIELD_NAME) or ""
    hosts = {request.get_host()}
    if url_has_allowed_host_and_scheme(given, hosts, require_https=request.is_secure()):
        return given
    return reverse("admin:index")


def _show_codes(request: HttpRequest, codes: list[str]) -> HttpResponse:
    context = {"title": "Backup codes", "codes": codes}
    return _page(request, "as2_access/backup_codes.html", context)


def _page(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    request.current_app = admin.site.name
    return TemplateResponse(request, template, {**admin.site.each_context(request), **context})
