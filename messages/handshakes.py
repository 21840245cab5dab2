"""Handshakes that fail at our listener: counted by address and reason, in a bounded list.

A partner whose TLS is too old sends no message that could be shown, so this is all there is to see
of it. Writes are limited like those of unknown names (threats R3).
"""

import ipaddress
import logging
import ssl
from typing import Final

from django import db

from messages.sightings import Throttle, count
from partners.models import FailedHandshake

logger = logging.getLogger(__name__)

_DISTRUST: Final = "does not trust our certificate: it may not know our authority, or the chain"
_OLD: Final = "offers only TLS versions that are older than 1.2"
_NOT_TLS: Final = "sends something that is not TLS"
#: What OpenSSL calls it, and what that means.
_REASONS: Final = {
    "UNSUPPORTED_PROTOCOL": _OLD,
    "VERSION_TOO_LOW": _OLD,
    "TLSV1_ALERT_PROTOCOL_VERSION": "takes no TLS version that we offer (1.2 and 1.3)",
    "NO_SHARED_CIPHER": "offers none of our cipher suites",
    "NO_SUITABLE_SIGNATURE_ALGORITHM": "takes no signature that our certificate can make",
    "HTTP_REQUEST": "speaks plain HTTP to the TLS port: its URL has to begin with https",
    "WRONG_VERSION_NUMBER": _NOT_TLS,
    "UNEXPECTED_MESSAGE": _NOT_TLS,
    "TLSV1_ALERT_UNKNOWN_CA": _DISTRUST,
    "SSLV3_ALERT_BAD_CERTIFICATE": _DISTRUST,
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": _DISTRUST,
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE": _DISTRUST,
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "finds our certificate expired; its clock may be wrong",
    "SSLV3_ALERT_HANDSHAKE_FAILURE": "finds nothing in common with what we offer",
    "TLSV1_ALERT_INSUFFICIENT_SECURITY": "finds our suites too weak",
}

#: A connection that ends, or has nothing to read yet.
_NO_FAULTS: Final = (
    ssl.SSLEOFError,
    ssl.SSLZeroReturnError,
    ssl.SSLWantReadError,
    ssl.SSLWantWriteError,
)

_throttle = Throttle()


def reason_of(error: Exception) -> str:
    """Say in plain words why a handshake failed; "" for what is not worth a line.

    Who opens a connection and closes it looks whether somebody listens, as balancers do.
    """
    if isinstance(error, TimeoutError):
        return "stops in the middle of the handshake"
    if not isinstance(error, ssl.SSLError) or isinstance(error, _NO_FAULTS):
        return ""
    code = error.reason or ""
    return _REASONS.get(code, f"fails with {code.lower().replace('_', ' ')}" if code else "")


def note_failed(peer: str, error: Exception, **_signal: object) -> None:
    """Count a handshake that failed. Never raises: a listener goes on whatever happens here."""
    reason = reason_of(error)
    sightings = _throttle.see((peer, reason)) if reason else 0
    if not sightings:
        return
    logger.warning("TLS handshake failed: %s %s (%d since the last line)", peer, reason, sightings)
    try:
        address = str(ipaddress.ip_address(peer.partition("%")[0]))
        count(FailedHandshake, {"address": address, "reason": reason[:200]}, sightings)
    except (db.Error, ValueError):
        logger.exception("a failed handshake of %s could not be counted", peer)
