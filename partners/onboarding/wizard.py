"""The wizard: choose a preset, fill in what the partner's sheet says, look it over, make it."""

from typing import Any

from django.contrib import admin
from django.contrib import messages as flash
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from as2gateway.compliance.findings import Verdict, verdict_of
from audit.addresses import address_of
from audit.links import page_of
from partners.admin.audited import actor_of
from partners.admin.marks import marked, marks, verdict_badge
from partners.models import Connection, Environment
from partners.onboarding import drafting, judging
from partners.onboarding.drafting import Draft, Refused
from partners.onboarding.wizard_form import SHARED, WizardForm
from partners.presets import Preset, known_presets, preset
from partners.quirk_fields import initial_of
from partners.rollover.recording import By


def may_onboard(request: HttpRequest) -> bool:
    """Tell whether a user may make partners and connections."""
    return request.user.has_perms(("partners.add_connection", "partners.add_partner"))


@require_http_methods(["GET", "POST"])
def wizard(request: HttpRequest) -> HttpResponse:
    """Show the presets; with one chosen, the form; and make what was looked over."""
    if not may_onboard(request):
        raise PermissionDenied
    name = request.GET.get("preset")
    if name is None:
        context = {"title": "Onboard a partner", "presets": list(known_presets().values())}
        return _page(request, "partners/onboarding/presets.html", context)
    chosen = preset(name)
    if request.method == "POST":
        return _posted(request, chosen)
    form = WizardForm(request.user, initial=_initial(chosen))
    return _form_page(request, form, chosen)


@require_POST
def judge_typed(request: HttpRequest) -> HttpResponse:
    """Answer what the form would be judged, as JSON; nothing is made."""
    if not may_onboard(request):
        raise PermissionDenied
    found = judging.judge(WizardForm(request.user, request.POST), timezone.now())
    context = {"found": found}
    summary = render_to_string("partners/onboarding/typed.html", context, request)
    return JsonResponse({"summary": summary, "fields": judging.at_fields(found)})


def _initial(chosen: Preset | None) -> dict[str, Any]:
    values = {name: Connection._meta.get_field(name).get_default() for name in SHARED}  # type: ignore[union-attr]  # noqa: SLF001  columns, of Django's public API
    return values | (chosen.settings | initial_of(chosen.quirks) if chosen else {})


def _posted(request: HttpRequest, chosen: Preset | None) -> HttpResponse:
    form = WizardForm(request.user, request.POST, request.FILES)
    if not form.is_valid():
        return _form_page(request, form, chosen)
    drafts, partner = form.drafts(), form.the_partner()
    making = request.POST.get("step") == "make"
    act = drafting.make if making else drafting.look
    by = By(actor_of(request), address_of(request))
    try:
        act(partner, drafts, timezone.now(), by)
    except Refused as refusal:
        form.keep_certificates(request.POST)
        for problem in refusal.problems:
            form.show(problem)
        return _form_page(request, form, chosen)
    if not making:
        form.keep_certificates(request.POST)
        return _form_page(request, form, chosen, drafts)
    flash.success(request, f"{partner}: {len(drafts)} connections were made. Test them next.")
    for text in dict.fromkeys(text for draft in drafts for text in draft.warnings):
        flash.warning(request, f"{text}.")
    return HttpResponseRedirect(page_of(drafts[0].connection))


def _form_page(
    request: HttpRequest,
    form: WizardForm,
    chosen: Preset | None,
    drafts: list[Draft] | None = None,
) -> HttpResponse:
    context = {
        "title": f"Onboard a partner: {chosen.title}" if chosen else "Onboard a partner",
        "form": form,
        "preset": chosen,
        "sections": [(each.label, form.section(each)) for each in Environment],
        "compliance_url": reverse("admin:partners_connection_wizard_judge"),
        "found": judging.judge(form, timezone.now()) if form.is_bound else (),
        "drafts": [_shown(draft) for draft in drafts or ()],
    }
    return _page(request, "partners/onboarding/wizard.html", context)


def _shown(draft: Draft) -> dict[str, object]:
    row = draft.connection
    verdict: Verdict | None = verdict_of(draft.findings) if row.profile else None
    return {
        "connection": row,
        "verdict": verdict_badge(verdict),
        "marks": marks(marked(draft.findings)),
        "warnings": draft.warnings,
        "certificates": draft.certificates,
    }


def _page(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    request.current_app = admin.site.name
    whole = {
        **admin.site.each_context(request),
        "opts": Connection._meta,  # noqa: SLF001  what every admin template is given
        "back": reverse("admin:partners_connection_changelist"),
        **context,
    }
    return TemplateResponse(request, template, whole)
