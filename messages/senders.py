"""Senders: names that no connection has, in a bounded list."""

import logging

from messages.models import UnknownSender
from messages.sightings import Throttle, count

logger = logging.getLogger(__name__)

_throttle = Throttle()


def note_unknown(as2_from: str, as2_to: str, address: str | None) -> None:
    """Count a message of names that are not configured; at most a few writes a second."""
    sightings = _throttle.see((as2_from, as2_to))
    if not sightings:
        return
    logger.warning("unknown AS2 names %r -> %r from %s", as2_from, as2_to, address)
    names = {"as2_from": as2_from, "as2_to": as2_to}
    count(UnknownSender, names, sightings, address=address)
