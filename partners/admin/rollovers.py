"""Rollovers: the history of all, the page of each, and what people do about it."""

from collections.abc import Callable
from typing import Any, Final

from django.contrib import admin
from django.contrib import messages as flash
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.safestring import SafeString

from audit.badges import badge
from audit.links import page_of
from audit.pages import PageAdmin
from audit.theme import ChoicesDropdownFilter
from partners import exchanging
from partners.access.pages import ScopedAdmin
from partners.access.visibility import sees_everything, visible_connections
from partners.admin.audited import actor_of, address_of
from partners.admin.rollover_page import STATE_TONES, build_page
from partners.models import Confirmation, Rollover, RolloverState
from partners.models.certificates import this_second
from partners.rollover import advancing, confirming
from partners.rollover.announcing import CannotMail, send
from partners.rollover.dates import PlanError, earliest_start
from partners.rollover.recording import By

_RELATED: Final = (
    "old_certificate__connection__organization",
    "new_certificate__connection__organization",
    "old_pair__organization",
    "new_pair__organization",
)


def may_act(request: HttpRequest, rollover: Rollover) -> bool:
    """Tell whether a user may move, cancel or finish it: ours concerns every partner."""
    if rollover.is_ours:
        return request.user.has_perm("partners.change_keypair") and sees_everything(request.user)
    return request.user.has_perm("partners.change_partnercertificate")


def by(request: HttpRequest) -> By:
    """Name who does it, and from where."""
    return By(actor_of(request), address_of(request))


@admin.register(Rollover)
class RolloverAdmin(ScopedAdmin, PageAdmin):
    """Planned, running and past changes of certificates, the latest first."""

    page_template = "partners/rollover.html"
    list_display = ("whose", "side", "start", "status", "confirmed")
    list_filter = (("state", ChoicesDropdownFilter),)
    search_fields = (
        "new_certificate__subject",
        "new_certificate__fingerprint",
        "new_pair__subject",
        "new_pair__fingerprint",
    )

    def limited(self, rows: "QuerySet[Any]", request: HttpRequest) -> "QuerySet[Any]":
        """Keep those that a connection in the user's scope takes part in."""
        if sees_everything(request.user):
            return rows
        mine = Confirmation.objects.filter(connection__in=visible_connections(request.user))
        return rows.filter(pk__in=mine.order_by().values("rollover"))

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Any]":
        """Fetch what a row shows."""
        rows = super().get_queryset(request).select_related(*_RELATED)
        return rows.prefetch_related("confirmations")

    def get_urls(self) -> list[URLPattern]:
        """Add the door of what can be done."""
        act = self.admin_site.admin_view(self.act)
        return [path("<int:pk>/act/", act, name="partners_rollover_act"), *super().get_urls()]

    def page_of_row(self, request: HttpRequest, row: Rollover) -> dict[str, Any]:
        """Show old and new side by side, and who has confirmed it."""
        return {
            "title": f"New certificate of {row.whose}",
            "page": build_page(row, list(_confirmations(request, row)), timezone.now()),
            "may_act": may_act(request, row),
        }

    def act(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Do one thing, and return to the page."""
        row = self.get_object(request, str(pk))
        if not isinstance(row, Rollover) or request.method != "POST":
            raise Http404
        if not self.has_view_permission(request, row) or not may_act(request, row):
            raise PermissionDenied
        do = _ACTS.get(request.POST.get("act", ""))
        if do is None:
            raise Http404
        try:
            flash.success(request, do(request, row))
        except (PlanError, CannotMail) as error:
            flash.error(request, str(error))
        return HttpResponseRedirect(page_of(row))

    @admin.display(description="of")
    def side(self, row: Rollover) -> str:
        """Show whether theirs changes or ours."""
        return "our key pair" if row.is_ours else "partner's certificate"

    @admin.display(description="start (UTC)")
    def start(self, row: Rollover) -> str:
        """Show from when on the new one is used."""
        return f"{row.starts_at:%Y-%m-%d %H:%M}"

    @admin.display(description="state", ordering="state")
    def status(self, row: Rollover) -> SafeString:
        """Show the state as a badge."""
        state = RolloverState(row.state)
        return badge(STATE_TONES[state], state.value)

    @admin.display(description="confirmed by")
    def confirmed(self, row: Rollover) -> str:
        """Show how many connections were seen to use it."""
        everybody = row.confirmations.all()
        return f"{sum(each.confirmed_at is not None for each in everybody)} of {len(everybody)}"


def _confirmations(request: HttpRequest, row: Rollover) -> "QuerySet[Confirmation]":
    """Return those that the user may see: other partners' names stay unknown."""
    related = ("connection__organization", "connection__partner", "rollover__new_pair")
    seen = visible_connections(request.user).order_by()
    return row.confirmations.filter(connection__in=seen).select_related(*related)


def _confirmation(request: HttpRequest, row: Rollover) -> Confirmation:
    pk = request.POST.get("confirmation", "")
    found = _confirmations(request, row).filter(pk=pk).first() if pk.isdecimal() else None
    if found is None:
        raise Http404
    return found


def _now(request: HttpRequest, row: Rollover) -> str:
    now = this_second()
    advancing.move(row, earliest_start(row.new.value, now), now, by(request))
    return "The new certificate is used from now on."


def _move(request: HttpRequest, row: Rollover) -> str:
    try:
        moment = parse_datetime(request.POST.get("start", ""))
    except ValueError as error:
        raise PlanError("There is no such date and time.") from error
    if moment is None:
        raise PlanError("Say to which date and time.")
    start = timezone.make_aware(moment) if timezone.is_naive(moment) else moment
    advancing.move(row, start, this_second(), by(request))
    return "The start was moved."


def _cancel(request: HttpRequest, row: Rollover) -> str:
    if not advancing.cancel(row, this_second(), by(request)):
        raise PlanError("It is closed already.")
    return "Cancelled: the old certificate stays."


def _retire(request: HttpRequest, row: Rollover) -> str:
    silent = row.confirmations.filter(confirmed_at__isnull=True).count()
    if silent and request.POST.get("although") != "yes":
        raise PlanError(
            f"{silent} connections were not seen to use the new certificate. What they still sign "
            "by the old one, or encrypt to it, would be refused. Tick the box if that is meant."
        )
    if not advancing.retire_old(row, this_second(), by(request)):
        raise PlanError("The new certificate is not in use yet, or the old one is retired already.")
    return "The old certificate is retired."


def _tell(request: HttpRequest, row: Rollover) -> str:
    confirming.tell(_confirmation(request, row), timezone.now(), by(request))
    return "Noted: the partner was told."


def _acknowledge(request: HttpRequest, row: Rollover) -> str:
    confirming.acknowledge(_confirmation(request, row), timezone.now(), by(request))
    return "Noted: the partner has the new certificate."


def _message(request: HttpRequest, row: Rollover) -> str:
    confirmation = _confirmation(request, row)
    exchanging.announce(confirmation, timezone.now(), by(request))
    return f"A message to {confirmation.connection} goes out."


def _mail(request: HttpRequest, row: Rollover) -> str:
    confirmation = _confirmation(request, row)
    send(confirmation)
    confirming.tell(confirmation, timezone.now(), by(request))
    return f"Sent to {confirmation.connection.partner.email}."


_ACTS: Final[dict[str, Callable[[HttpRequest, Rollover], str]]] = {
    "now": _now,
    "move": _move,
    "cancel": _cancel,
    "retire": _retire,
    "tell": _tell,
    "acknowledge": _acknowledge,
    "mail": _mail,
    "message": _message,
}
