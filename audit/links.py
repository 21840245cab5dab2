"""Links between pages of the admin."""

from typing import Final

from django.db import models
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

#: of the largest key, which has 64 bits
_DIGITS: Final = 19


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


def as_key(text: object) -> int:
    """Read a row's key from an address; what is no number is the key of no row."""
    key = str(text)
    return int(key) if key.isascii() and key.isdecimal() and len(key) < _DIGITS else -1
