"""Evidence by the pages: a bundle to download, by who may have payloads, and written down."""

from django.contrib import messages as flash
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseRedirect, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.views.decorators.http import require_GET

from audit.addresses import address_of
from audit.links import page_of
from audit.recording import Subject, record
from audit.tags import Tag
from messages.admin.downloads import may_have_payloads
from messages.evidence import NoEvidence, bundle
from messages.visibility import visible_messages


@require_GET
def evidence(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Stream the evidence of a message as a ZIP file."""
    if not may_have_payloads(request.user):  # the document is in it
        raise PermissionDenied
    rows = visible_messages(request.user).select_related("connection__organization")
    message = get_object_or_404(rows, pk=pk)
    try:
        chunks = bundle(message, timezone.now())
    except NoEvidence as error:
        flash.error(request, str(error))
        return HttpResponseRedirect(page_of(message))
    # The event is committed before the first octet leaves.
    record(
        Tag.MESSAGE_EVIDENCE_DOWNLOADED,
        Subject.of(message),
        "Evidence downloaded.",
        actor=request.user.get_username(),
        address=address_of(request),
    )
    return StreamingHttpResponse(
        chunks,
        content_type="application/zip",
        headers={
            "Content-Disposition": f'attachment; filename="evidence-{message.pk}.zip"',
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
        },
    )
