"""API tokens: who has which, when it was last used; made here, shown once, revoked."""

import datetime as dt
from typing import Any, Final

from django import forms
from django.contrib import admin
from django.contrib import messages as flash
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.safestring import SafeString

from audit.badges import Tone, badge
from audit.links import list_of
from audit.pages import framed
from audit.theme import ReadOnlyAdmin
from partners.access import tokens
from partners.access.pages import ScopedAdmin
from partners.admin.rollovers import by
from partners.models import APIToken

#: A year: long enough to be rare, short enough that somebody remembers which program it is in.
LIFETIME_DAYS: Final = 365
_SEES_ALL: Final = "auth.view_user"


class TokenForm(forms.Form):
    """Whose token, for which program, how far and how long."""

    user = forms.ModelChoiceField(
        User.objects.none(),
        widget=forms.Select(attrs={"class": "as2-field"}),
        help_text="It may do and see what this user may: best a user of the program's own.",
    )
    name = forms.CharField(
        label="Program",
        max_length=100,
        widget=forms.TextInput(attrs={"class": "as2-field", "autofocus": True}),
        help_text="Which program has it, and where.",
    )
    read_only = forms.BooleanField(
        label="only to read",
        required=False,
        help_text="It may look and download, and change nothing.",
    )
    days = forms.IntegerField(
        label="valid for (days)",
        min_value=0,
        max_value=3650,
        initial=LIFETIME_DAYS,
        widget=forms.NumberInput(attrs={"class": "as2-field"}),
        help_text="0: until it is revoked.",
    )

    def __init__(self, *args: Any, users: "QuerySet[User]", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["user"]
        field.queryset = users  # type: ignore[attr-defined]  # of this kind of field

    def wish(self, now: dt.datetime) -> tokens.Wish:
        """Say what was asked for."""
        days = self.cleaned_data["days"]
        return tokens.Wish(
            self.cleaned_data["name"],
            read_only=self.cleaned_data["read_only"],
            expires_at=now + dt.timedelta(days=days) if days else None,
        )


@admin.register(APIToken)
class APITokenAdmin(ScopedAdmin, ReadOnlyAdmin):
    """Tokens of programs; one's own, or everybody's for who looks after users."""

    list_display = ("name", "user_name", "status", "may", "prefix", "last_used", "end", "made")
    list_filter = ("read_only",)
    search_fields = ("name", "user_name", "prefix")
    ordering = ("-created_at", "-pk")
    fields = (*list_display, "last_used_from")
    readonly_fields = ("status", "may", "last_used", "end", "made")
    actions = ("revoke_selected",)

    def limited(self, rows: "QuerySet[Any]", request: HttpRequest) -> "QuerySet[Any]":
        """Keep one's own, unless users are one's business."""
        return rows if request.user.has_perm(_SEES_ALL) else rows.filter(user=request.user.pk)

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Any]":
        """Fetch the users."""
        return super().get_queryset(request).select_related("user")

    def has_add_permission(self, request: HttpRequest, _obj: Any = None) -> bool:
        """Whoever may make tokens, at least their own."""
        return request.user.has_perm("partners.add_apitoken")

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        """The same."""
        return self.has_add_permission(request)

    def add_view(
        self,
        request: HttpRequest,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Ask what it is to be, and show the secret this once."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        now = timezone.now()
        users, initial = users_for(request.user), {"user": request.user.pk}
        form = TokenForm(request.POST or None, users=users, initial=initial)
        context: dict[str, Any] = {"title": "New API token", "form": form}
        if request.method == "POST" and form.is_valid():
            made = tokens.make(form.cleaned_data["user"], form.wish(now), now, by(request))
            context = {"title": f"API token {made.token}", "made": made}
        context["back"] = list_of("partners", "apitoken")
        # As every page of the admin's, none that a browser or a proxy may keep.
        return framed(self, request, "partners/token.html", context)

    @admin.action(description="Revoke", permissions=["revoke"])
    def revoke_selected(self, request: HttpRequest, queryset: "QuerySet[APIToken]") -> None:
        """End them at once."""
        now, who = timezone.now(), by(request)
        mine = [row for row in queryset if tokens.may_revoke(request.user, row.user)]
        done = [row for row in mine if tokens.revoke(row, now, who)]
        flash.success(request, f"Tokens revoked: {len(done)}.")
        if len(done) < len(queryset):
            flash.info(request, "Those that were revoked before, or are not yours, were left.")

    @admin.display(description="state")
    def status(self, row: APIToken) -> SafeString:
        """Show whether it opens anything."""
        if row.revoked_at is not None:
            return badge(Tone.PLAIN, f"revoked {row.revoked_at:%Y-%m-%d}")
        if row.user is None or not row.user.is_active:
            return badge(Tone.PLAIN, "its user is not active")
        if not row.is_open(timezone.now()):
            return badge(Tone.WARN, "expired")
        return badge(Tone.GOOD, "open")

    @admin.display(description="may")
    def may(self, row: APIToken) -> str:
        """Show how far it goes."""
        return "read" if row.read_only else "what its user may"

    @admin.display(description="last used (UTC)", ordering="last_used_at")
    def last_used(self, row: APIToken) -> str:
        """Show when a program last came with it."""
        return f"{row.last_used_at:%Y-%m-%d %H:%M}" if row.last_used_at else "never"

    @admin.display(description="expires (UTC)", ordering="expires_at")
    def end(self, row: APIToken) -> str:
        """Show until when it opens."""
        return f"{row.expires_at:%Y-%m-%d}" if row.expires_at else "never"

    @admin.display(description="made")
    def made(self, row: APIToken) -> str:
        """Show when and by whom it was made."""
        return f"{row.created_at:%Y-%m-%d} by {row.created_by}"


def users_for(maker: User | AnonymousUser) -> "QuerySet[User]":
    """Return the users for whom somebody may make tokens (``tokens.may_make``)."""
    active = User.objects.filter(is_active=True)
    keys = [user.pk for user in active if tokens.may_make(maker, user)]
    return active.filter(pk__in=keys).order_by("username")
