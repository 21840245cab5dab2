"""Acknowledgements: warnings that somebody accepts, below their connection."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.utils import timezone

from audit.theme import TabularInline
from partners.compliance.facts import moment_to_day
from partners.models import Acknowledgement, Compliance, Connection

if TYPE_CHECKING:  # generic only in the stubs
    _Form = forms.ModelForm[Acknowledgement]
    _FormSet = forms.BaseInlineFormSet[Acknowledgement, Connection, Any]
else:
    _Form = forms.ModelForm
    _FormSet = forms.BaseInlineFormSet


class AcknowledgementForm(_Form):
    """Who accepts a warning says why, and until when."""

    class Meta:
        model = Acknowledgement
        fields = ("rule", "reason", "until")
        widgets = {"rule": forms.Select(attrs={"class": "as2-select"})}

    def __init__(self, *args: Any, warnings: tuple[str, ...] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        own = (self.instance.rule,) if self.instance.pk else ()
        self._rules = tuple(dict.fromkeys((*own, *warnings)))
        widget = self.fields["rule"].widget
        if isinstance(widget, forms.Select):
            widget.choices = [("", "---------"), *((name, name) for name in self._rules)]

    def clean_rule(self) -> str:
        """Take a warning that is open; an error is nothing that one could accept."""
        rule: str = self.cleaned_data["rule"]
        if rule not in self._rules:
            raise forms.ValidationError(f"{rule} is no open warning of this connection.")
        return rule

    def clean_until(self) -> Any:
        """Refuse a day that has passed, unless it stands there already."""
        until = self.cleaned_data["until"]
        if "until" in self.changed_data and until < moment_to_day(timezone.now()):
            raise forms.ValidationError("This day has passed.")
        return until


class AcknowledgementFormSet(_FormSet):
    """The acknowledgements of one connection; it knows which warnings are open."""

    def get_form_kwargs(self, index: int | None) -> dict[str, Any]:
        """Give each form the warnings that it may offer."""
        return {**super().get_form_kwargs(index), "warnings": open_warnings(self.instance)}


class AcknowledgementInline(TabularInline):
    """Acknowledgements below their connection. They stay, for history."""

    model = Acknowledgement
    form = AcknowledgementForm
    formset = AcknowledgementFormSet
    extra = 0
    can_delete = False
    fields = ("rule", "reason", "until", "created_by")
    readonly_fields = ("created_by",)
    verbose_name_plural = "Acknowledged warnings"


def open_warnings(connection: Connection) -> tuple[str, ...]:
    """Name the rules that were violated as warnings when the connection was last judged."""
    kept = Compliance.objects.filter(connection=connection.pk).first()
    findings = kept.findings if kept else []
    return tuple(
        str(finding["rule"])
        for finding in findings
        if (finding["status"], finding["severity"]) == ("violated", "warning")
    )
