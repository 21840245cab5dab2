"""Form fields for the special needs of a partner's software: one for each quirk."""

from collections.abc import Mapping
from typing import Any, Final

from django import forms
from django.forms.forms import DeclarativeFieldsMetaclass

from as2gateway.quirks import CHOICES, NAMES, MICVariant, from_plain, to_plain, why

_PREFIX: Final = "quirk_"
_NONE: Final = {
    "empty_answer": "200",
    "illegal_name": "make it safe",
    "repeated_name": "keep both",
}
_TOLERANCES: Final = "mic_tolerances"


def field_name(name: str) -> str:
    """Name the form's field of a quirk."""
    return f"{_PREFIX}{name}"


#: as rows of a page
FIELD_NAMES: Final = tuple(field_name(name) for name in NAMES)


def _field(name: str) -> forms.Field:
    words = name.replace("mic", "MIC").replace("mdn", "MDN").replace("md5", "MD5").replace("_", " ")
    label = words[:1].upper() + words[1:]
    common: dict[str, Any] = {"required": False, "label": label, "help_text": why(name)}
    if name == _TOLERANCES:
        choices = [(each.value, each.value) for each in MICVariant]
        return forms.MultipleChoiceField(
            choices=choices, widget=forms.CheckboxSelectMultiple, **common
        )
    if name in CHOICES:
        values = [(each.value, each.value) for each in CHOICES[name]]
        return forms.ChoiceField(choices=[("", _NONE[name]), *values], **common)
    return forms.BooleanField(**common)


class QuirkFields(
    forms.BaseForm,
    metaclass=DeclarativeFieldsMetaclass,
):
    """The fields, for a form to inherit."""

    locals().update({field_name(name): _field(name) for name in NAMES})


def initial_of(quirks: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a form begins with."""
    return {field_name(name): value for name, value in quirks.items()}


def quirks_of(cleaned: Mapping[str, Any]) -> dict[str, Any]:
    """Read the fields back, as a column takes them. Raises QuirkError."""
    given = {name: cleaned.get(field_name(name)) for name in NAMES}
    return to_plain(from_plain({name: value for name, value in given.items() if value}))
