"""Renewing: the pages on which a partner's next certificate, or our next key pair, is planned."""

from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.conf import settings
from django.contrib import messages as flash
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect

from as2gateway.certificates import Certificate
from audit.links import list_of, page_of
from audit.pages import framed
from audit.theme import ModelAdmin, action
from partners.access.visibility import sees_everything, visible_connections
from partners.admin.renewal_forms import OurRenewalForm, PartnerRenewalForm
from partners.admin.rollover_page import compare
from partners.admin.rollovers import by
from partners.models import Connection, Organization, Partner
from partners.models.certificates import this_second
from partners.rollover.dates import PlanError
from partners.rollover.planning import Successor, check_partner, plan_ours, plan_partner

_TEMPLATE = "partners/renew.html"


class PartnerRenewalAdmin(ModelAdmin):
    """What a partner's page knows of its next certificate."""

    actions_detail: tuple[str, ...] = ("renew_certificate",)

    @action(description="New certificate", url_path="renew", permissions=["renew_certificate"])
    def renew_certificate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Take the new certificate, show it beside the old ones, then plan."""
        row = self.get_object(request, object_id)
        if not isinstance(row, Partner) or not self.has_view_permission(request, row):
            raise Http404
        seen = visible_connections(request.user)
        connections = seen.filter(partner=row, certificates__isnull=False).distinct()
        form = PartnerRenewalForm(
            request.POST or None,
            request.FILES or None,
            now=this_second(),
            connections=connections.select_related("organization", "partner"),
        )
        previews: list[dict[str, Any]] = []
        if request.method == "POST" and form.is_valid():
            try:
                previews = _previews(form)
                if request.POST.get("step") == "plan":
                    return _plan_partner(request, form, row)
            except PlanError as error:
                form.add_error(None, str(error))
        context = {"form": form, "previews": previews, "pem": _pem(form), "original": row}
        return framed(self, request, _TEMPLATE, {"title": f"New certificate of {row}", **context})

    def has_renew_certificate_permission(
        self, request: HttpRequest, _object_id: object = None
    ) -> bool:
        """Whoever may add certificates of partners."""
        return request.user.has_perm("partners.add_partnercertificate")


class OurRenewalAdmin(ModelAdmin):
    """What an organization's page knows of its next key pair."""

    actions_detail = ("renew_key",)

    @action(description="New key pair", url_path="renew", permissions=["renew_key"])
    def renew_key(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Make or take the next key pair, and plan from when on it signs."""
        row = self.get_object(request, object_id)
        if not isinstance(row, Organization) or not self.has_view_permission(request, row):
            raise Http404
        if not sees_everything(request.user):
            raise PermissionDenied  # it concerns every partner of the organization
        now = this_second()
        host = row.message_id_domain or urlsplit(settings.AS2_BASE_URL).hostname or ""
        form = OurRenewalForm(
            request.POST or None,
            request.FILES or None,
            now=now,
            organization=row,
            initial={"name": f"{row.as2_id}-{now:%Y}", "host": host},
        )
        if request.method == "POST" and form.is_valid():
            try:
                return _plan_ours(request, form)
            except PlanError as error:
                form.add_error(None, str(error))
        return framed(
            self,
            request,
            _TEMPLATE,
            {"title": f"New key pair of {row}", "form": form, "original": row},
        )

    def has_renew_key_permission(self, request: HttpRequest, _object_id: object = None) -> bool:
        """Whoever may add key pairs."""
        return request.user.has_perm("partners.add_keypair")


def _previews(form: PartnerRenewalForm) -> list[dict[str, Any]]:
    """Check every connection, and put old and new side by side; raises PlanError."""
    successor = _successor(form)
    start = form.start_of(successor.certificate)
    return [
        {
            "connection": connection,
            "comparison": list(compare(old.value, successor.certificate)),
            "start": start,
        }
        for connection in form.cleaned_data["connections"]
        for old in check_partner(connection, successor, start, form.now)
    ]


def _successor(form: PartnerRenewalForm) -> Successor:
    return Successor(
        form.cleaned_data["certificate"],
        verifies=form.cleaned_data["verifies"],
        encrypts=form.cleaned_data["encrypts"],
        tls=form.cleaned_data["tls"],
    )


def _pem(form: forms.Form) -> str:
    certificate = getattr(form, "cleaned_data", {}).get("certificate")
    return certificate.pem() if isinstance(certificate, Certificate) else ""


def _plan_partner(request: HttpRequest, form: PartnerRenewalForm, partner: Partner) -> HttpResponse:
    successor = _successor(form)
    connections: list[Connection] = list(form.cleaned_data["connections"])
    start = form.start_of(successor.certificate)
    planned = plan_partner(connections, successor, start, form.now, by(request))
    moment = f"{start:%Y-%m-%d %H:%M} UTC"
    flash.success(request, f"Planned for {len(connections)} connections of {partner}: {moment}.")
    one = len(planned) == 1
    target = page_of(planned[0]) if one else list_of("partners", "rollover")
    return HttpResponseRedirect(target)


def _plan_ours(request: HttpRequest, form: OurRenewalForm) -> HttpResponse:
    material = form.cleaned_data["material"]
    rollover = plan_ours(
        form.organization,
        form.cleaned_data["name"],
        material,
        start=form.start_of(material.certificate),
        now=form.now,
        by=by(request),
    )
    flash.success(request, "Planned. Now tell your partners: the letter to each is below.")
    return HttpResponseRedirect(page_of(rollover))
