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
from as2gateway.mdn import MDNReport
from as2gateway.policy import SigningKey
from as2gateway.pyas2.composing import digest_name, organization
from as2gateway.pyas2.library import Mdn, Message, Partner

_NOT_PRINTABLE = re.compile(r"[^\x20-\x7e]")


def compose_mdn(
    report: MDNReport, stamp: Stamp, sign_with: SigningKey | None, digest: DigestAlgorithm
) -> BuiltMDN:
    """Build an MDN. Raises ValueError for a key that is not RSA, or names that cannot be sent.

    Its signing time is the clock's. It always writes brackets around the original Message-ID, and
    a pair of them where there is none.
    """
    status = report.disposition.modified_type
    text = _printable(f"{status}. {report.text}".rstrip())
    message = _answered(report, text, sign_with)
    if sign_with is not None:
        # The last digest of the options is what it signs with: here there is one.
        message.payload["disposition-notification-options"] = digest_name(digest)
    mdn = Mdn()
    mdn.build(message, status, failed_text=text)
    headers = Headers(
        (
            ("AS2-Version", "1.1"),  # RFC 5402 §6: compression is understood
            ("AS2-From", names.quote(report.as2_from)),
            ("AS2-To", names.quote(report.as2_to)),
            ("Message-ID", stamp.message_id),
            ("Date", format_datetime(stamp.now.astimezone(UTC))),
            *((("Subject", _printable(stamp.subject)),) if stamp.subject else ()),
            ("MIME-Version", "1.0"),
            ("Content-Type", mdn.payload["Content-Type"]),
        )
    )
    headers.encode()  # raises for what would break out of its line
    return BuiltMDN(headers, bytes(mdn.content))


def _answered(report: MDNReport, text: str, sign_with: SigningKey | None) -> Any:
    """The message that is answered, as far as pyas2lib looks at it."""
    sender = Partner(as2_name=report.as2_to, mdn_confirm_text=text)
    receiver = organization(report.as2_from, sign_with, mdn_confirm_text=text)
    message = Message(sender, receiver)
    message.message_id = _bare(report.original_message_id or "")
    if report.mic is not None:
        message.mic = report.mic.encoded.encode("ascii")
        message.digest_alg = _printable(report.mic_spelling or report.mic.algorithm.wire_name)
    message.payload = MIMEMessage()
    message.payload["as2-from"] = names.quote(report.as2_to)
    message.payload["as2-to"] = names.quote(report.final_recipient)
    return message


def _bare(message_id: str) -> str:
    return _printable(message_id.strip(" \t").removeprefix("<").removesuffix(">"))


def _printable(value: str) -> str:
    return _NOT_PRINTABLE.sub("?", value)
