"""The page that brings a test connection's settings to production."""

from typing import Any, cast

from django import forms
from django.contrib import messages as flash
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone

from audit.addresses import address_of
from audit.links import page_of
from audit.pages import framed
from audit.theme import ModelAdmin
from partners.access.reaching import check_reach
from partners.access.visibility import visible_connections
from partners.admin.audited import actor_of
from partners.models import Connection, Environment
from partners.onboarding.drafting import Refused, is_new
from partners.onboarding.promoting import Choice, differences, new_certificates, promote
from partners.rollover.recording import By

NEW = "new"


class PromoteForm(forms.Form):
    """Names and address of a new production connection, and what is taken over."""

    as2_id = forms.CharField(max_length=128, required=False, label="Partner's AS2 id")
    url = forms.CharField(max_length=2000, required=False, label="URL")
    certificates = forms.BooleanField(required=False, label="Take its certificates along")
    fields_ = forms.MultipleChoiceField(required=False)

    def __init__(self, *args: Any, names: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = cast("forms.MultipleChoiceField", self.fields["fields_"])
        choices.choices = [(name, name) for name in names]
        for name in ("as2_id", "url"):
            self.fields[name].widget.attrs["class"] = "as2-field"

    @property
    def own(self) -> list[forms.BoundField]:
        """What a new connection has of its own."""
        return [self["as2_id"], self["url"]]


def promote_page(page: ModelAdmin, request: HttpRequest, source: Connection) -> HttpResponse:
    """Show the differences to the chosen production connection, and take over what is chosen."""
    targets = _targets(request, source)
    target = _target(request, source, targets)
    if not _may(page, request, target):
        raise PermissionDenied
    found = differences(source, target)
    form = PromoteForm(request.POST or None, names=[each.name for each in found])
    if request.method == "POST" and form.is_valid():
        answer = _apply(request, source, target, form)
        if answer is not None:
            return answer
    context = {
        "title": f"Bring {source} to production",
        "original": source,
        "targets": targets,
        "target": target,
        "form": form,
        "differences": found,
        "chosen": request.POST.getlist("fields_")
        if form.is_bound
        else [each.name for each in found if each.chosen_at_first],
        "certificates": new_certificates(source, target, timezone.now()),
        "back": page_of(source),
    }
    return framed(page, request, "partners/onboarding/promote.html", context)


def _targets(request: HttpRequest, source: Connection) -> list[Connection]:
    seen = visible_connections(request.user).select_related("organization", "partner")
    rows = seen.filter(partner=source.partner, environment=Environment.PRODUCTION)
    return list(rows.exclude(pk=source.pk))


def _target(request: HttpRequest, source: Connection, targets: list[Connection]) -> Connection:
    """Return the connection that was chosen, the only one there is, or a new one."""
    wanted = request.GET.get("to", "")
    for row in targets:
        if wanted == str(row.pk) or (not wanted and row is targets[0]):
            return row
    return Connection(
        organization=source.organization,
        partner=source.partner,
        environment=Environment.PRODUCTION,
    )


def _may(page: ModelAdmin, request: HttpRequest, target: Connection) -> bool:
    if is_new(target):
        return page.has_add_permission(request)
    return page.has_change_permission(request, target)


def _apply(
    request: HttpRequest, source: Connection, target: Connection, form: PromoteForm
) -> HttpResponse | None:
    cleaned = form.cleaned_data
    if is_new(target):
        target.as2_id, target.url = cleaned["as2_id"], cleaned["url"]
        try:
            check_reach(request.user, target.url)
        except forms.ValidationError as error:
            form.add_error("url", error)
            return None
    choice = Choice(cleaned["fields_"], cleaned["certificates"])
    try:
        by = By(actor_of(request), address_of(request))
        changes = promote(source, target, choice, timezone.now(), by)
    except Refused as refusal:
        for problem in refusal.problems:
            place = problem.field if problem.field in {"as2_id", "url"} else None
            form.add_error(place, f"{problem.field}: {problem.text}" if not place else problem.text)
        return None
    text = ", ".join(change.name for change in changes) or "nothing that was not the same already"
    flash.success(request, f"{target}: taken over were {text}.")
    return HttpResponseRedirect(page_of(target))
