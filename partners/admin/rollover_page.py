"""The page of one rollover: old and new side by side, who has confirmed, what can be done."""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.utils.html import format_html
from django.utils.safestring import SafeString

from as2gateway.certificates import Certificate
from audit.badges import Tone, badge
from partners.models import (
    CertificateAnnouncement,
    Confirmation,
    OfferState,
    Rollover,
    RolloverState,
)
from partners.rollover.announcing import letter, pretty
from partners.rollover.dates import written

STATE_TONES = {
    RolloverState.PLANNED: Tone.BUSY,
    RolloverState.ACTIVE: Tone.WARN,
    RolloverState.DONE: Tone.GOOD,
    RolloverState.CANCELLED: Tone.PLAIN,
}
_STEP_TONES = {
    "confirmed": Tone.GOOD,
    "acknowledged": Tone.BUSY,
    "told": Tone.BUSY,
    "open": Tone.WARN,
}


@dataclass(frozen=True, slots=True)
class Step:
    """How far one connection is."""

    row: Confirmation
    badge: SafeString
    #: ready to be sent; only about a key pair of ours
    letter: str
    #: whether the partner may be asked by a message
    can_ask: bool = False
    #: what became of the last message that asked; empty if there was none
    asked: str = ""


@dataclass(frozen=True, slots=True)
class RolloverPage:
    """Everything that the template shows."""

    row: Rollover
    tone: Tone
    headline: str
    text: str
    comparison: list[tuple[str, SafeString, SafeString]]
    steps: list[Step]
    silent: list[Step]
    can: frozenset[str]


def build_page(
    rollover: Rollover, confirmations: Sequence[Confirmation], now: dt.datetime
) -> RolloverPage:
    """Read what there is to say about a rollover at this moment."""
    steps = [_step(rollover, each) for each in confirmations]
    silent = [step for step in steps if step.row.confirmed_at is None]
    headline, text = _words(rollover, len(silent), now)
    return RolloverPage(
        row=rollover,
        tone=_tone(rollover, silent),
        headline=headline,
        text=text,
        comparison=list(compare(rollover.old.value, rollover.new.value)),
        steps=steps,
        silent=silent,
        can=frozenset(_possible(rollover, now)),
    )


def compare(old: Certificate, new: Certificate) -> Iterator[tuple[str, SafeString, SafeString]]:
    """Put two certificates side by side, line by line."""
    for name, before, after in (
        ("Subject", old.subject, new.subject),
        ("Issuer", old.issuer, new.issuer),
        ("SHA-256 fingerprint", pretty(old.fingerprint), pretty(new.fingerprint)),
        ("Serial number", f"{old.serial:x}", f"{new.serial:x}"),
        ("Key", _key(old), _key(new)),
        ("Signature hash", old.signature_digest, new.signature_digest),
        ("Valid from", written(old.not_before), written(new.not_before)),
        ("Valid until", written(old.not_after), written(new.not_after)),
    ):
        yield name, _cell(before, same=True), _cell(after, same=before == after)


def _cell(text: str, *, same: bool) -> SafeString:
    return format_html("{}" if same else "<strong>{}</strong>", text)


def _key(certificate: Certificate) -> str:
    return f"{certificate.key_type.upper()} {certificate.key_bits}"


def _step(rollover: Rollover, row: Confirmation) -> Step:
    text = letter(row) if rollover.is_ours and rollover.is_open else ""
    shown = badge(_STEP_TONES[row.step], row.step)
    planned = rollover.is_ours and rollover.state == RolloverState.PLANNED
    open_one = planned and row.acknowledged_at is None
    can_ask = open_one and row.connection.certificate_exchange
    return Step(row, shown, text, can_ask=can_ask, asked=_asked(row.announcements.first()))


def _asked(row: CertificateAnnouncement | None) -> str:
    """Say what became of a message that asked a partner to trust the new one."""
    if row is None:
        return ""
    if row.failure_text:
        return f"It could not be sent by a message: {row.failure_text}"
    if not row.message_id:
        return "A message is about to go out."
    if row.answer == OfferState.PENDING:
        return f"Sent by message {row.message_id}: no answer yet."
    moment = f"{row.answered_at:%Y-%m-%d %H:%M} UTC" if row.answered_at else ""
    return f"The partner's answer of {moment}: {row.answer}. {row.reason}".rstrip()


def _tone(rollover: Rollover, silent: Sequence[Step]) -> Tone:
    if rollover.state == RolloverState.ACTIVE and not silent:
        return Tone.GOOD
    return STATE_TONES[RolloverState(rollover.state)]


def _words(rollover: Rollover, silent: int, now: dt.datetime) -> tuple[str, str]:
    start = written(rollover.starts_at)
    match RolloverState(rollover.state):
        case RolloverState.CANCELLED:
            return "Cancelled", "The old certificate stays."
        case RolloverState.DONE:
            return "Done", "The new certificate is used, the old one is retired."
        case RolloverState.PLANNED if rollover.starts_at > now:
            days = (rollover.starts_at - now).days
            return f"The new certificate is used from {start} on", f"That is in {days} days."
        case _ if silent:
            text = (
                f"{silent} of its connections have not been seen to use it yet. The old one is "
                "accepted until it is retired."
            )
            return f"The new certificate is used since {start}", text
        case _:
            text = "Every connection was seen to use it. The old one is retired a week after that."
            return f"The new certificate is used since {start}, and confirmed", text


def _possible(rollover: Rollover, now: dt.datetime) -> Iterator[str]:
    planned = rollover.state == RolloverState.PLANNED and rollover.starts_at > now
    if planned:
        yield "move"
    if rollover.state == RolloverState.ACTIVE:
        yield "retire"
    if rollover.is_open and rollover.old.is_accepted(now):
        yield "cancel"
    if rollover.is_open and rollover.is_ours:
        yield "announce"
