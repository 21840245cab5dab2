"""Exports: public certificates and keys to be saved and sent. Every download is an audit event."""

import base64

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html_join
from django.utils.http import content_disposition_header
from django.utils.safestring import SafeString

from as2gateway.certificates import Certificate
from audit.addresses import address_of
from audit.recording import Subject, record
from audit.tags import Tag
from audit.theme import ModelAdmin
from partners.admin.audited import actor_of
from partners.exporting import File, Form, certificate_file
from partners.models import CertificateFacts, KeyPair, PartnerCertificate

_LABELS = {
    Form.PEM: "PEM (.cer)",
    Form.DER: "DER (.cer)",
    Form.PKCS7: "PKCS#7 (.p7b)",
}


def certificates_of(row: CertificateFacts) -> tuple[Certificate, ...]:
    """Return the certificate of a row, and those above ours where they are known."""
    chain = row.chain if isinstance(row, KeyPair) else []
    above = (Certificate.from_der(base64.b64decode(der)) for der in chain)
    return (row.value, *above)


def file_of(row: CertificateFacts, form: Form) -> File:
    """Return the file of a certificate, named after whose it is."""
    match row:
        case KeyPair():
            stem = f"{row.organization.as2_id}-{row.name}"
        case PartnerCertificate():
            stem = f"{row.connection.as2_id}-{row.fingerprint[:8]}"
        case _:
            stem = row.fingerprint[:16]
    return certificate_file(stem, certificates_of(row), form)


def send_file(request: HttpRequest, row: models.Model, file: File) -> HttpResponse:
    """Answer with a file, and record it first."""
    record(
        Tag.CERTIFICATE_FILE_DOWNLOADED,
        Subject.of(row),
        f"{file.name} was downloaded.",
        actor=actor_of(request),
        address=address_of(request),
    )
    headers = {
        "Content-Disposition": str(
            content_disposition_header(as_attachment=True, filename=file.name)
        ),
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }
    return HttpResponse(file.data, content_type=file.content_type, headers=headers)


class DownloadsAdmin(ModelAdmin):
    """Adds to a certificate's page the files that can be made of it."""

    def get_urls(self) -> list[URLPattern]:
        """Add the door of the files."""
        view = self.admin_site.admin_view(self.download)
        return [
            path("<int:pk>/download/<str:form>/", view, name=self._door),
            *super().get_urls(),
        ]

    def download(self, request: HttpRequest, pk: int, form: str) -> HttpResponse:
        """Answer with one certificate in one form."""
        row = self.get_object(request, str(pk))
        chosen = next((each for each in Form if each == form), None)
        if not isinstance(row, CertificateFacts) or chosen is None:
            raise Http404
        if not self.has_view_permission(request, row):
            raise PermissionDenied
        return send_file(request, row, file_of(row, chosen))

    @admin.display(description="download")
    def downloads(self, row: CertificateFacts) -> SafeString:
        """Link to its files."""
        links = [
            (reverse(f"admin:{self._door}", args=(row.pk, form.value)), _LABELS[form])
            for form in Form
        ]
        return format_html_join(" · ", '<a class="as2-link" href="{}">{}</a>', links)

    @property
    def _door(self) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_download"
