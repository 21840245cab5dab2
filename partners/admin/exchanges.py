"""Certificate requests: what partners ask us to trust by messages, side by side with what we do."""

from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString

from audit.badges import Tone, badge
from audit.pages import ActingAdmin, PageAdmin
from partners import exchanging
from partners.access.pages import ScopedAdmin
from partners.access.visibility import BY_CONNECTION
from partners.admin.rollover_page import compare
from partners.admin.rollovers import by
from partners.models import CertificateOffer, CertificateRequest, OfferState
from partners.models.certificates import this_second
from partners.rollover.dates import PlanError
from partners.rollover.planning import Successor, replaced

_TONES = {
    OfferState.PENDING: Tone.WARN,
    OfferState.ACCEPTED: Tone.GOOD,
    OfferState.REJECTED: Tone.BAD,
}
_USES = {"verifies": "signatures", "encrypts": "encryption", "tls": "TLS"}


@dataclass(frozen=True, slots=True)
class OfferCard:
    """What the page shows of one certificate."""

    row: CertificateOffer
    badge: SafeString
    uses: str
    #: beside the certificate that is used for the same now, or beside itself if there is none
    comparison: list[tuple[str, SafeString, SafeString]]
    is_first: bool


@admin.register(CertificateRequest)
class CertificateRequestAdmin(ScopedAdmin, ActingAdmin, PageAdmin):
    """Requests, the latest first; their certificates are accepted or rejected one by one."""

    page_template = "partners/certificate_request.html"
    refusals = (PlanError,)
    reach = BY_CONNECTION
    list_display = ("connection", "subjects", "received_at", "deadline", "status")
    list_select_related = ("connection__organization", "connection__partner")
    search_fields = ("connection__as2_id", "connection__partner__name", "offers__fingerprint")

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Any]":
        """Fetch the certificates of all rows at once."""
        return super().get_queryset(request).prefetch_related("offers")

    def page_of_row(self, request: HttpRequest, row: CertificateRequest) -> dict[str, Any]:
        """Show each certificate beside the one that it is to replace."""
        return {
            "title": f"{row.connection.partner} asks to trust certificates",
            "offers": [_card(offer) for offer in row.offers.all()],
            "is_late": _is_late(row),
            "may_decide": self.may_act(request, row),
            "act": self.act_address(row),
        }

    def may_act(self, request: HttpRequest, row: CertificateRequest) -> bool:
        """Whoever may add certificates may trust these."""
        return request.user.has_perm("partners.add_partnercertificate")

    def act(self, request: HttpRequest, row: CertificateRequest, word: str) -> str:
        """Accept or reject one certificate."""
        return _decide(request, _offer(request, row), word)

    @admin.display(description="certificates")
    def subjects(self, row: CertificateRequest) -> str:
        """Show whose certificates they are."""
        return "; ".join(offer.subject for offer in row.offers.all())

    @admin.display(description="answer until (UTC)", ordering="respond_by")
    def deadline(self, row: CertificateRequest) -> SafeString | str:
        """Show until when the partner wants to know."""
        if row.respond_by is None:
            return "-"
        moment = f"{row.respond_by:%Y-%m-%d %H:%M}"
        return badge(Tone.BAD, moment) if _is_late(row) else moment

    @admin.display(description="state")
    def status(self, row: CertificateRequest) -> SafeString:
        """Show whether there is something to decide."""
        states = {offer.state for offer in row.offers.all()}
        if OfferState.PENDING in states:
            return badge(Tone.WARN, "to be decided")
        if row.answered_at is None:
            return badge(Tone.BUSY, "answer goes out")
        return badge(Tone.GOOD if states == {OfferState.ACCEPTED} else Tone.PLAIN, "answered")


def _card(offer: CertificateOffer) -> OfferCard:
    new = offer.value
    successor = Successor(new, offer.verifies, offer.encrypts, offer.tls)
    olds = replaced(offer.request.connection, successor, timezone.now())
    olds = [old for old in olds if old.fingerprint != offer.fingerprint]
    state = OfferState(offer.state)
    return OfferCard(
        row=offer,
        badge=badge(_TONES[state], state.value),
        uses=", ".join(word for name, word in _USES.items() if getattr(offer, name)),
        comparison=list(compare(olds[0].value if olds else new, new)),
        is_first=not olds,
    )


def _is_late(row: CertificateRequest) -> bool:
    waits = any(offer.state == OfferState.PENDING for offer in row.offers.all())
    return waits and row.respond_by is not None and row.respond_by <= timezone.now()


def _offer(request: HttpRequest, row: CertificateRequest) -> CertificateOffer:
    pk = request.POST.get("offer", "")
    found = row.offers.filter(pk=pk).first() if pk.isdecimal() else None
    if found is None:
        raise Http404
    return found


def _decide(request: HttpRequest, offer: CertificateOffer, word: str) -> str:
    now = this_second()
    match word:
        case "accept":
            exchanging.accept(offer, now, by(request))
            return "Accepted: it counts from now on, beside the old one. The partner is told."
        case "reject":
            exchanging.reject(offer, request.POST.get("reason", ""), now, by(request))
            return "Rejected: nothing was changed. The partner is told."
        case _:
            raise Http404
