"""Pages of users, groups and logins, in the look of the others."""

from typing import TYPE_CHECKING, Any

from axes.models import AccessAttempt, AccessLog
from django.contrib import admin
from django.contrib import messages as flash
from django.contrib.admin.utils import unquote
from django.contrib.auth.admin import GroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import Model, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from audit.addresses import address_of
from audit.theme import OneByOneAdmin, ReadOnlyAdmin, StackedInline
from config.access import lockout, second_factor
from config.access.changes import (
    access_of,
    delete,
    may_touch,
    noting_password,
    permissions_of,
    record_access,
)
from config.access.roles import is_role
from partners.admin.rollovers import by
from partners.models import Scope

if TYPE_CHECKING:
    from django.contrib.auth.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

    UserAdmin = DjangoUserAdmin[User]  # generic in the stubs only

    class _Theme:
        """The theme ships no types; its base class adds looks only."""

else:
    from unfold.admin import ModelAdmin as _Theme
    from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

    UserAdmin = DjangoUserAdmin

admin.site.unregister([User, Group])
# Their pages would show the secrets of second factors.
admin.site.unregister([TOTPDevice, StaticDevice])


class ScopeInline(StackedInline):
    """Which partners and connections a user sees who may not see everything."""

    model = Scope
    extra = 0
    filter_horizontal = ("partners", "connections")
    verbose_name_plural = "Scope (for those who may not see everything)"


@admin.register(User)
class ThemedUserAdmin(UserAdmin, _Theme):
    """Who may log in, and what they may do and see."""

    form = UserChangeForm  # type: ignore[assignment,unused-ignore]  # generic in the stubs only
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "email", "roles", "is_active", "has_second_factor", "last_login")
    list_filter = ("is_active", "is_superuser", "groups")
    inlines = (ScopeInline,)
    actions = ("reset_second_factor",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """Fetch roles and devices of all rows at once."""
        return super().get_queryset(request).prefetch_related("groups", "totpdevice_set")

    def get_inlines(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """Ask for a scope once the user is there."""
        return list(self.inlines) if obj else []

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[Any, ...]:
        """Let only superusers make superusers, and hand out single permissions."""
        fixed = () if request.user.is_superuser else ("is_superuser", "user_permissions")
        return (*super().get_readonly_fields(request, obj), *fixed)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Let nobody change, and so take over, a user who may do more."""
        return super().has_change_permission(request, obj) and may_touch(request.user, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """The same for deleting."""
        return super().has_delete_permission(request, obj) and may_touch(request.user, obj)

    def save_model(
        self,
        request: HttpRequest,
        obj: User,
        form: "ModelForm[Any]",
        change: bool,  # noqa: FBT001 - Django's signature
    ) -> None:
        """Remember what was before, for the record."""
        form.access_before = access_of(User.objects.get(pk=obj.pk)) if change else {}  # type: ignore[attr-defined]  # carried to save_related
        super().save_model(request, obj, form, change)

    def save_related(
        self,
        request: HttpRequest,
        form: "ModelForm[Any]",
        formsets: Any,
        change: bool,  # noqa: FBT001 - Django's signature
    ) -> None:
        """Save groups and scope, and write down what changed."""
        super().save_related(request, form, formsets, change)
        record_access(
            form.instance,
            form.access_before,  # type: ignore[attr-defined]  # set by save_model
            access_of(form.instance),
            actor=str(request.user),
            address=address_of(request),
        )

    def user_change_password(
        self,
        request: HttpRequest,
        id: str,  # noqa: A002 - Django's signature
        form_url: str = "",
    ) -> HttpResponse:
        """Give somebody another password, and write down who did."""
        row = self.get_object(request, unquote(id))
        with noting_password(row.pk if row else 0, by(request)):
            return super().user_change_password(request, id, form_url)

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        """Delete a user, and write down what it could do."""
        delete([obj], by(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """The same for those that were selected."""
        delete(queryset, by(request))

    @admin.action(description="Take off the second factor", permissions=["change"])
    def reset_second_factor(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Help somebody who lost telephone and backup codes: the password alone opens again."""
        rows = [row for row in queryset if may_touch(request.user, row)]
        actor, address = str(request.user), address_of(request)
        done = [row for row in rows if second_factor.reset(row, actor=actor, address=address)]
        flash.success(request, f"Second factors taken off: {len(done)}.")

    @admin.display(description="roles")
    def roles(self, row: User) -> str:
        """Name the groups."""
        names = [group.name for group in row.groups.all()]
        return ", ".join(["superuser", *names] if row.is_superuser else names) or "-"

    @admin.display(description="second factor", boolean=True)
    def has_second_factor(self, row: User) -> bool:
        """Show whether a code is asked for."""
        return any(device.confirmed for device in row.totpdevice_set.all())  # type: ignore[attr-defined]  # django-otp's


@admin.register(Group)
class ThemedGroupAdmin(OneByOneAdmin, GroupAdmin, _Theme):
    """Roles, which come with the gateway, and groups of one's own."""

    def has_change_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        """Keep the roles: each migration makes them anew."""
        return super().has_change_permission(request, obj) and not _is_fixed(obj)

    def has_delete_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        """The same for deleting."""
        return super().has_delete_permission(request, obj) and not _is_fixed(obj)

    def delete_model(self, request: HttpRequest, obj: Group) -> None:
        """Delete a group, and write down what it permitted."""
        delete([obj], by(request))

    def save_related(
        self,
        request: HttpRequest,
        form: "ModelForm[Any]",
        formsets: Any,
        change: bool,  # noqa: FBT001 - Django's signature
    ) -> None:
        """Save the permissions, and write down what changed."""
        before = permissions_of(form.instance)
        super().save_related(request, form, formsets, change)
        after = permissions_of(form.instance)
        record_access(
            form.instance, before, after, actor=str(request.user), address=address_of(request)
        )


class _AttemptAdmin(ReadOnlyAdmin):
    """Attempts to log in, the latest first."""

    search_fields = ("username", "ip_address")
    ordering = ("-attempt_time",)


@admin.register(AccessAttempt)
class FailedLoginAdmin(_AttemptAdmin):
    """Wrong passwords of late; deleting one ends its lock."""

    list_display = ("attempt_time", "username", "ip_address", "failures_since_start", "user_agent")
    fields = list_display
    actions = ("unlock",)

    def has_unlock_permission(self, request: HttpRequest) -> bool:
        """Say whether this user may end locks."""
        return request.user.has_perm("axes.delete_accessattempt")

    @admin.action(description="End the lock", permissions=["unlock"])
    def unlock(self, request: HttpRequest, queryset: QuerySet[AccessAttempt]) -> None:
        """Forget the wrong passwords, so that the person can try again at once."""
        for name, address in {(row.username, row.ip_address) for row in queryset}:
            lockout.unlock(name, address, by(request))
        flash.success(request, "The lock is ended.")


@admin.register(AccessLog)
class LoginAdmin(_AttemptAdmin):
    """Who logged in, when and from where."""

    list_display = ("attempt_time", "username", "ip_address", "logout_time", "user_agent")
    fields = list_display


def _is_fixed(row: Model | None) -> bool:
    return isinstance(row, Group) and is_role(row.name)
