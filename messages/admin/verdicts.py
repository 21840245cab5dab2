"""Verdicts: what became of a message, in plain words. The stored text says what to do about it."""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from as2gateway.policy import MDNMode
from audit.badges import Tone
from messages.admin.words import STATE_TONES, moment
from messages.models import MDN, Direction, MDNState, Message, State
from partners.models import ConnectionState


@dataclass(frozen=True, slots=True)
class Verdict:
    """A headline, its colour, and a sentence or two."""

    tone: Tone
    headline: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class MDNVerdict:
    """What the MDNs of a message say, in one or two words."""

    tone: Tone
    text: str


def verdict(message: Message, now: dt.datetime) -> Verdict:
    """Say where a message is and why. The connection must be fetched with it."""
    return _VERDICTS[State(message.state)](message, now)


def mdn_verdict(message: Message, mdns: Sequence[MDN]) -> MDNVerdict:
    """Say what its MDNs (the latest first) prove for a message."""
    if message.mdn_mode == MDNMode.NONE:
        return MDNVerdict(Tone.PLAIN, "not asked for")
    if message.direction == Direction.OUTBOUND:
        return _their_mdn(message, mdns)
    return _our_mdn(message, mdns)


def _their_mdn(message: Message, mdns: Sequence[MDN]) -> MDNVerdict:
    for mdn in mdns:
        if mdn.state == MDNState.VERIFIED:
            return MDNVerdict(Tone.GOOD, "positive") if mdn.positive else _NEGATIVE
    if any(mdn.state == MDNState.REFUSED for mdn in mdns):
        return MDNVerdict(Tone.BAD, "refused")
    if message.due_at is None:
        return MDNVerdict(Tone.BAD, "none came")
    return MDNVerdict(Tone.BUSY, "awaited")


def _our_mdn(message: Message, mdns: Sequence[MDN]) -> MDNVerdict:
    if not mdns:
        return MDNVerdict(Tone.BUSY if message.due_at else Tone.PLAIN, "none yet")
    latest = mdns[0]
    if latest.state == MDNState.FAILED:
        return MDNVerdict(Tone.BAD, "not sent")
    if latest.state == MDNState.QUEUED:
        return MDNVerdict(Tone.BUSY, "being sent")
    return MDNVerdict(Tone.GOOD, "positive") if latest.positive else _NEGATIVE


_NEGATIVE: Final = MDNVerdict(Tone.BAD, "negative")


def _received(message: Message, _now: dt.datetime) -> Verdict:
    return Verdict(Tone.BUSY, "Received", "It is being decrypted and verified.")


def _accepted(message: Message, _now: dt.datetime) -> Verdict:
    return Verdict(Tone.GOOD, "Accepted", "Everything this connection insists on was there.")


def _rejected(message: Message, _now: dt.datetime) -> Verdict:
    return Verdict(Tone.BAD, "Rejected", message.failure_text)


def _queued(message: Message, now: dt.datetime) -> Verdict:
    state = message.connection.state
    if state != ConnectionState.ACTIVE:
        return Verdict(
            Tone.WARN,
            f"Parked: the connection is {state}",
            "Set the connection to active, and the message goes out.",
        )
    if message.attempts == 0:
        return Verdict(Tone.BUSY, "Queued", "It will be sent within seconds.")
    when = moment(message.due_at) if message.due_at and message.due_at > now else "now"
    why = message.failure_text or "Somebody asked for it to be sent again."
    return Verdict(Tone.WARN, f"Will be tried again: {when}", why)


def _sending(message: Message, _now: dt.datetime) -> Verdict:
    return Verdict(Tone.BUSY, f"Being sent: attempt {message.attempts}", message.failure_text)


def _waiting(message: Message, now: dt.datetime) -> Verdict:
    deadline = message.mdn_deadline
    text = f"It was sent. The partner's MDN is due by {moment(deadline)} UTC."
    if deadline and deadline < now:
        text = f"It was sent. The partner's MDN was due by {moment(deadline)} UTC."
    return Verdict(STATE_TONES[State.WAITING], "Waiting for the MDN", text)


def _delivered(message: Message, _now: dt.datetime) -> Verdict:
    if message.mdn_mode == MDNMode.NONE:
        text = "The partner's server took it. No MDN was asked for, so there is no other proof."
    else:
        text = "The partner's MDN proves it."
    return Verdict(Tone.GOOD, "Delivered", text)


def _failed(message: Message, _now: dt.datetime) -> Verdict:
    return Verdict(Tone.BAD, "Failed", message.failure_text)


_VERDICTS: Final[dict[State, Callable[[Message, dt.datetime], Verdict]]] = {
    State.RECEIVED: _received,
    State.ACCEPTED: _accepted,
    State.REJECTED: _rejected,
    State.QUEUED: _queued,
    State.SENDING: _sending,
    State.WAITING: _waiting,
    State.DELIVERED: _delivered,
    State.FAILED: _failed,
}
