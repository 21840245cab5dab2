"""Words and colours: how times, sizes and states are shown on every page."""

import datetime as dt
from typing import Final

from django.template.defaultfilters import filesizeformat

from audit.badges import Tone
from messages.models import DeliveryState, MDNState, State

STATE_TONES: Final = {
    State.RECEIVED: Tone.BUSY,
    State.ACCEPTED: Tone.GOOD,
    State.REJECTED: Tone.BAD,
    State.QUEUED: Tone.BUSY,
    State.SENDING: Tone.BUSY,
    State.WAITING: Tone.WARN,
    State.DELIVERED: Tone.GOOD,
    State.FAILED: Tone.BAD,
}

MDN_TONES: Final = {
    MDNState.ANSWERED: Tone.GOOD,
    MDNState.QUEUED: Tone.BUSY,
    MDNState.SENT: Tone.GOOD,
    MDNState.FAILED: Tone.BAD,
    MDNState.VERIFIED: Tone.GOOD,
    MDNState.REFUSED: Tone.BAD,
    MDNState.UNMATCHED: Tone.WARN,
}

DELIVERY_TONES: Final = {
    DeliveryState.QUEUED: Tone.BUSY,
    DeliveryState.WAITING: Tone.BUSY,
    DeliveryState.DONE: Tone.GOOD,
    DeliveryState.HELD: Tone.WARN,
}


def moment(at: dt.datetime | None) -> str:
    """Show a time in UTC, to the second."""
    return f"{at.astimezone(dt.UTC):%Y-%m-%d %H:%M:%S}" if at else "-"


def duration(start: dt.datetime, end: dt.datetime) -> str:
    """Show how long something took, in seconds."""
    return f"{(end - start).total_seconds():.1f} s"


def size(count: int | None) -> str:
    """Show a number of bytes."""
    return "-" if count is None else filesizeformat(count)
