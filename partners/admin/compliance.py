"""Compliance on the pages of connections: verdicts, marks while typing, fixes in bulk."""

import datetime as dt
from typing import Any, Final, cast

from django.contrib import admin
from django.contrib import messages as flash
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from as2gateway.compliance.findings import Verdict
from audit.addresses import address_of
from audit.badges import Tone, badge
from audit.pages import framed
from audit.theme import DropdownFilter
from partners.access.visibility import visible_connections
from partners.admin.audited import AuditedAdmin, actor_of
from partners.admin.connection_form import ConnectionForm
from partners.admin.marks import verdict_badge
from partners.compliance import verdicts
from partners.compliance.facts import moment_to_day
from partners.compliance.fixing import apply_fix, propose
from partners.models import Compliance, Connection

NO_PROFILE: Final = "none"


class VerdictFilter(DropdownFilter):
    """Connections of one verdict."""

    title = "compliance"
    parameter_name = "verdict"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer each verdict, and connections without a profile."""
        return [*((each.value, each.value) for each in Verdict), (NO_PROFILE, "no profile")]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Connection]
    ) -> QuerySet[Connection]:
        """Narrow the list."""
        value = self.value()
        if value == NO_PROFILE:
            return queryset.filter(profile="")
        return queryset.filter(compliance__verdict=value) if value else queryset


class ComplianceAdmin(AuditedAdmin):
    """What the pages of connections know of compliance."""

    form = ConnectionForm
    change_form_before_template = "partners/compliance_panel.html"
    actions = ("fix",)

    def get_form(
        self,
        request: HttpRequest,
        obj: Connection | None = None,
        change: bool = False,  # noqa: FBT001, FBT002 - Django's signature
        **kwargs: Any,
    ) -> type["ModelForm[Any]"]:
        """Tell the form who fills it in: not everybody may have messages posted anywhere."""
        form = super().get_form(request, obj, change, **kwargs)
        form.user = request.user  # type: ignore[attr-defined]  # of a class made for this request
        return form

    def get_urls(self) -> list[URLPattern]:
        """Add the address that judges a form while it is typed into."""
        judge = self.admin_site.admin_view(self.judge)
        return [
            path("compliance/", judge, name="partners_connection_judge_new"),
            path("<int:pk>/compliance/", judge, name="partners_connection_judge"),
            *super().get_urls(),
        ]

    def judge(self, request: HttpRequest, pk: int | None = None) -> HttpResponse:
        """Answer what a form would be judged, as JSON; nothing is saved."""
        row = get_object_or_404(visible_connections(request.user), pk=pk) if pk else None
        if not self._may_edit(request, row):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        made = self.get_form(request, row, change=row is not None)(request.POST, instance=row)
        form = cast("ConnectionForm", made)  # what get_form derives its class from
        form.is_valid()
        summary = render_to_string("partners/compliance_summary.html", {"form": form}, request)
        return JsonResponse(
            {"verdict": form.verdict, "summary": summary, "fields": form.at_fields()}
        )

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        *args: Any,
        **kwargs: Any,
    ) -> HttpResponse:
        """Tell the page where it is judged while it is typed into."""
        row: Connection | None = context.get("original")
        if self._may_edit(request, row):
            new = "admin:partners_connection_judge_new"
            context["compliance_url"] = (
                reverse("admin:partners_connection_judge", args=(row.pk,)) if row else reverse(new)
            )
        return super().render_change_form(request, context, *args, **kwargs)

    def save_related(
        self,
        request: HttpRequest,
        form: "ModelForm[Any]",
        formsets: Any,
        change: bool,  # noqa: FBT001 - Django's signature
    ) -> None:
        """Save and judge; say at once what is open, since the page goes away."""
        super().save_related(request, form, formsets, change)
        kept = Compliance.objects.filter(connection=form.instance.pk).first()
        if kept is not None and kept.verdict in {Verdict.ERROR, Verdict.WARNING}:
            rules = [f["rule"] for f in kept.findings if _is_open(f)]
            flash.warning(request, f"Compliance with {kept.profile}: open are {', '.join(rules)}.")

    @admin.display(description="compliance", ordering="compliance__verdict")
    def verdict(self, row: Connection) -> SafeString:
        """Show what the connection was judged."""
        return verdict_badge(verdicts.kept_verdict(row))

    @admin.display(description="test and production")
    def both(self, row: Connection) -> SafeString:
        """Show the worst of the partner's connections, and whether one of them is right already."""
        total = verdicts.partner_verdict(row.partner.connections.all())
        if total is None:
            return badge(Tone.PLAIN, "no profile")
        return verdict_badge(total.verdict, "half done" if total.half_done else "")

    @admin.display(description="deadline", ordering="compliance__deadline")
    def deadline(self, row: Connection) -> SafeString:
        """Show how long there is to set right what is open."""
        kept = row.compliance if verdicts.kept_verdict(row) else None
        if kept is None or kept.deadline is None:
            return badge(Tone.PLAIN, "-")
        days = (kept.deadline - moment_to_day(timezone.now())).days
        if days <= 0:
            return badge(Tone.BAD, f"passed {-days} days ago")
        return badge(Tone.WARN, f"{days} days")

    @admin.action(description="Set what the profile asks for …", permissions=["change"])
    def fix(self, request: HttpRequest, queryset: QuerySet[Connection]) -> HttpResponse | None:
        """Show which settings would change, and change them when that is confirmed."""
        now = timezone.now()
        rows = list(queryset.select_related("organization", "partner"))
        if request.POST.get("confirmed"):
            self._fix(request, [row.pk for row in rows], now)
            return None
        context = {
            "title": "Set what the profile asks for",
            "fixes": [propose(row, now) for row in rows],
            "keys": [row.pk for row in rows],
            "back": reverse("admin:partners_connection_changelist"),
        }
        return framed(self, request, "partners/fix.html", context)

    def _fix(self, request: HttpRequest, keys: list[int], now: dt.datetime) -> None:
        fixes = [
            apply_fix(pk, now, actor=actor_of(request), address=address_of(request)) for pk in keys
        ]
        done = [fix.connection for fix in fixes if fix.changes and not fix.hindrance]
        verdicts.reevaluate(verdicts.affected_by(done), now)
        flash.success(request, f"{len(done)} of {len(fixes)} connections were changed.")
        for fix in fixes:
            if fix.hindrance:
                flash.error(request, f"{fix.connection} was not changed: {fix.hindrance}.")

    def _may_edit(self, request: HttpRequest, row: Connection | None) -> bool:
        if row is None:
            return self.has_add_permission(request)
        return self.has_change_permission(request, row)


def _is_open(finding: dict[str, Any]) -> bool:
    violated = finding["status"] == "violated" and finding["severity"] != "info"
    return violated and not finding["acknowledged"]
