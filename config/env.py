"""What the environment may say: every variable that is read, its type and its default.

Each of them can also be given as ``X_FILE``, the name of a file that holds the value; that is
how secrets come in. ``.env`` in the project root is read too, but never overrides a variable
that is set. The table is checked against ``.env.example`` and ``docs/configuration.md``.
"""

from pathlib import Path
from typing import Final

from environ import FileAwareEnv
from environ.fileaware_mapping import FileAwareMapping

ROOT: Final = Path(__file__).resolve().parent.parent

MEBIBYTE: Final = 1024**2
GIBIBYTE: Final = 1024**3

SCHEME: Final[dict[str, tuple[type, object]]] = {
    # Where things are
    "AS2_ENV_FILE": (str, str(ROOT / ".env")),
    "AS2_HOME": (str, str(ROOT / "var")),
    "AS2_BIND": (str, "127.0.0.1:8000"),
    "AS2_BASE_URL": (str, ""),
    "AS2_SENDING_ADDRESSES": (list, []),
    "AS2_STORE_URL": (str, ""),
    "AS2_INBOX": (str, ""),
    "AS2_OUTBOX": (str, ""),
    "DATABASE_URL": (str, ""),
    "DATABASE_CONN_MAX_AGE": (int, 60),
    "REDIS_URL": (str, ""),
    # Secrets and who may ask
    "SECRET_KEY": (str, ""),
    "AS2_KEY_RING": (str, ""),
    "ALLOWED_HOSTS": (list, []),
    "CSRF_TRUSTED_ORIGINS": (list, []),
    "AS2_TRUSTED_PROXIES": (str, "127.0.0.1,::1"),
    "AS2_REQUIRE_2FA": (bool, False),
    "AS2_LOGIN_ATTEMPTS": (int, 5),
    "AS2_LOGIN_LOCK_MINUTES": (int, 15),
    "AS2_ADMIN_PASSWORD": (str, ""),
    "AS2_USER": (str, ""),
    "AS2_COMMANDS_NEED_USER": (bool, False),
    # Mail
    "EMAIL_URL": (str, ""),
    "DEFAULT_FROM_EMAIL": (str, ""),
    # Webhooks and metrics
    "AS2_WEBHOOK_ALLOW_PRIVATE": (bool, False),
    "AS2_METRICS_TOKEN": (str, ""),
    "AS2_METRICS_ALLOW": (list, []),
    # TLS
    "AS2_TLS_CERT": (str, ""),
    "AS2_TLS_CLIENT_CA": (str, ""),
    "AS2_TLS_KEY": (str, ""),
    "AS2_TLS_PROBE_ALLOW_PRIVATE": (bool, False),
    "AS2_TLS_TEST_HOURS": (int, 24),
    # Limits on what comes in
    "AS2_MAX_BODY": (int, 16 * GIBIBYTE),
    "AS2_MAX_HEADERS": (int, 100),
    "AS2_MAX_HEADER_BYTES": (int, 64 * 1024),
    "AS2_READ_TIMEOUT": (int, 30),
    "AS2_HEADER_TIMEOUT": (int, 10),
    "AS2_CONNECTIONS_PER_ADDRESS": (int, 100),
    "AS2_RATE_STRANGER": (int, 60),
    "AS2_RATE_UNKNOWN_PAIR": (int, 30),
    "AS2_RATE_PARTNER": (int, 60_000),
    "AS2_MIN_RATE": (int, 1024),
    "AS2_MIN_RATE_GRACE": (int, 30),
    "AS2_MIN_FREE_SPACE": (int, 512 * MEBIBYTE),
    "AS2_RESTART_MIN_SIZE": (int, MEBIBYTE),
    "AS2_RESTART_KEEP_HOURS": (int, 24),
    "AS2_RESTART_MAX_HELD": (int, 16 * GIBIBYTE),
    "AS2_LIMIT_DEPTH": (int, 5),
    "AS2_LIMIT_SIGNATURE": (int, MEBIBYTE),
    "AS2_LIMIT_RECIPIENTS_SIZE": (int, 64 * 1024),
    "AS2_LIMIT_RECIPIENTS": (int, 20),
    "AS2_LIMIT_SIGNERS": (int, 10),
    "AS2_LIMIT_ATTACHMENTS": (int, 100),
    "AS2_LIMIT_RATIO": (int, 200),
    "AS2_LIMIT_MDN": (int, MEBIBYTE),
    "AS2_LIMIT_WHOLE_MESSAGE": (int, 50_000_000),
    "AS2_LIMIT_RSA_BITS": (int, 8192),
    "AS2_LIMIT_EXCHANGE": (int, MEBIBYTE),
    # How long
    "AS2_KEEP_DAYS": (int, 0),
    # Work
    "AS2_ENGINE": (str, "native"),
    "AS2_REFUSALS": (int, 5),
    "AS2_SEND_LEASE": (int, 900),
    "AS2_SWEEP_SECONDS": (float, 5.0),
    "AS2_OUTBOX_SECONDS": (float, 2.0),
    # Processes
    "AS2_WEB_WORKERS": (int, 2),
    "AS2_WEB_THREADS": (int, 8),
    "AS2_WORKER_CONCURRENCY": (int, 2),
    # Mail
    "AS2_DIGEST_HOUR": (int, 6),
    # Logs
    "AS2_LOG": (str, "auto"),
    "AS2_LOG_LEVEL": (str, "INFO"),
    # For tests only
    "DEBUG": (bool, False),
    "AS2_FAILPOINTS": (str, ""),
    "AS2_CLOCK_FILE": (str, ""),
}


env: Final = FileAwareEnv(**SCHEME)

_dotenv = env("AS2_ENV_FILE")
if _dotenv and Path(_dotenv).is_file():
    env.read_env(_dotenv)


def secret(name: str) -> str:
    """Return a secret as it stands, or "" when it is not set.

    django-environ takes a value with a leading dollar sign for the name of another variable,
    and a file's last newline for part of the value: both would change a secret.
    """
    return str(FileAwareMapping(cache=False).get(name, "")).strip()
