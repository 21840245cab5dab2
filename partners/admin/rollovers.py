"""Rollovers: the history of all, the page of each, and what people do about it."""

from collections.abc import Callable
from typing import Any, Final

from django.contrib import admin
from django.db.models import Prefetch, QuerySet
from django.http import Http404, HttpRequest
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.safestring import SafeString

from audit.addresses import address_of
from audit.badges import badge
from audit.pages import ActingAdmin, PageAdmin
from audit.theme import ChoicesDropdownFilter
from partners import exchanging
from partners.access.pages import ScopedAdmin
from partners.access.rollovers import limited_rollovers, needed, visible_confirmations
from partners.admin.audited import actor_of
from partners.admin.rollover_page import STATE_TONES, build_page
from partners.letters import CannotMail
from partners.models import Confirmation, Rollover, RolloverState
from partners.models.certificates import this_second
from partners.rollover import advancing, confirming
from partners.rollover.announcing import send
from partners.rollover.dates import PlanError
from partners.rollover.recording import By

_RELATED: Final = (
    "old_certificate__connection__organization",
    "new_certificate__connection__organization",
    "old_pair__organization",
    "new_pair__organization",
)


def by(request: HttpRequest) -> By:
    """Name who does it, and from where."""
    return By(actor_of(request), address_of(request))


@admin.register(Rollover)
class RolloverAdmin(ScopedAdmin, ActingAdmin, PageAdmin):
    """Planned, running and past changes of certificates, the latest first."""

    page_template = "partners/rollover.html"
    refusals = (PlanError, CannotMail)
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
        return limited_rollovers(rows, request.user)

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Any]":
        """Fetch what a row shows."""
        rows = super().get_queryset(request).select_related(*_RELATED)
        seen = visible_confirmations(request.user)
        return rows.prefetch_related(Prefetch("confirmations", seen))

    def page_of_row(self, request: HttpRequest, row: Rollover) -> dict[str, Any]:
        """Show old and new side by side, and who has confirmed it."""
        return {
            "title": f"New certificate of {row.whose}",
            "page": build_page(row, list(_confirmations(request, row)), timezone.now()),
            "may_act": self.may_act(request, row),
            "act": self.act_address(row),
        }

    def may_act(self, request: HttpRequest, row: Rollover) -> bool:
        """Tell whether a user may move, cancel or finish it."""
        return request.user.has_perms(needed(row))

    def act(self, request: HttpRequest, row: Rollover, word: str) -> str:
        """Do one thing."""
        do = _ACTS.get(word)
        if do is None:
            raise Http404
        return do(request, row)

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
    return visible_confirmations(request.user).filter(rollover=row)


def _confirmation(request: HttpRequest, row: Rollover) -> Confirmation:
    pk = request.POST.get("confirmation", "")
    found = _confirmations(request, row).filter(pk=pk).first() if pk.isdecimal() else None
    if found is None:
        raise Http404
    return found


def _now(request: HttpRequest, row: Rollover) -> str:
    advancing.start_now(row, this_second(), by(request))
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
    confirming.check_asked(row)
    confirming.tell(_confirmation(request, row), timezone.now(), by(request))
    return "Noted: the partner was told."


def _acknowledge(request: HttpRequest, row: Rollover) -> str:
    confirming.check_asked(row)
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
