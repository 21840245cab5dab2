"""Pages that show each user the rows of its scope, by whatever way they are asked for."""

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib.admin import RelatedOnlyFieldListFilter
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from audit.links import as_key
from audit.theme import ModelAdmin
from partners.access.visibility import Reach, limit, sees_everything

if TYPE_CHECKING:
    from django.db.models.fields.related import RelatedField

#: A list's filter that offers only what its rows have: other partners' names stay unknown.
VisibleFilter = RelatedOnlyFieldListFilter


class ScopedAdmin(ModelAdmin):
    """Limits lists, pages, actions, choices and autocompletion to the user's scope.

    Guessed addresses end like those of rows that do not exist. A page whose model leads to no
    connection has no reach: it is there only for those who see everything.
    """

    reach: ClassVar[Reach | None] = None

    def limited(self, rows: "QuerySet[Any]", request: HttpRequest) -> "QuerySet[Any]":
        """Keep the rows that the user may see."""
        return limit(rows, request.user, self.reach)

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Any]":
        """List no other rows; Django asks this for pages, actions and autocompletion, too."""
        return self.limited(super().get_queryset(request), request)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Say so for a row only if the user may see it."""
        return super().has_view_permission(request, obj) and self._reaches(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Say so for a row only if the user may see it."""
        return super().has_change_permission(request, obj) and self._reaches(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Say so for a row only if the user may see it."""
        return super().has_delete_permission(request, obj) and self._reaches(request, obj)

    def get_field_queryset(
        self, db: str | None, db_field: "RelatedField[Any, Any]", request: HttpRequest
    ) -> "QuerySet[Any] | None":
        """Offer only rows that the user may see wherever a form lets choose one."""
        rows = super().get_field_queryset(db, db_field, request)
        related: type[Model] = db_field.remote_field.model
        page = self.admin_site._registry.get(related)  # noqa: SLF001  Django's own pages do the same
        if not isinstance(page, ScopedAdmin) or sees_everything(request.user):
            return rows
        return page.limited(related._default_manager.all() if rows is None else rows, request)  # noqa: SLF001  Django's public API

    def _reaches(self, request: HttpRequest, row: Model | str | None) -> bool:
        # The theme asks about the actions of a page with its row's key only.
        key = row.pk if isinstance(row, Model) else row
        if key is None or sees_everything(request.user):
            return True
        known = self.model._default_manager.filter(pk=as_key(key))  # noqa: SLF001  Django's public API
        return self.limited(known, request).exists()
