"""Pages of our own in the admin's frame: its menu, its title, its colours."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.contrib import messages as flash
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from audit.links import page_of
from audit.theme import ModelAdmin, ReadOnlyAdmin


def framed(
    page: ModelAdmin, request: HttpRequest, template: str, context: Mapping[str, Any]
) -> TemplateResponse:
    """Show a template as a page of a model's admin; ``context`` has its ``title``."""
    site = page.admin_site
    request.current_app = site.name
    whole = {**site.each_context(request), "opts": page.opts, **context}
    return TemplateResponse(request, template, whole)


# What raises NotImplementedError below is a subclass's to write: the admin's metaclass is no ABC's.


class PageAdmin(ReadOnlyAdmin):
    """History whose rows have a page of their own where others have a form."""

    page_template: ClassVar[str]

    def page_of_row(self, request: HttpRequest, row: Any) -> Mapping[str, Any]:
        """Give what the template shows of a row that the user may see; ``title`` is one of it."""
        raise NotImplementedError

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show one row; nothing on its page can be edited."""
        row: models.Model | None = self.get_object(request, object_id)
        if row is None or not self.has_view_permission(request, row):
            return super().change_view(request, object_id, form_url, extra_context)
        context = {"original": row, **self.page_of_row(request, row)}
        return framed(self, request, self.page_template, context)


class CannotAct(Exception):
    """What a button asks for cannot be done now; the text tells the user why."""


class ActingAdmin(ModelAdmin):
    """A page with buttons: each posts its word to one address, and the page comes again."""

    #: what ``act`` raises, besides CannotAct, with a text for the user
    refusals: ClassVar[tuple[type[Exception], ...]] = ()

    def may_act(self, request: HttpRequest, row: Any) -> bool:
        """Say whether a user who sees the row may do something about it."""
        raise NotImplementedError

    def act(self, request: HttpRequest, row: Any, word: str) -> str:
        """Do one thing and say so. Raises Http404 for a word that no button has."""
        raise NotImplementedError

    def act_address(self, row: models.Model) -> str:
        """Return where the buttons of a row post to."""
        return reverse(f"admin:{self._act_name}", args=(row.pk,))

    @property
    def _act_name(self) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_act"

    def get_urls(self) -> list[URLPattern]:
        """Add the door of what can be done."""
        door = self.admin_site.admin_view(self._take)
        return [path("<int:pk>/act/", door, name=self._act_name), *super().get_urls()]

    def _take(self, request: HttpRequest, pk: int) -> HttpResponse:
        row = self.get_object(request, str(pk))
        if row is None or request.method != "POST":
            raise Http404
        if not self.has_view_permission(request, row) or not self.may_act(request, row):
            raise PermissionDenied
        refusals: tuple[type[Exception], ...] = (CannotAct, *self.refusals)
        try:
            flash.success(request, self.act(request, row, request.POST.get("act", "")))
        except refusals as error:
            flash.error(request, str(error))
        return HttpResponseRedirect(page_of(row))
