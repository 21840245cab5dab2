"""Pages of redeliveries: what partners were asked to send again, and whether it has come."""

from typing import TYPE_CHECKING, Any, Final

from django import forms
from django.contrib import admin
from django.contrib import messages as flash
from django.db.models import Count, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.safestring import SafeString

from audit.addresses import address_of
from audit.badges import Tone, badge
from audit.links import page_of
from audit.pages import ActingAdmin, CannotAct, PageAdmin
from audit.recording import Subject, record
from audit.tags import Tag
from audit.theme import ChoicesDropdownFilter
from messages import redelivering
from messages.admin.words import moment
from messages.models import Redelivery, RedeliveryItem, RedeliveryState
from messages.support import help_of
from partners.access.pages import ScopedAdmin, VisibleFilter
from partners.access.visibility import BY_CONNECTION
from partners.admin.rollovers import by
from partners.letters import CannotMail

if TYPE_CHECKING:  # generic only in the stubs
    _Form = forms.ModelForm[Redelivery]
else:
    _Form = forms.ModelForm

_TONES: Final = {
    RedeliveryState.OPEN: Tone.WARN,
    RedeliveryState.ANSWERED: Tone.GOOD,
    RedeliveryState.CLOSED: Tone.PLAIN,
}
#: Arrivals that the page of a request by time shows; the rest is in the list of messages.
_SHOWN: Final = 20


class RedeliveryForm(_Form):
    """What is missed: by numbers, by its time, or both."""

    numbers = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 6, "class": "as2-area"}),
        help_text="Control, order, invoice or shipment numbers, file names or Message-IDs, one a "
        "line. The request closes by itself when all of them have come.",
    )

    class Meta:
        model = Redelivery
        fields = ("connection", "documents", "since", "until", "reason")

    def clean_numbers(self) -> list[str]:
        """Read the numbers."""
        try:
            return redelivering.numbers_in(self.cleaned_data["numbers"])
        except ValueError as error:
            raise forms.ValidationError(str(error)) from error

    def clean(self) -> dict[str, Any] | None:
        """Refuse a request for nothing in particular."""
        cleaned = super().clean() or self.cleaned_data
        if not cleaned.get("numbers") and not cleaned.get("since") and not self.errors:
            self.add_error("numbers", "Say which documents, or from which time on.")
        return cleaned


@admin.register(Redelivery)
class RedeliveryAdmin(ScopedAdmin, ActingAdmin, PageAdmin):
    """Requests to partners, the latest first; once made, only their state changes."""

    page_template = "as2_messages/redelivery.html"
    refusals = (CannotMail,)
    reach = BY_CONNECTION
    form = RedeliveryForm
    autocomplete_fields = ("connection",)
    list_display = ("time", "partner", "link", "what", "arrived", "status", "created_by")
    list_display_links = ("time", "partner")
    list_filter = (("state", ChoicesDropdownFilter), ("connection__partner", VisibleFilter))
    search_fields = ("items__number", "documents")
    search_help_text = "A number that was asked for"
    list_select_related = ("connection__organization", "connection__partner")
    fields = ("connection", "documents", "numbers", "since", "until", "reason")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Redelivery]:
        """Count what has come in the same query."""
        rows: QuerySet[Redelivery] = super().get_queryset(request)
        return rows.annotate(
            asked_for=Count("items", distinct=True),
            come=Count("items", filter=Q(items__message__isnull=False), distinct=True),
        )

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whoever may ask partners."""
        return request.user.has_perm("as2_messages.add_redelivery")

    def save_model(
        self,
        request: HttpRequest,
        obj: Redelivery,
        form: "forms.ModelForm[Redelivery]",
        change: bool,  # noqa: FBT001 - Django's signature
    ) -> None:
        """Save a new request with its numbers, and record who made it."""
        obj.created_by = request.user.get_username()
        super().save_model(request, obj, form, change)
        numbers: list[str] = form.cleaned_data["numbers"]
        RedeliveryItem.objects.bulk_create(
            RedeliveryItem(redelivery=obj, number=number) for number in numbers
        )
        record(
            Tag.REDELIVERY_REQUEST_MADE,
            Subject.of(obj),
            f"Asked {obj.connection.partner} to send {len(numbers) or 'all'} documents again.",
            data={"connection": str(obj.connection), "numbers": numbers[:20]},
            actor=obj.created_by,
            address=address_of(request),
        )

    def response_add(
        self, request: HttpRequest, obj: Redelivery, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Go on to the text that is to be sent."""
        flash.success(request, "Now send the text to the partner, by mail or on its portal.")
        return HttpResponseRedirect(page_of(obj))

    def page_of_row(self, request: HttpRequest, row: Redelivery) -> dict[str, Any]:
        """Show what was asked for, what has come, and the text."""
        items = list(row.items.select_related("message"))
        by_time = [] if items else list(redelivering.arrivals(row).order_by("created_at")[:_SHOWN])
        return {
            "title": f"Asked of {row.connection.partner}",
            "row": row,
            "tone": _TONES[RedeliveryState(row.state)],
            "is_open": row.state == RedeliveryState.OPEN,
            "items": [(each, page_of(each.message) if each.message else "") for each in items],
            "arrivals": [(each, page_of(each)) for each in by_time],
            "help": help_of(row.connection),
            "letter": redelivering.letter(row),
            "may_act": self.may_act(request, row),
            "act": self.act_address(row),
        }

    def may_act(self, request: HttpRequest, row: Redelivery) -> bool:
        """Say whether this user may mail the text or close the request."""
        return request.user.has_perm("as2_messages.change_redelivery")

    def act(self, request: HttpRequest, row: Redelivery, word: str) -> str:
        """Mail the text, or close the request."""
        who, now = by(request), timezone.now()
        if word == "mail":
            redelivering.mail(row, who, now)
            return f"Mailed to {row.connection.partner.email}."
        if word != "close":
            raise Http404
        if not redelivering.close(row, who, now):
            raise CannotAct("It had ended already.")
        return "Closed."

    @admin.display(description="time (UTC)", ordering="created_at")
    def time(self, row: Redelivery) -> str:
        """Show when it was asked for."""
        return moment(row.created_at)

    @admin.display(ordering="connection__partner__name")
    def partner(self, row: Redelivery) -> str:
        """Show who was asked."""
        return row.connection.partner.name

    @admin.display(description="connection")
    def link(self, row: Redelivery) -> str:
        """Show for which connection."""
        return f"{row.connection} ({row.connection.environment})"

    @admin.display(description="documents")
    def what(self, row: Redelivery) -> str:
        """Show which kind, or from when."""
        return row.documents or (f"from {moment(row.since)}" if row.since else "-")

    @admin.display(description="arrived")
    def arrived(self, row: Redelivery) -> str:
        """Show how much has come."""
        asked, come = row.asked_for, row.come  # type: ignore[attr-defined]  # annotated above
        return f"{come} of {asked}" if asked else "-"

    @admin.display(description="state", ordering="state")
    def status(self, row: Redelivery) -> SafeString:
        """Show the state as a badge."""
        return badge(_TONES[RedeliveryState(row.state)], row.state)
