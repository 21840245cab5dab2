"""Tests of TLS on pages: of a connection's endpoint, of any other one, and the history of all."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib import messages as flash
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from audit.addresses import address_of
from audit.badges import badge
from audit.pages import PageAdmin, framed
from audit.theme import ModelAdmin, action
from partners.access.pages import ScopedAdmin
from partners.admin.audited import actor_of
from partners.admin.tls_directions import both_directions, own_target
from partners.admin.tls_page import TONES, build
from partners.models import Connection, TLSProbe
from partners.tls.contexts import ClientPolicy, TLSSettingsError, client_policy
from partners.tls.history import (
    PAGE_LIMITS,
    Asking,
    TooMany,
    check_rate,
    public_hosts,
    run_test,
)
from partners.tls.targets import ProbeError, Target

_TEMPLATE = "partners/tls_test.html"
#: Tests of an endpoint that its connection's page lists.
SHOWN = 10


class TargetForm(forms.Form):
    """Which endpoint to test."""

    target = forms.CharField(
        label="Host",
        max_length=300,
        help_text="host, host:port or an https:// address",
        widget=forms.TextInput(attrs={"autofocus": True}),
    )

    #: a public host of a profile, chosen by its button
    preset = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.data.get("preset") in public_hosts():
            self.data = {"target": self.data["preset"]}

    def clean_target(self) -> Target:
        """Read host and port."""
        try:
            return Target.parse(self.cleaned_data["target"])
        except ProbeError as error:
            raise forms.ValidationError(str(error)) from error


@admin.register(TLSProbe)
class TLSProbeAdmin(ScopedAdmin, PageAdmin):
    """All tests; a new one is made of any endpoint."""

    page_template = _TEMPLATE
    list_display = ("started_at", "target", "requested_by", "judged")
    list_display_links = ("started_at", "target")
    search_fields = ("host",)
    date_hierarchy = "started_at"

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Whoever may make a test, on whatever page."""
        return may_test(request)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Ask for an endpoint, test it, and show what was found."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = TargetForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            row = _run(request, form.cleaned_data["target"], ClientPolicy())
            if row is not None:
                page = reverse("admin:partners_tlsprobe_change", args=(row.pk,))
                return HttpResponseRedirect(page)
        context = {"title": "Test TLS", "form": form, "hosts": public_hosts()}
        return framed(self, request, _TEMPLATE, context)

    def page_of_row(self, request: HttpRequest, row: TLSProbe) -> dict[str, Any]:
        """Show what was found then."""
        del request
        return {"title": f"TLS of {row}", "page": build(row, timezone.now())}

    @admin.display(description="endpoint", ordering="host")
    def target(self, row: TLSProbe) -> str:
        """Show host and port."""
        return str(row)

    @admin.display(description="verdicts")
    def judged(self, row: TLSProbe) -> SafeString:
        """Show what each profile says."""
        if row.error:
            return badge(TONES["unknown"], "could not be tested")
        badges = ((badge(TONES[each["verdict"]], each["profile"]),) for each in row.verdicts)
        return format_html_join(" ", "{}", badges)


class TLSTestAdmin(ModelAdmin):
    """What the pages of connections know of TLS: a button, and the tests of their endpoint."""

    actions_detail: tuple[str, ...] = ("test_tls",)

    @action(description="Test TLS", url_path="test-tls", permissions=["test_tls"])
    def test_tls(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Test the endpoint as messages are sent to it; show this test and earlier ones."""
        row = self.get_object(request, object_id)
        if not isinstance(row, Connection) or not self.has_view_permission(request, row):
            raise Http404
        try:
            target = Target.parse(row.url)
        except ProbeError as error:
            flash.error(request, str(error))
            back = reverse("admin:partners_connection_change", args=(row.pk,))
            return HttpResponseRedirect(back)
        if request.method == "POST":
            if request.POST.get("which") == "own":
                _test_own(request)
            else:
                _test_connection(request, row, target)
            return HttpResponseRedirect(request.path)
        tests = list(TLSProbe.objects.filter(host=target.host, port=target.port)[:SHOWN])
        context = {
            "title": f"TLS of {row}",
            "target": target,
            "directions": both_directions(row, timezone.now()),
            "own": own_target() is not None,
            "tests": [(each, self.judged_words(each)) for each in tests],
            "original": row,
        }
        return framed(self, request, _TEMPLATE, context)

    def has_test_tls_permission(self, request: HttpRequest, _object_id: object = None) -> bool:
        """Whoever may make a test."""
        return may_test(request)

    def judged_words(self, row: TLSProbe) -> str:
        """Say in few words what came of a test."""
        return row.error or ", ".join(f"{v['profile']}: {v['verdict']}" for v in row.verdicts)


def may_test(request: HttpRequest) -> bool:
    """Tell whether a user may make tests: they are connections to somebody else's server."""
    return request.user.has_perm("partners.add_tlsprobe")


def _test_own(request: HttpRequest) -> None:
    target = own_target()
    if target is not None:
        _run(request, target, ClientPolicy())


def _test_connection(request: HttpRequest, row: Connection, target: Target) -> None:
    try:
        _run(request, target, client_policy(row, timezone.now()))
    except TLSSettingsError as error:
        flash.error(request, str(error))


def _run(request: HttpRequest, target: Target, policy: ClientPolicy) -> TLSProbe | None:
    asking = Asking(actor_of(request), address_of(request), settings.AS2_TLS_PROBE_ALLOW_PRIVATE)
    try:
        check_rate()
    except TooMany as error:
        flash.error(request, str(error))
        return None
    row = run_test(target, policy, asking, PAGE_LIMITS)
    if row.error:
        flash.error(request, row.error)
    return row
