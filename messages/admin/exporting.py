"""Exporting: the messages that a list shows as CSV, row by row, for spreadsheets and reports."""

import csv
import datetime as dt
from collections.abc import Iterable, Iterator
from typing import Any, Final

from django.db.models import QuerySet
from django.http import HttpRequest, StreamingHttpResponse
from django.utils import timezone

from audit.addresses import address_of
from audit.recording import Subject, record
from audit.tags import Tag
from messages.admin.words import moment
from messages.models import Message

#: Columns of the file, and the fields that they are of.
COLUMNS: Final = {
    "time (UTC)": "created_at",
    "finished (UTC)": "finished_at",
    "direction": "direction",
    "state": "state",
    "partner": "partner_name",
    "organization": "organization_name",
    "AS2-From": "as2_from",
    "AS2-To": "as2_to",
    "Message-ID": "message_id",
    "file": "filename",
    "content type": "content_type",
    "bytes": "payload_size",
    "SHA-256": "payload_sha256",
    "EDI standard": "edi_standard",
    "EDI type": "edi_type",
    "control number": "edi_control_number",
    "references": "edi_references",
    "acknowledgement": "acknowledgement",
    "signature": "signed",
    "encryption": "encrypted",
    "MDN": "mdn_mode",
    "attempts": "attempts",
    "failure": "failure_code",
    "explanation": "failure_text",
}
#: What makes a spreadsheet take a cell for a formula (OWASP, CSV injection).
_FORMULA: Final = ("=", "+", "-", "@")
#: Rows that are fetched at once.
_BATCH: Final = 1000


def export(request: HttpRequest, rows: QuerySet[Message]) -> StreamingHttpResponse:
    """Stream the rows of a list; the event is committed before the first of them leaves."""
    record(
        Tag.MESSAGE_LIST_EXPORTED,
        Subject("list", "", "messages"),
        "The list of messages was exported as CSV.",
        data={"filters": request.GET.urlencode()},
        actor=request.user.get_username(),
        address=address_of(request),
    )
    values = rows.prefetch_related(None).values_list(*COLUMNS.values())
    return StreamingHttpResponse(
        lines(values.iterator(chunk_size=_BATCH)),
        content_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="messages-{timezone.now():%Y%m%d}.csv"',
            "Cache-Control": "no-store",
        },
    )


def lines(rows: Iterable[tuple[Any, ...]]) -> Iterator[str]:
    """Write CSV (RFC 4180), the titles first."""
    writer = csv.writer(_Line())
    yield writer.writerow(list(COLUMNS))
    for row in rows:
        yield writer.writerow([cell(value) for value in row])


def cell(value: object) -> str:
    """Write a value so that no spreadsheet calculates it: partners choose names and texts."""
    if value is None:
        return ""
    if isinstance(value, dt.datetime):
        return moment(value)
    text = " · ".join(filter(None, str(value).replace("\0", "").splitlines()))
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text


class _Line:
    """What ``csv`` writes a row to: gives it back."""

    def write(self, text: str) -> str:
        return text
