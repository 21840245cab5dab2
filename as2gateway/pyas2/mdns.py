"""MDNs built by pyas2lib: RFC 4130 section 7.4.

It would take names, digest and Message-ID from the header fields of the request, the digest being
the last that is listed; here each is what the caller decided.
"""

import re
from datetime import UTC
from email.message import Message as MIMEMessage
from email.utils import format_datetime
from typing import Any

from as2gateway import names
from as2gateway.algorithms import DigestAlgorithm
from as2gateway.engine import BuiltMDN, Stamp
from as2gateway.headers import Headers
from as2gateway.mdn import MDNReport, build_mdn
from as2gateway.mdn.building import as_spelt, text_lines
from as2gateway.policy import SigningKey
from as2gateway.pyas2.composing import beyond, can_sign, digest_name, organization
from as2gateway.pyas2.library import Mdn, Message, Partner

_BRACKETED = re.compile(r"<[\x20-\x7e]*>")
_NOT_PRINTABLE = re.compile(r"[^\x20-\x7e]")


def compose_mdn(
    report: MDNReport, stamp: Stamp, sign_with: SigningKey | None, digest: DigestAlgorithm
) -> BuiltMDN:
    """Build an MDN. Raises ValueError for names or a Message-ID that cannot be sent.

    The signing time in it is the clock's. What pyas2lib cannot write, the core writes: an answer
    must go out whatever key there is (MDN-15).
    """
    if not _is_writable(report, sign_with):
        return BuiltMDN(
            *build_mdn(
                report, stamp.message_id, stamp.now, sign_with, digest, subject=stamp.subject
            )
        )
    date = format_datetime(stamp.now.astimezone(UTC))
    text = "\r\n".join(map(_printable, text_lines(report, date)))
    message = _answered(report, text, sign_with)
    if sign_with is not None:
        # The last digest of the options is what it signs with: here there is one.
        message.payload["disposition-notification-options"] = digest_name(digest)
    mdn = Mdn()
    mdn.build(message, report.disposition.modified_type, failed_text=text)
    headers = Headers(
        (
            ("AS2-Version", "1.1"),  # RFC 5402 §6: compression is understood
            ("AS2-From", as_spelt(report.as2_from, report.from_field)),
            ("AS2-To", as_spelt(report.as2_to, report.to_field)),
            ("Message-ID", stamp.message_id),
            ("Date", date),
            *((("Subject", _printable(stamp.subject)),) if stamp.subject else ()),
            ("MIME-Version", "1.0"),
            ("Content-Type", mdn.payload["Content-Type"]),
        )
    )
    headers.encode()  # raises for what would break out of its line
    return BuiltMDN(headers, bytes(mdn.content))


def _is_writable(report: MDNReport, sign_with: SigningKey | None) -> bool:
    """Whether pyas2lib writes this kind of signature and field, and the Message-ID as it came.

    It puts brackets around whatever it repeats (HDR-15), also around nothing.
    """
    if _BRACKETED.fullmatch(report.original_message_id or "") is None or report.features:
        return False
    return sign_with is None or (can_sign(sign_with) and not beyond(report.quirks))


def _answered(report: MDNReport, text: str, sign_with: SigningKey | None) -> Any:
    """The message that is answered, as far as pyas2lib looks at it."""
    sender = Partner(as2_name=report.as2_to, mdn_confirm_text=text)
    receiver = organization(report.as2_from, sign_with, mdn_confirm_text=text)
    message = Message(sender, receiver)
    message.message_id = (report.original_message_id or "")[1:-1]
    if report.mic is not None:
        message.mic = report.mic.encoded.encode("ascii")
        message.digest_alg = _printable(report.mic_spelling or report.mic.algorithm.wire_name)
    message.payload = MIMEMessage()
    message.payload["as2-from"] = names.quote(report.as2_to)
    message.payload["as2-to"] = names.quote(report.final_recipient)
    return message


def _printable(value: str) -> str:
    return _NOT_PRINTABLE.sub("?", value)
