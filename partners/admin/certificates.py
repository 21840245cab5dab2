"""Certificates of partners: the list, a page for each, and the upload on a connection's page."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.core.files.uploadedfile import UploadedFile
from django.utils import timezone

from as2gateway.compliance.findings import Finding
from audit.theme import FileWidget, StackedInline
from partners import importing
from partners.access.pages import VisibleFilter
from partners.access.visibility import BY_CONNECTION
from partners.admin.certificate_forms import MISSING, PartnerCertificateForm, field_of
from partners.admin.ending import DaysLeftFilter
from partners.admin.facts import FACTS, FactsAdmin
from partners.admin.marks import CERTIFICATES, sentence
from partners.compliance.cases import Case
from partners.compliance.refusing import Review
from partners.importing import KeyFileError
from partners.models import Connection, PartnerCertificate

if TYPE_CHECKING:  # generic only in the stubs
    _Form = forms.ModelForm[PartnerCertificate]
    _FormSet = forms.BaseInlineFormSet[PartnerCertificate, Connection, Any]
else:
    _Form = forms.ModelForm
    _FormSet = forms.BaseInlineFormSet


class UploadForm(_Form):
    """A certificate comes in as a file; later only its use can be changed."""

    file = forms.FileField(
        required=False,
        widget=FileWidget,
        help_text="The partner's certificate, PEM, DER or PKCS#7 (.cer, .crt, .pem, .p7b).",
    )

    class Meta:
        model = PartnerCertificate
        fields = ("verifies", "encrypts", "tls", "activates_at", "retires_at")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.fields["file"].widget = forms.HiddenInput()

    def clean_file(self) -> "UploadedFile[Any] | None":
        """Read a new certificate into the row; refuse what is none, or is here already."""
        file: UploadedFile[Any] | None = self.cleaned_data["file"]
        if self.instance.pk:
            return None
        if file is None:
            raise forms.ValidationError("Choose the file of the certificate.")
        try:
            certificate = importing.read_certificate(file.read(importing.MAX_SIZE))
            importing.check_certificate(certificate, timezone.now())
        except KeyFileError as error:
            raise forms.ValidationError(f"{file.name}: {error}.") from error
        self.instance.read_facts(certificate)
        return file

    def clean(self) -> dict[str, Any] | None:
        """Refuse to encrypt to a key that cannot be encrypted to."""
        cleaned = super().clean() or self.cleaned_data
        if self.instance.key_type not in {"", "rsa"} and cleaned.get("encrypts"):
            text = f"An {self.instance.key_type} key cannot be encrypted to; only an RSA key can."
            self.add_error("encrypts", text)
        return cleaned


class UploadFormSet(_FormSet):
    """The certificates of one connection."""

    def clean(self) -> None:
        """Refuse the same certificate twice, and what the connection's profile does not allow."""
        super().clean()
        self._check_once()
        self._check_compliance()

    def _check_once(self) -> None:
        seen: set[str] = set()
        for form in self.forms:
            fingerprint = form.instance.fingerprint
            if fingerprint and fingerprint in seen:
                form.add_error("file", "The connection has this certificate already.")
            seen.add(fingerprint)

    def _check_compliance(self) -> None:
        """Judge the certificates as they are to be, with the connection as it is to be."""
        if any(form.errors for form in self.forms) or not hasattr(self.instance, "organization"):
            return  # what is wrong already is told first
        rows = [form.instance for form in self.forms if form.instance.fingerprint]
        pairs = tuple(self.instance.organization.keys.all())
        review = Review.of(Case(self.instance, tuple(rows), pairs), timezone.now())
        unplaced = []
        for finding in (each for each in review.refused if each.field == CERTIFICATES):
            places = list(self._places(finding))
            for form, field in places:
                form.add_error(field, sentence(finding))
            if not places:
                unplaced.append(sentence(finding))
        if unplaced:
            raise forms.ValidationError(unplaced)

    def _places(self, finding: Finding) -> Iterator[tuple[UploadForm, str]]:
        """Give the forms and fields that a finding is about; none if no certificate is there."""
        rows = [form for form in self.forms if form.instance.fingerprint]
        lacking = [each for each in finding.present if each in MISSING]
        if lacking:
            changed = [form for form in rows if form.has_changed()] or rows
            for form in changed[-1:]:
                yield from ((form, MISSING[each]) for each in lacking)
            return
        for form in rows:
            if any(form.instance.subject in each for each in finding.present):
                at = "activates_at" if form.instance.pk else "file"
                yield form, field_of(finding, form, at) or at


class CertificateInline(StackedInline):
    """Certificates below their connection."""

    model = PartnerCertificate
    form = UploadForm
    formset = UploadFormSet
    extra = 0
    can_delete = False
    show_change_link = True
    fields = (
        "file",
        "subject",
        "not_after",
        ("verifies", "encrypts", "tls"),
        ("activates_at", "retires_at"),
    )
    readonly_fields = ("subject", "not_after")


@admin.register(PartnerCertificate)
class PartnerCertificateAdmin(FactsAdmin):
    """Certificates that partners gave us, those that end first on top."""

    reach = BY_CONNECTION
    form = PartnerCertificateForm
    list_display = ("subject", "connection", "verifies", "encrypts", "tls", "use", "days")
    list_select_related = ("connection__organization", "connection__partner")
    list_filter = (
        DaysLeftFilter,
        "verifies",
        "encrypts",
        "tls",
        ("connection__partner", VisibleFilter),
    )
    fields = (
        "connection",
        ("verifies", "encrypts", "tls"),
        ("activates_at", "retires_at"),
        *FACTS,
    )
    readonly_fields = ("connection", *FACTS)
