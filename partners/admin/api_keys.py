"""API key pairs: made or brought here, given to the partner, known by the partner's id."""

from typing import TYPE_CHECKING, Any, Final

from django import forms
from django.contrib import admin
from django.contrib import messages as flash
from django.core.exceptions import PermissionDenied
from django.db import models, transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from audit.badges import Tone, badge
from audit.pages import ActingAdmin, CannotAct
from audit.theme import FileWidget
from partners import api_keys, importing
from partners.access.visibility import Reach, visible_partners
from partners.admin.api_key_steps import ACTS, steps_of
from partners.admin.audited import AuditedAdmin, actor_of
from partners.admin.exports import send_file
from partners.admin.rollovers import by
from partners.importing import KeyFileError
from partners.models import APIKeyPair, APIKeyState

if TYPE_CHECKING:  # generic only in the stubs
    _Form = forms.ModelForm[APIKeyPair]
else:
    _Form = forms.ModelForm

_TONES: Final = {
    APIKeyState.GENERATED: Tone.WARN,
    APIKeyState.SENT: Tone.BUSY,
    APIKeyState.RECORDED: Tone.BUSY,
    APIKeyState.ACTIVE: Tone.GOOD,
    APIKeyState.RETIRED: Tone.PLAIN,
}


class APIKeyForm(_Form):
    """A new key is made, unless a file brings one."""

    file = forms.FileField(
        label="private key",
        required=False,
        widget=FileWidget,
        help_text="Leave it empty and a key is made (RSA 2048). Or bring one that openssl or "
        "ssh-keygen wrote.",
    )
    password = forms.CharField(
        label="its passphrase",
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )

    class Media:
        css = {"all": ("partners/api_keys.css",)}

    class Meta:
        model = APIKeyPair
        fields = (
            "partner",
            "name",
            "owner",
            "purpose",
            "region",
            "environment",
            "external_key_id",
        )

    def clean(self) -> dict[str, Any] | None:
        """Read or make the key of a new row."""
        cleaned = super().clean() or self.cleaned_data
        if self.instance.pk or self.errors:
            return cleaned
        file, key = cleaned.get("file"), None
        try:
            if file is not None:
                data = file.read(importing.MAX_SIZE)
                key = importing.read_private_key(data, cleaned.get("password") or None)
            api_keys.fill(self.instance, key)
        except KeyFileError as error:
            self.add_error("file", f"{error}.")
            return cleaned
        if APIKeyPair.objects.filter(fingerprint=self.instance.fingerprint).exists():
            self.add_error("file", "This key is here already.")
        return cleaned


@admin.register(APIKeyPair)
class APIKeyPairAdmin(ActingAdmin, AuditedAdmin):
    """Keys by which services of partners know our programs; private keys are never shown."""

    reach = Reach("partner", visible_partners)
    form = APIKeyForm
    change_form_before_template = "partners/api_key_steps.html"
    list_display = (
        "name",
        "partner",
        "region",
        "environment",
        "status",
        "external_key_id",
        "due",
        "last_used",
    )
    list_select_related = ("partner",)
    list_filter = ("state", "environment", "region")
    search_fields = ("name", "owner", "purpose", "external_key_id", "fingerprint")
    actions = ("mark_sent", "mark_active", "mark_retired")
    instead_of_deleting = "Retire it instead."

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Ask for a key of a new row; show what an old one has."""
        if obj is None:
            return (*APIKeyForm.Meta.fields[:-1], "file", "password")
        shown = ("status", "fingerprint", "bits", "public", "created_at", "due", "last_used")
        return (*APIKeyForm.Meta.fields, *shown)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Fix what the partner knows the key by."""
        if obj is None:
            return ()
        fixed = ("partner", "region", "environment")
        return (
            *fixed,
            *("status", "fingerprint", "bits", "public", "created_at", "due", "last_used"),
        )

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody: it is retired instead."""
        return False

    def save_model(
        self,
        request: HttpRequest,
        obj: models.Model,
        form: Any,
        change: bool,  # noqa: FBT001 - Django's signature
    ) -> None:
        """Save; the partner's id, once it is known, is a step of its own."""
        super().save_model(request, obj, form, change)
        if isinstance(obj, APIKeyPair) and obj.external_key_id:
            api_keys.advance(obj, APIKeyState.RECORDED, timezone.now(), by(request))

    def get_urls(self) -> list[URLPattern]:
        """Add the door of the public key."""
        view = self.admin_site.admin_view(self.download)
        return [
            path("<int:pk>/public-key/", view, name="partners_apikeypair_download"),
            *super().get_urls(),
        ]

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Show the way of a key, step by step."""
        row: APIKeyPair | None = context.get("original")
        if row is not None:
            context["steps"] = steps_of(row)
            context["act"] = self.act_address(row)
            context["may_act"] = self.may_act(request, row)
        return super().render_change_form(request, context, *args, **kwargs)

    def may_act(self, request: HttpRequest, row: APIKeyPair) -> bool:
        """Say whether this user may take a step."""
        return self.has_change_permission(request, row)

    def act(self, request: HttpRequest, row: APIKeyPair, word: str) -> str:
        """Take one step, or note a use."""
        if word not in ACTS:
            raise Http404
        state, now = ACTS[word], timezone.now()
        if state is None:
            api_keys.note_use(row, now, actor_of(request), by(request))
            return "Noted: it was used just now."
        if not api_keys.advance(row, state, now, by(request)):
            raise CannotAct("That step does not follow yet.")
        return f"The key is {state.label}."

    def download(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Answer with the public key."""
        row = self.get_object(request, str(pk))
        if not isinstance(row, APIKeyPair):
            raise Http404
        if not self.has_view_permission(request, row):
            raise PermissionDenied
        return send_file(request, row, api_keys.public_file(row))

    @admin.action(description="Public key was sent to the partner", permissions=["change"])
    def mark_sent(self, request: HttpRequest, queryset: QuerySet[APIKeyPair]) -> None:
        """Note that the partner has the public key."""
        self._advance(request, queryset, APIKeyState.SENT)

    @admin.action(description="Active: a program uses it", permissions=["change"])
    def mark_active(self, request: HttpRequest, queryset: QuerySet[APIKeyPair]) -> None:
        """Note that it is used; its 90 days begin."""
        self._advance(request, queryset, APIKeyState.ACTIVE)

    @admin.action(description="Retire", permissions=["change"])
    def mark_retired(self, request: HttpRequest, queryset: QuerySet[APIKeyPair]) -> None:
        """Note that it is used no more."""
        self._advance(request, queryset, APIKeyState.RETIRED)

    def _advance(
        self, request: HttpRequest, queryset: QuerySet[APIKeyPair], state: APIKeyState
    ) -> None:
        now = timezone.now()
        with transaction.atomic():
            done = [api_keys.advance(row, state, now, by(request)) for row in queryset]
        flash.success(request, f"{sum(done)} keys: {state.label}.")
        if not all(done):
            flash.warning(request, f"{done.count(False)} were left: that step does not follow yet.")

    @admin.display(description="state", ordering="state")
    def status(self, row: APIKeyPair) -> SafeString:
        """Show the state as a badge."""
        state = APIKeyState(row.state)
        return badge(_TONES[state], str(state.label))

    @admin.display(description="last used", ordering="last_used_at")
    def last_used(self, row: APIKeyPair) -> str:
        """Show when a program has used it, as far as anybody has said."""
        if row.last_used_at is None:
            return "never noted"
        return f"{row.last_used_at:%Y-%m-%d %H:%M} UTC, by {row.last_used_by}"

    @admin.display(description="change it by")
    def due(self, row: APIKeyPair) -> SafeString | str:
        """Show when its 90 days are over."""
        if row.rotate_at is None:
            return "-"
        tone = Tone.GOOD if row.rotate_at > timezone.now() else Tone.BAD
        return badge(tone, f"{row.rotate_at:%Y-%m-%d}")

    @admin.display(description="public key")
    def public(self, row: APIKeyPair) -> SafeString:
        """Show it, to be copied or downloaded."""
        link = reverse("admin:partners_apikeypair_download", args=(row.pk,))
        return format_html(
            '<pre class="as2-code">{}</pre><a class="as2-link" href="{}">Download (.pub)</a>',
            api_keys.public_pem(row),
            link,
        )
