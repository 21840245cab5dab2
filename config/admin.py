"""Pages of users and groups, in the look of the others."""

from typing import TYPE_CHECKING

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User

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


@admin.register(User)
class ThemedUserAdmin(UserAdmin, _Theme):
    """Who may log in, and what they may do."""

    form = UserChangeForm  # type: ignore[assignment,unused-ignore]  # generic in the stubs only
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm


@admin.register(Group)
class ThemedGroupAdmin(GroupAdmin, _Theme):
    """Roles: permissions that several users share."""
