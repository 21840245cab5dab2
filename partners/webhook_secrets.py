"""Secrets of webhooks: made, written and read as Standard Webhooks does."""

import base64
import binascii
import secrets
from typing import Final

_PREFIX: Final = "whsec_"
#: Bytes that a secret has, by the scheme.
_SHORTEST: Final = 24
_LONGEST: Final = 64


def new_secret() -> bytes:
    """Make a secret; as many octets as the digest has."""
    return secrets.token_bytes(32)


def written(secret: bytes) -> str:
    """Write a secret as the scheme does, for the receiver's settings."""
    return f"{_PREFIX}{base64.b64encode(secret).decode('ascii')}"


def read(text: str) -> bytes:
    """Read a secret that somebody wrote, with the prefix or without. Raises ValueError."""
    try:
        secret = base64.b64decode(text.strip().removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("It has to be whsec_ and base64.") from error
    if not _SHORTEST <= len(secret) <= _LONGEST:
        raise ValueError(f"It has to have {_SHORTEST} to {_LONGEST} bytes, in base64.")
    return secret
