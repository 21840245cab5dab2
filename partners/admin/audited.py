"""Pages whose changes are audited, and that delete nothing that history depends on."""

from typing import Any

from django.contrib import messages as flash
from django.db import models
from django.forms import BaseModelFormSet, ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from audit.addresses import address_of
from audit.theme import OneByOneAdmin
from partners.access.pages import ScopedAdmin
from partners.changes import Plain, compare, kind_of, record_change, record_deletion, settings_of
from partners.compliance import verdicts


class AuditedAdmin(OneByOneAdmin, ScopedAdmin):
    """A form that writes who changed what, old and new, in the transaction of the change."""

    #: what to do with a row that cannot be deleted
    instead_of_deleting = ""

    def save_model(
        self,
        request: HttpRequest,
        obj: models.Model,
        form: "ModelForm[Any]",
        change: bool,  # noqa: FBT001 - Django's signature
    ) -> None:
        """Save, and record the columns that changed."""
        before = settings_of(type(obj)._default_manager.get(pk=obj.pk)) if change else {}  # noqa: SLF001 - Django's public API
        super().save_model(request, obj, form, change)
        _record(request, obj, before)

    def save_formset(
        self,
        request: HttpRequest,
        form: "ModelForm[Any]",
        formset: "BaseModelFormSet[Any, Any]",
        change: bool,  # noqa: FBT001 - Django's signature
    ) -> None:
        """Save the rows below, and record each of them."""
        # .all() reads the rows again: those of the formset carry the new values already.
        before = {row.pk: settings_of(row) for row in formset.get_queryset().all()}
        super().save_formset(request, form, formset, change)
        for row in formset.new_objects:
            _record(request, row, {})
        for row, _fields in formset.changed_objects:
            _record(request, row, before[row.pk])

    def save_related(
        self,
        request: HttpRequest,
        form: "ModelForm[Any]",
        formsets: Any,
        change: bool,  # noqa: FBT001 - Django's signature
    ) -> None:
        """Save what is below, then judge again every connection that this may concern."""
        super().save_related(request, form, formsets, change)
        verdicts.reevaluate(verdicts.affected_by([form.instance]), timezone.now())

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Say what depends on a row instead of asking whether to delete it."""
        row = self.get_object(request, object_id)
        dependents = _dependents(row) if row else []
        if row is None or not dependents:
            return super().delete_view(request, object_id, extra_context)
        text = f"{row} cannot be deleted while it has {' and '.join(dependents)}."
        flash.error(request, f"{text} {self.instead_of_deleting}".strip())
        meta = self.opts
        page = reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=(row.pk,))
        return HttpResponseRedirect(page)

    def delete_model(self, request: HttpRequest, obj: models.Model) -> None:
        """Delete, and record what the row said."""
        record_deletion(obj, actor=actor_of(request), address=address_of(request))
        concerned = verdicts.affected_by([obj])
        super().delete_model(request, obj)
        verdicts.reevaluate(concerned, timezone.now())


def _record(request: HttpRequest, row: models.Model, before: dict[str, Plain]) -> None:
    changes = compare(before, settings_of(row))
    if changes:
        record_change(
            row, changes, created=not before, actor=actor_of(request), address=address_of(request)
        )


def _dependents(row: models.Model) -> list[str]:
    """Count the rows that keep this one from being deleted: ``3 messages``."""
    found = []
    for relation in row._meta.related_objects:  # noqa: SLF001 - Django's public API
        model = relation.related_model
        count = model._base_manager.filter(**{relation.field.name: row}).count()  # noqa: SLF001 - the same
        if count:
            many = model._meta.verbose_name_plural  # noqa: SLF001 - the same
            found.append(f"{count} {kind_of(model()) if count == 1 else many}")
    return found


def actor_of(request: HttpRequest) -> str:
    """Name who changes something by a page."""
    return str(request.user)
