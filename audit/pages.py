"""Pages of our own in the admin's frame: its menu, its title, its colours."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.db import models
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from audit.theme import ModelAdmin, ReadOnlyAdmin


def framed(
    page: ModelAdmin, request: HttpRequest, template: str, context: Mapping[str, Any]
) -> TemplateResponse:
    """Show a template as a page of a model's admin; ``context`` has its ``title``."""
    site = page.admin_site
    request.current_app = site.name
    whole = {**site.each_context(request), "opts": page.opts, **context}
    return TemplateResponse(request, template, whole)


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
