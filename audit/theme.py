"""The admin theme, with types: only this module and ``audit.listing`` import it.

The theme ships no type information. Its classes keep the interface of Django's, so type checkers
are shown those.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from django.db import models
from django.http import HttpRequest

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin as _ModelAdmin
    from django.contrib.admin import SimpleListFilter as DropdownFilter
    from django.contrib.admin import StackedInline as _StackedInline
    from django.contrib.admin import TabularInline as _TabularInline
    from django.contrib.admin.filters import FieldListFilter as ChoicesDropdownFilter
    from django.contrib.admin.filters import FieldListFilter as RangeDateTimeFilter
    from django.contrib.admin.widgets import AdminFileWidget as FileWidget
    from django.forms import PasswordInput as PasswordWidget
    from django.forms import TextInput as TextWidget

    _Page = TypeVar("_Page", bound=Callable[..., Any])

    def action(
        *, description: str, url_path: str, permissions: Iterable[str]
    ) -> Callable[[_Page], _Page]:
        """Make a method of a page a button at its top, with an address of its own."""
        ...

    ModelAdmin = _ModelAdmin[Any]
    StackedInline = _StackedInline[Any, Any]
    TabularInline = _TabularInline[Any, Any]
else:
    from unfold.admin import ModelAdmin, StackedInline, TabularInline
    from unfold.contrib.filters.admin import (
        ChoicesDropdownFilter,
        DropdownFilter,
        RangeDateTimeFilter,
    )
    from unfold.decorators import action

    # The theme's script expects every file field to look like its own.
    from unfold.widgets import UnfoldAdminFileFieldWidget as FileWidget
    from unfold.widgets import UnfoldAdminPasswordWidget as PasswordWidget
    from unfold.widgets import UnfoldAdminTextInputWidget as TextWidget

__all__ = [
    "ChoicesDropdownFilter",
    "DropdownFilter",
    "FileWidget",
    "ModelAdmin",
    "OneByOneAdmin",
    "PasswordWidget",
    "RangeDateTimeFilter",
    "ReadOnlyAdmin",
    "StackedInline",
    "TabularInline",
    "TextWidget",
    "action",
]


class OneByOneAdmin(ModelAdmin):
    """Pages whose rows are deleted one by one: each tells on its own page what depends on it."""

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Offer no deletion of many rows at once."""
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions


class ReadOnlyAdmin(ModelAdmin):
    """Pages that show history: nobody adds, changes or deletes what has happened."""

    list_per_page = 50
    #: counting a whole table for "of n" costs more than it tells
    show_full_result_count = False
    list_filter_submit = True  # dates are typed in, and applied by a button

    def has_add_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        """Nobody."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        """Nobody."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        """Nobody."""
        return False
