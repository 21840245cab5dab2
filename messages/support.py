"""Support: the way to a partner's help, and the text of a case for it.

A case tells what the partner's people need to find a message on their side. It names no key, no
password and nothing of the document but its name and numbers.
"""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from django.utils import timezone

from as2gateway.compliance.profile import ProfileError
from messages.models import MDN, Attempt, Direction, Message
from partners.compliance.profiles import catalogue
from partners.models import Connection, PartnerCertificate
from partners.urls import without_password

#: Attempts that a case tells of: the last ones say what is wrong now.
_ATTEMPTS: Final = 3
#: Characters of a text of theirs or ours in a case.
_LONG: Final = 600


@dataclass(frozen=True, slots=True)
class Help:
    """Where to ask; empty where nothing is known."""

    path: str = ""
    guide_title: str = ""
    guide_url: str = ""
    email: str = ""
    contact: str = ""

    @property
    def is_known(self) -> bool:
        """Whether there is any way."""
        return any((self.path, self.guide_title, self.email, self.contact))


def help_of(connection: Connection) -> Help:
    """Find the way to a partner's help: its profile's, and what its own page says."""
    partner = connection.partner
    try:
        known = catalogue().versions(connection.profile, timezone.now().date())
    except ProfileError:  # partners.E002 says what is wrong with it
        known = ()
    if not known:
        return Help(email=partner.email, contact=partner.contact)
    profile = known[0]
    return Help(
        profile.support, profile.guide_title, profile.guide_url, partner.email, partner.contact
    )


def case(message: Message) -> str:
    """Write the text of a case about a message. The connection must be fetched with it."""
    lines = [_opening(message), ""]
    lines += [f"  {name:<22} {value}" for name, value in _facts(message) if value]
    attempts = list(message.attempt_rows.order_by("-number")[:_ATTEMPTS])
    for attempt in reversed(attempts):
        lines += ["", f"  Attempt {attempt.number}"]
        lines += [f"    {name:<20} {value}" for name, value in _of_attempt(attempt) if value]
    mdn = message.mdns.order_by("-created_at", "-pk").first()
    if mdn is not None:
        lines += ["", "  MDN"]
        lines += [f"    {name:<20} {value}" for name, value in _of_mdn(mdn) if value]
    return "\n".join([*lines, ""])


def _opening(message: Message) -> str:
    if message.direction == Direction.OUTBOUND:
        return "An AS2 message that we sent to you was not processed. Please look into it."
    return "We could not accept an AS2 message that you sent to us. Please look into it."


def _facts(message: Message) -> Iterator[tuple[str, str]]:
    connection = message.connection
    yield "Message-ID", message.message_id
    yield "AS2-From", message.as2_from
    yield "AS2-To", message.as2_to
    yield "Environment", connection.environment
    if message.direction == Direction.OUTBOUND:
        yield "URL", without_password(connection.url)
    yield "Time (UTC)", moment(message.created_at)
    yield "Finished (UTC)", moment(message.finished_at)
    yield "File", message.filename
    yield "Document", f"{message.edi_standard} {message.edi_type}".strip()
    yield "Control number", message.edi_control_number
    for reference in message.edi_references.splitlines():
        kind, _, value = reference.partition(" ")
        yield f"{kind.capitalize()} number", value
    yield "Size (bytes)", str(message.payload_size or "")
    yield "Signature", message.signed or "none"
    yield "Encryption", message.encrypted or "none"
    yield "Certificate used", _certificate(message)
    # Not what we make of it: that text is for our own people, who are told more than partners.
    yield "Error", message.failure_code


def _certificate(message: Message) -> str:
    """Name the partner's certificate that a message was made for: its holder compares it."""
    fingerprint = message.settings.get("encrypt_to")
    if not isinstance(fingerprint, str) or message.direction != Direction.OUTBOUND:
        return ""
    row = PartnerCertificate.objects.filter(fingerprint=fingerprint).first()
    if row is None:
        return f"SHA-256 {fingerprint}"
    return f"{row.subject}, serial {row.serial}, SHA-256 {fingerprint}"


def _of_attempt(attempt: Attempt) -> Iterator[tuple[str, str]]:
    yield "Time (UTC)", moment(attempt.started_at)
    yield "URL", without_password(attempt.url)
    yield "Reached", attempt.peer
    yield "HTTP status", str(attempt.http_status or "")
    yield "TLS", f"{attempt.tls_version} {attempt.tls_suite}".strip()
    yield "TLS certificate", attempt.tls_fingerprint
    yield "Fault", attempt.error_class
    yield "Explanation", _line(attempt.error_text)


def _of_mdn(mdn: MDN) -> Iterator[tuple[str, str]]:
    yield "Time (UTC)", moment(mdn.created_at)
    yield "Message-ID", mdn.mdn_message_id
    yield "Disposition", mdn.disposition
    yield "MIC", mdn.mic
    yield "Text", _line(mdn.text)


def moment(at: dt.datetime | None) -> str:
    """Write a time in UTC, to the second; empty for none."""
    return f"{at.astimezone(dt.UTC):%Y-%m-%d %H:%M:%S}" if at else ""


def _line(text: str) -> str:
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return line if len(line) <= _LONG else line[: _LONG - 1] + "…"
