"""Signing: that an event is ours and nobody changed it (Standard Webhooks, symmetric, ``v1``)."""

import base64
import hashlib
import hmac
from collections.abc import Iterable


def signature(keys: Iterable[bytes], event_id: str, timestamp: int, body: bytes) -> str:
    """Return the value of ``webhook-signature``: one signature by each secret, the newest first."""
    content = f"{event_id}.{timestamp}.".encode() + body
    digests = (hmac.digest(key, content, hashlib.sha256) for key in keys)
    return " ".join(f"v1,{base64.b64encode(digest).decode('ascii')}" for digest in digests)
