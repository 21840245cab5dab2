"""Pages of webhooks: which systems are told of what, and what became of each event."""

import json
from typing import TYPE_CHECKING, Any, Final

from django import forms
from django.contrib import admin
from django.contrib import messages as flash
from django.db.models import Count, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.safestring import SafeString

from audit.addresses import address_of
from audit.badges import Tone, badge
from audit.links import link_to, list_of, page_of
from audit.pages import ActingAdmin, CannotAct
from audit.theme import ChoicesDropdownFilter, RangeDateTimeFilter, ReadOnlyAdmin, TextWidget
from messages.admin.words import moment
from messages.models import WebhookEvent, WebhookEventState
from messages.webhooks import posting
from messages.webhooks.testing import try_out
from partners import webhook_secrets
from partners.access.pages import ScopedAdmin
from partners.admin.audited import AuditedAdmin, actor_of
from partners.models import Webhook

if TYPE_CHECKING:  # generic only in the stubs
    _Form = forms.ModelForm[Webhook]
else:
    _Form = forms.ModelForm

TONES: Final = {
    WebhookEventState.QUEUED: Tone.BUSY,
    WebhookEventState.TAKEN: Tone.GOOD,
    WebhookEventState.FAILED: Tone.BAD,
}
#: May also send events again: whoever may set where they go.
_CHANGE: Final = "partners.change_webhook"
#: Lines of what is written in lines.
_ROWS: Final = 4
#: What the button of the page sends.
_TEST: Final = "test"


def _proposal() -> str:
    return webhook_secrets.written(webhook_secrets.new_secret())


class WebhookForm(_Form):
    """A new webhook comes with a secret, which is shown until it is saved and never again."""

    new_secret = forms.CharField(
        label="Secret", required=False, widget=TextWidget(attrs={"autocomplete": "off"})
    )

    class Meta:
        model = Webhook
        fields = ("name", "url", "events", "partner", "active", "tls_ca")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in {"events", "tls_ca"} & {*self.fields}:
            self.fields[name].widget.attrs["rows"] = _ROWS
        if "new_secret" not in self.fields:  # somebody who may only look
            return
        field = self.fields["new_secret"]
        if not self.instance.pk:
            field.required, field.initial = True, _proposal
            field.help_text = "Give it to the receiver now: once saved, no page shows it."
        else:
            field.help_text = (
                f"Empty keeps the one that was set on {moment(self.instance.secret_set_at)} UTC. "
                "whsec_ and the base64 of 24 to 64 bytes (openssl rand -base64 32); the one before "
                "signs beside it for a day."
            )

    def clean_new_secret(self) -> bytes | None:
        """Read it."""
        text = self.cleaned_data["new_secret"]
        try:
            return webhook_secrets.read(text) if text else None
        except ValueError as error:
            raise forms.ValidationError(str(error)) from error


@admin.register(Webhook)
class WebhookAdmin(ActingAdmin, AuditedAdmin):
    """Systems that are told of events. They may hear of every partner: for who sees everything."""

    form = WebhookForm
    change_form_before_template = "as2_messages/webhook.html"
    list_display = ("name", "url", "what", "partner", "switched", "last_call", "waiting", "failed")
    list_select_related = ("partner",)
    list_filter = ("active",)
    search_fields = ("name", "url")
    instead_of_deleting = "Switch it off instead."

    def get_queryset(self, request: HttpRequest) -> QuerySet[Webhook]:
        """Count the events of all rows at once."""
        rows: QuerySet[Webhook] = super().get_queryset(request)
        return rows.annotate(
            queued_events=Count("sent", filter=Q(sent__state=WebhookEventState.QUEUED)),
            failed_events=Count("sent", filter=Q(sent__state=WebhookEventState.FAILED)),
        )

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Ask for a secret whoever may set one."""
        may = self.has_change_permission(request, obj) if obj else self.has_add_permission(request)
        return (*WebhookForm.Meta.fields, "new_secret") if may else WebhookForm.Meta.fields

    def save_model(
        self,
        request: HttpRequest,
        obj: Any,
        form: Any,
        change: bool,  # noqa: FBT001 - Django's signature
    ) -> None:
        """Save, with another secret if one was given; the audit record says only that."""
        secret = form.cleaned_data.get("new_secret")
        if secret:
            obj.set_secret(secret, timezone.now())
        super().save_model(request, obj, form, change)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Show what became of the last event, and a button to try it out."""
        row: Webhook | None = context.get("original")
        if row is not None:
            last = _last_of(row)
            context["last"] = last and (last, TONES[WebhookEventState(last.state)], page_of(last))
            context["events"] = (
                f"{list_of('as2_messages', 'webhookevent')}?webhook__id__exact={row.pk}"
            )
            context["act"] = self.act_address(row)
            context["may_act"] = self.may_act(request, row)
        return super().render_change_form(request, context, *args, **kwargs)

    def may_act(self, request: HttpRequest, row: Webhook) -> bool:
        """Whoever may change it may try it out."""
        return self.has_change_permission(request, row)

    def act(self, request: HttpRequest, row: Webhook, word: str) -> str:
        """Post a test event and say what came of it."""
        if word != _TEST:
            raise Http404
        event = try_out(row, actor_of(request), address_of(request))
        if event.state != WebhookEventState.TAKEN:
            raise CannotAct(f"The test was not taken: {event.failure_text}")
        return f"{row} answered {event.http_status}."

    @admin.display(description="events")
    def what(self, row: Webhook) -> str:
        """Show which events it wants."""
        return ", ".join(row.events.split())

    @admin.display(description="state", ordering="active")
    def switched(self, row: Webhook) -> SafeString:
        """Show whether it is on."""
        return badge(Tone.GOOD, "on") if row.active else badge(Tone.PLAIN, "off")

    @admin.display(description="last call (UTC)")
    def last_call(self, row: Webhook) -> SafeString | str:
        """Show how the last attempt ended, and when."""
        last = _last_of(row)
        if last is None:
            return "-"
        taken = not last.failure_text
        word = f"{last.http_status or 'no answer'}, {moment(last.tried_at)}"
        return badge(Tone.GOOD if taken else Tone.BAD, word)

    @admin.display(description="waiting")
    def waiting(self, row: Webhook) -> int:
        """Show how many events are still to be taken."""
        count: int = row.queued_events  # type: ignore[attr-defined]  # annotated above
        return count

    @admin.display(description="given up")
    def failed(self, row: Webhook) -> int:
        """Show how many events it has missed."""
        count: int = row.failed_events  # type: ignore[attr-defined]  # annotated above
        return count


def _last_of(row: Webhook) -> WebhookEvent | None:
    tried = WebhookEvent.objects.filter(webhook=row, tried_at__isnull=False)
    return tried.order_by("-tried_at").first()


@admin.register(WebhookEvent)
class WebhookEventAdmin(ScopedAdmin, ReadOnlyAdmin):
    """Each event for each webhook, the latest first."""

    list_display = ("time", "hook", "type", "subject", "status", "attempts", "why")
    list_display_links = ("time", "type")
    list_filter = (
        ("state", ChoicesDropdownFilter),
        "webhook",
        ("created_at", RangeDateTimeFilter),
    )
    list_select_related = ("webhook",)
    search_fields = ("event_id", "subject", "type")
    search_help_text = "Id, type or subject, such as message/12"
    fields = (*list_display, "event_id", "next_try", "finished", "content")
    readonly_fields = ("time", "hook", "status", "why", "next_try", "finished", "content")
    actions = ("send_again",)

    def has_again_permission(self, request: HttpRequest) -> bool:
        """Say whether this user may send again."""
        return request.user.has_perm(_CHANGE)

    @admin.action(description="Send again what was given up", permissions=["again"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[WebhookEvent]) -> None:
        """Queue what was given up, under the same ids."""
        actor = actor_of(request)
        count = sum(posting.send_again(row, actor) for row in queryset)
        flash.info(request, f"Events that are sent again: {count}. Others were left alone.")

    @admin.display(description="time (UTC)", ordering="created_at")
    def time(self, row: WebhookEvent) -> str:
        """Show when it happened."""
        return moment(row.created_at)

    @admin.display(description="webhook", ordering="webhook__name")
    def hook(self, row: WebhookEvent) -> SafeString:
        """Link to where it goes."""
        return link_to(row.webhook, row.webhook.name)

    @admin.display(description="state", ordering="state")
    def status(self, row: WebhookEvent) -> SafeString:
        """Show the state as a badge."""
        return badge(TONES[WebhookEventState(row.state)], row.state)

    @admin.display(description="why not")
    def why(self, row: WebhookEvent) -> str:
        """Show why the last attempt came to nothing."""
        return row.failure_text or "-"

    @admin.display(description="next try (UTC)")
    def next_try(self, row: WebhookEvent) -> str:
        """Show when it is tried next."""
        return moment(row.due_at)

    @admin.display(description="finished (UTC)")
    def finished(self, row: WebhookEvent) -> str:
        """Show when it was taken or given up."""
        return moment(row.finished_at)

    @admin.display(description="what is posted")
    def content(self, row: WebhookEvent) -> str:
        """Show the octets, laid out."""
        return json.dumps(json.loads(row.body), indent=2, ensure_ascii=False)
