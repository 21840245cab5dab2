"""Credentials: user name and password for a partner's URL, and where alone they may go (SND-10)."""

import base64
import datetime as dt
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from partners.encryption import Secret

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Credentials:
    """What HTTP Basic asks for (RFC 7617)."""

    user: str
    password: str = field(repr=False)

    @property
    def authorization(self) -> str:
        """Value of the Authorization field."""
        pair = f"{self.user}:{self.password}".encode()
        return f"Basic {base64.b64encode(pair).decode('ascii')}"


def origin_of(url: str) -> str:
    """Scheme, host and port of a URL, the one server that a password is meant for.

    Empty for a URL that cannot be read.
    """
    try:
        target = urlsplit(url)
        port = target.port or _PORTS[target.scheme]
    except (ValueError, KeyError):
        return ""
    return f"{target.scheme}://{target.hostname}:{port}" if target.hostname else ""


def sealed_password(password: str, url: str, now: dt.datetime) -> dict[str, object]:
    """Columns of a connection that keep a password for the server of a URL; empty removes it."""
    secret = Secret.of(password.encode()) if password else None
    return {
        "url_password": secret,
        "url_password_for": origin_of(url) if secret else "",
        "url_password_set_at": now if secret else None,
    }
