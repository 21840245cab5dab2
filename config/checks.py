"""System checks: what is wrong or dangerous in this installation, in plain words.

Run by every command and by ``serve``; ``manage.py check --database default`` runs all of them.
"""

import ipaddress
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning  # noqa: A004 - Django's own name
from django.core.checks import register as register_check
from django.db import connections

from as2gateway.engines import ENGINES
from config.logs import STYLES
from config.tls import server_context

LOOPBACK: Final = ("127.", "localhost", "[::1]", "unix:")
POSITIVE: Final = (
    "AS2_LOGIN_ATTEMPTS",
    "AS2_LOGIN_LOCK_MINUTES",
    "AS2_MAX_BODY",
    "AS2_MAX_HEADERS",
    "AS2_MAX_HEADER_BYTES",
    "AS2_READ_TIMEOUT",
    "AS2_HEADER_TIMEOUT",
    "AS2_CONNECTIONS_PER_ADDRESS",
    "AS2_RESTART_KEEP_HOURS",
    "AS2_SEND_LEASE",
    "AS2_SWEEP_SECONDS",
    "AS2_OUTBOX_SECONDS",
    "AS2_WEB_WORKERS",
    "AS2_WEB_THREADS",
    "AS2_WORKER_CONCURRENCY",
)
#: A hundred years, as a connection takes; much more cannot be counted back from today.
_LONGEST_DAYS: Final = 36_500
#: Numbers of which 0 has a meaning of its own, with the most where there is one.
NOT_NEGATIVE: Final = {
    "AS2_KEEP_DAYS": _LONGEST_DAYS,
    "AS2_TLS_TEST_HOURS": 24 * _LONGEST_DAYS,
    "AS2_RESTART_KEEP_HOURS": 24 * _LONGEST_DAYS,
    "AS2_LOGIN_LOCK_MINUTES": 24 * 60 * _LONGEST_DAYS,
    "AS2_RATE_STRANGER": None,
    "AS2_RATE_UNKNOWN_PAIR": None,
    "AS2_RATE_PARTNER": None,
    "AS2_MIN_RATE": None,
    "AS2_MIN_RATE_GRACE": None,
    "AS2_MIN_FREE_SPACE": None,
    "AS2_RESTART_MIN_SIZE": None,
    "AS2_RESTART_MAX_HELD": None,
    "AS2_REFUSALS": None,
}
_HOURS: Final = range(24)


def register() -> None:
    """Hand the checks to Django."""
    for check in CHECKS:
        register_check(check)
    register_check(check_durability, Tags.database)


def check_values(**_kwargs: Any) -> list[CheckMessage]:
    """Refuse values that no code could work with."""
    found: list[CheckMessage] = [
        Error(f"{name} must be greater than 0.", id="config.E001")
        for name in POSITIVE
        if getattr(settings, name) <= 0
    ]
    if settings.AS2_ENGINE not in ENGINES:
        found.append(Error(f"AS2_ENGINE must be one of {', '.join(ENGINES)}.", id="config.E002"))
    for network in settings.AS2_METRICS_ALLOW:
        try:
            ipaddress.ip_network(network, strict=False)
        except ValueError as error:
            found.append(Error(f"AS2_METRICS_ALLOW: {error}.", id="config.E006"))
    return found


def check_ranges(**_kwargs: Any) -> list[CheckMessage]:
    """Refuse numbers that would do the opposite of what is meant: -1 days keep nothing at all."""
    found: list[CheckMessage] = []
    for name, most in NOT_NEGATIVE.items():
        value = getattr(settings, name)
        if value < 0:
            found.append(Error(f"{name} must not be negative.", id="config.E007"))
        elif most is not None and value > most:
            found.append(Error(f"{name} must be at most {most}.", id="config.E007"))
    hour = settings.AS2_DIGEST_HOUR
    if hour is not None and hour not in _HOURS:
        text = "AS2_DIGEST_HOUR must be an hour of the day, 0 to 23, or -1 for no digest."
        found.append(Error(text, id="config.E008"))
    return found


def check_words(**_kwargs: Any) -> list[CheckMessage]:
    """Refuse words that mean nothing here, and would be passed over in silence."""
    found: list[CheckMessage] = []
    for proxy in filter(str.strip, settings.AS2_TRUSTED_PROXIES.split(",")):
        try:
            ipaddress.ip_network(proxy.strip())
        except ValueError as error:
            text = f"AS2_TRUSTED_PROXIES lists addresses and networks: {error}."
            found.append(Error(text, id="config.E009"))
    if settings.AS2_LOG not in STYLES:
        found.append(Error(f"AS2_LOG must be one of {', '.join(STYLES)}.", id="config.E010"))
    return found


def check_debugging(**_kwargs: Any) -> list[CheckMessage]:
    """Keep tools for tests out of production."""
    if settings.DEBUG:
        return [
            Warning("DEBUG is on: error pages show settings and data to anybody.", id="config.W001")
        ]
    if settings.AS2_FAILPOINTS:
        return [
            Error(
                "AS2_FAILPOINTS makes the gateway fail on purpose; it is accepted only with DEBUG.",
                id="config.E003",
            )
        ]
    return []


def check_exposure(**_kwargs: Any) -> list[CheckMessage]:
    """Warn when passwords of the pages would cross a network in the clear."""
    local = settings.AS2_BIND.startswith(LOOPBACK)
    if local or settings.AS2_TLS_CERT or settings.AS2_BASE_URL.startswith("https://"):
        return []
    return [
        Warning(
            f"The gateway listens on {settings.AS2_BIND} without TLS, so passwords of its pages "
            f"cross the network in the clear.",
            hint="Set AS2_TLS_CERT and AS2_TLS_KEY, or put a proxy with TLS in front and set "
            "AS2_BASE_URL to its https:// address.",
            id="config.W002",
        )
    ]


def check_tls(**_kwargs: Any) -> list[CheckMessage]:
    """Refuse to start with a certificate that no handshake could use."""
    certificate, key = settings.AS2_TLS_CERT, settings.AS2_TLS_KEY
    clients = settings.AS2_TLS_CLIENT_CA
    if not certificate and not key and not clients:
        return []
    try:
        server_context(Path(certificate), Path(key), clients=Path(clients) if clients else None)
    except OSError as error:
        text = f"AS2_TLS_CERT ({certificate}) and AS2_TLS_KEY ({key}) cannot be used: {error}."
        if clients:
            text = f"{text} AS2_TLS_CLIENT_CA is {clients}."
        hint = (
            "Name PEM files: the certificate with those above it, its private key, and the "
            "authorities of clients, if these must have certificates."
        )
        return [Error(text, hint=hint, id="config.E005")]
    return []


def check_secrets(**_kwargs: Any) -> list[CheckMessage]:
    """Warn about secrets in the home folder that others may read."""
    return [
        Warning(
            f"{path} can be read by other users of this machine.",
            hint=f"Run: chmod 600 {path}",
            id="config.W003",
        )
        for path in _secret_files()
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)
    ]


def _secret_files() -> Iterable[Path]:
    return (path for path in (settings.AS2_HOME / "secrets").iterdir() if path.is_file())


def check_durability(databases: Sequence[str] | None = None, **_kwargs: Any) -> list[CheckMessage]:
    """Refuse a database that may forget a commit: an MDN that left would have lied (IN4, IN5)."""
    return [message for alias in databases or () for message in _durability(alias)]


def _durability(alias: str) -> list[CheckMessage]:
    connection = connections[alias]
    sqlite = connection.vendor == "sqlite"
    question = "PRAGMA synchronous" if sqlite else "SHOW synchronous_commit"
    with connection.cursor() as cursor:
        cursor.execute(question)
        row = cursor.fetchone()
    answer = str(row[0]) if row else "nothing"
    # SQLite: 2 is FULL, 3 EXTRA. PostgreSQL: all but "off" and "local" wait for the disk or more.
    if answer in ({"2", "3"} if sqlite else {"on", "remote_write", "remote_apply"}):
        return []
    return [
        Error(
            f"The database may lose commits in a power cut: {question} answers {answer}.",
            hint="Take the option that weakens it out of DATABASE_URL.",
            id="config.E004",
        )
    ]


CHECKS: Final = (
    check_values,
    check_ranges,
    check_words,
    check_debugging,
    check_exposure,
    check_secrets,
    check_tls,
)
