"""Links between pages of the admin."""

from django.db import models
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString


def list_of(app: str, model: str) -> str:
    """Return the address of a model's list."""
    return reverse(f"admin:{app}_{model}_changelist")


def page_of(row: models.Model) -> str:
    """Return the address of a row's page."""
    meta = row._meta  # noqa: SLF001  # Django's documented name for it
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=(row.pk,))


def link_to(row: models.Model, text: str) -> SafeString:
    """Link to a row's page."""
    return format_html('<a class="as2-link" href="{}">{}</a>', page_of(row), text)
