"""Mail: the server that notices go out by, from one URL."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

#: Scheme → default port, STARTTLS, TLS from the first octet (RFC 8314 §3).
_SCHEMES: Final = {
    "smtp": (25, False, False),
    "smtp+tls": (587, True, False),
    "smtps": (465, False, True),
}
#: Seconds until a mail server that does not answer is given up; a worker waits for it.
TIMEOUT: Final = 30


@dataclass(frozen=True, slots=True)
class Mail:
    """Django's settings of a mail server."""

    backend: str = "django.core.mail.backends.dummy.EmailBackend"
    host: str = "localhost"
    port: int = 25
    user: str = ""
    password: str = ""
    starttls: bool = False
    tls: bool = False


def configure(url: str) -> Mail:
    """Read ``smtp+tls://user:password@host:587``; an empty one means that no mail is sent."""
    if not url:
        return Mail()
    try:
        parts = urlsplit(url)
        port, starttls, tls = _SCHEMES[parts.scheme]
        return Mail(
            backend="django.core.mail.backends.smtp.EmailBackend",
            host=_host(parts.hostname),
            port=parts.port or port,
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            starttls=starttls,
            tls=tls,
        )
    except (KeyError, ValueError) as error:
        # The URL itself is not repeated: there may be a password in it.
        known = ", ".join(f"{scheme}://" for scheme in _SCHEMES)
        raise ImproperlyConfigured(f"EMAIL_URL must be {known} and host:port.") from error


def _host(name: str | None) -> str:
    if not name:
        raise ValueError("no host")
    return name
