"""Credentials: user name and password for a partner's URL, and where alone they may go (SND-10)."""

import base64
import datetime as dt
from dataclasses import dataclass, field

from partners.encryption import Secret
from partners.urls import host_of, port_of, read_url


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
        target = read_url(url)
    except ValueError:
        return ""
    return f"{target.scheme}://{host_of(target)}:{port_of(target)}"


def sealed_password(password: str, url: str, now: dt.datetime) -> dict[str, object]:
    """Columns of a connection that keep a password for the server of a URL; empty removes it."""
    secret = Secret.of(password.encode()) if password else None
    return {
        "url_password": secret,
        "url_password_for": origin_of(url) if secret else "",
        "url_password_set_at": now if secret else None,
    }
