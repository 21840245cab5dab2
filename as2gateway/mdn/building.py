"""MDNs as we write them: RFC 4130 sections 7.4 to 7.6 and RFC 3798 section 3.

ASCII and CR LF throughout, nothing folded; what a partner wrote is made safe for its line (SEC-15).
"""

import os
import re
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache

from as2gateway import features, names
from as2gateway.algorithms import DigestAlgorithm
from as2gateway.cms.signing import Signing
from as2gateway.entities import encode_base64
from as2gateway.headers import Headers, is_printable
from as2gateway.mdn.report import MDNReport
from as2gateway.mime import SignedEntity, new_boundary
from as2gateway.policy import SigningKey

_NOT_PRINTABLE = re.compile(r"[^\x20-\x7e]")

#: characters of the reason given to a partner: some sentences, and a line that RFC 2045 §2.8 allows
_MAX_REASON = 900

#: dates that are kept written: the MDNs of a second bear the same one
_KEPT_DATES = 16

_NO_GUARANTEE = "This is no guarantee that the contents of the message have been understood."


def build_mdn(  # noqa: PLR0913  what is reported, and the five things that only the caller can give
    report: MDNReport,
    message_id: str,
    now: datetime,
    sign_with: SigningKey | None,
    digest: DigestAlgorithm,
    *,
    subject: str = "",
    entropy: Callable[[int], bytes] = os.urandom,
) -> tuple[Headers, bytes]:
    """Write an MDN: the header fields of its HTTP message, without Content-Length, and its body.

    Signed with ``digest`` if a key is given. ``now`` is aware. Raises ValueError for AS2 names or a
    Message-ID that cannot be sent.
    """
    date = _date(now.timestamp() // 1)
    content_type, body = _write_report(report, date, new_boundary(entropy))
    if sign_with is not None:
        part = f"Content-Type: {content_type}\r\n\r\n".encode("ascii") + body
        content_type, body = _sign(part, report, sign_with, digest, (now, new_boundary(entropy)))
    fields = [
        *features.fields(report.features),
        ("AS2-From", as_spelt(report.as2_from, report.from_field)),
        ("AS2-To", as_spelt(report.as2_to, report.to_field)),
        ("Message-ID", message_id),
        ("Date", date),
        ("Subject", _printable([subject])[0] if subject else ""),
        ("MIME-Version", "1.0"),
        ("Content-Type", content_type),
    ]
    headers = Headers(tuple([field for field in fields if field[1]]))
    if not is_printable("".join([value for _, value in headers.fields])):
        headers.encode()  # raises for what would break out of its line
    return headers, body


@lru_cache(_KEPT_DATES)
def _date(second: float) -> str:
    return format_datetime(datetime.fromtimestamp(second, UTC))


def _sign(
    part: bytes,
    report: MDNReport,
    key: SigningKey,
    digest: DigestAlgorithm,
    moment: tuple[datetime, str],
) -> tuple[str, bytes]:
    """Put the signature of a part beside it."""
    now, boundary = moment
    quirks = report.quirks
    frame = SignedEntity(boundary, _micalg(report, digest), "base64" if quirks.base64 else "binary")
    running = digest.new()
    running.update(part)
    signature = Signing(digest, key.with_quirks(quirks), now).sign(running.digest())
    if quirks.base64:
        signature = encode_base64(signature)
    return frame.content_type, frame.opening + part + frame.middle + signature + frame.closing


def as_spelt(name: str, field: str) -> str:
    """A name in the spelling of the request, or in our own if that does not mean it (HDR-08)."""
    if not field:
        return names.quote(name)
    try:
        same = names.unquote(field) == name
    except ValueError:
        same = False
    return field if same else names.quote(name)


def _write_report(report: MDNReport, date: str, boundary: str) -> tuple[str, bytes]:
    content_type = f'multipart/report; report-type=disposition-notification; boundary="{boundary}"'
    lines = [
        f"--{boundary}",
        "Content-Type: text/plain; charset=us-ascii",
        "Content-Transfer-Encoding: 7bit",
        "",
        *text_lines(report, date),
        "",
        f"--{boundary}",
        "Content-Type: message/disposition-notification",
        "Content-Transfer-Encoding: 7bit",
        "",
        *_fields(report),
        "",
        f"--{boundary}--",
        "",
    ]
    return content_type, "\r\n".join(_printable(lines)).encode("ascii")


def text_lines(report: MDNReport, date: str) -> list[str]:
    """What a person reads (MDN-17), one statement a line; not made printable yet."""
    return [
        "This is the MDN for the AS2 message",
        "",
        f"Message-ID: {report.original_message_id or '(none)'}",
        f"From: {report.as2_to}",
        f"To: {report.as2_from}",
        *([f"Subject: {report.original_subject}"] if report.original_subject else ()),
        f"Date of this MDN: {date}",
        "",
        _result(report),
        *([report.text[:_MAX_REASON]] if report.text else ()),
        _NO_GUARANTEE,
    ]


def _result(report: MDNReport) -> str:
    if not report.disposition.positive:
        return f"The message has not been accepted: {report.disposition.modified_type}."
    if report.disposition.level:
        return f"The message has been received, with a warning: {report.disposition.text}."
    return "The message has been received."


def _fields(report: MDNReport) -> list[str]:
    """What a program reads, one field a line."""
    recipient = f"rfc822; {names.quote(report.final_recipient)}"
    mic = report.mic.field(report.mic_spelling) if report.mic else ""
    fields = (
        ("Reporting-UA", report.reporting_ua),
        ("Original-Recipient", recipient),
        ("Final-Recipient", recipient),
        ("Original-Message-ID", report.original_message_id),
        ("Disposition", str(report.disposition)),
        ("Received-Content-MIC", mic),
    )
    return [f"{name}: {value}" for name, value in fields if value]


def _micalg(report: MDNReport, digest: DigestAlgorithm) -> str:
    """Repeat the requester's spelling, where it is of the digest that signs (MIC-08, MDN-14)."""
    for spelling in (report.signature_spelling, report.mic_spelling):
        if spelling and _names(spelling, digest):
            return spelling
    return digest.rfc3851_name if report.quirks.rfc3851_names else digest.wire_name


def _names(spelling: str, digest: DigestAlgorithm) -> bool:
    try:
        return DigestAlgorithm.parse(spelling) is digest
    except ValueError:
        return False


def _printable(values: list[str]) -> list[str]:
    if is_printable("".join(values)):
        return values
    return [_NOT_PRINTABLE.sub("?", value) for value in values]
