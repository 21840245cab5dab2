"""Django's settings: safe for production as they stand, changed through ``config.env``."""

from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from as2gateway.policy import Limits
from config import broker, database, keys, logs, mail, unfold
from config.env import ROOT, env, secret
from config.home import Home

# ------------------------------------------------------------------ where things are

BASE_DIR = ROOT
_home = Home(Path(env("AS2_HOME")).expanduser().resolve())
_home.create()

AS2_HOME = _home.root
AS2_STORE = _home.store
AS2_STORE_URL: str = env("AS2_STORE_URL")
AS2_INBOX = Path(env("AS2_INBOX") or _home.inbox)
AS2_OUTBOX = Path(env("AS2_OUTBOX") or _home.outbox)
AS2_PROFILES = _home.profiles

AS2_BIND: str = env("AS2_BIND")
AS2_TLS_CERT: str = env("AS2_TLS_CERT")
AS2_TLS_CLIENT_CA: str = env("AS2_TLS_CLIENT_CA")
AS2_TLS_KEY: str = env("AS2_TLS_KEY")
AS2_TLS_PROBE_ALLOW_PRIVATE: bool = env("AS2_TLS_PROBE_ALLOW_PRIVATE")
AS2_TLS_TEST_HOURS: int = env("AS2_TLS_TEST_HOURS")  # 0 = never
_scheme = "https" if AS2_TLS_CERT else "http"
AS2_BASE_URL: str = (env("AS2_BASE_URL") or f"{_scheme}://{AS2_BIND}").rstrip("/")
_base = urlsplit(AS2_BASE_URL)
#: Where our messages come from, as partners' firewalls have to know it.
AS2_SENDING_ADDRESSES = [each.strip() for each in env("AS2_SENDING_ADDRESSES") if each.strip()]

DATABASES = {
    "default": database.configure(env("DATABASE_URL"), env("DATABASE_CONN_MAX_AGE"), _home)
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# ------------------------------------------------------------------ secrets and access

DEBUG: bool = env("DEBUG")
AS2_FAILPOINTS: str = env("AS2_FAILPOINTS")  # read by the code that fails on purpose
AS2_CLOCK_FILE: str = env("AS2_CLOCK_FILE")
SECRET_KEY = keys.secret_key(_home)
AS2_KEY_RING = keys.key_ring(_home, DATABASES["default"])

_local = ["localhost", "127.0.0.1", "[::1]"]
ALLOWED_HOSTS = [host.strip() for host in env("ALLOWED_HOSTS")] or sorted(
    {_base.hostname or "localhost", *_local}
)
CSRF_TRUSTED_ORIGINS = [
    f"{_base.scheme}://{_base.netloc}",
    *(origin.strip() for origin in env("CSRF_TRUSTED_ORIGINS")),
]
AS2_TRUSTED_PROXIES: str = env("AS2_TRUSTED_PROXIES")

_https = _base.scheme == "https"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _https
SECURE_HSTS_SECONDS = 31_536_000 if _https else 0
# A partner's http:// URL must go on working while it is changed: a POST follows no redirect.
SECURE_SSL_REDIRECT = False
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# Cookies are not kept apart by port: two gateways on one host would end each other's sessions.
_suffix = f"_{_base.port}" if _base.port else ""
SESSION_COOKIE_NAME = f"as2_session{_suffix}"
CSRF_COOKIE_NAME = f"as2_csrf{_suffix}"

AS2_REQUIRE_2FA: bool = env("AS2_REQUIRE_2FA")
AS2_LOGIN_ATTEMPTS: int = env("AS2_LOGIN_ATTEMPTS")
AS2_LOGIN_LOCK_MINUTES: int = env("AS2_LOGIN_LOCK_MINUTES")
AS2_USER: str = env("AS2_USER")  # as whom commands run; "" = the shell
AS2_COMMANDS_NEED_USER: bool = env("AS2_COMMANDS_NEED_USER")
OTP_TOTP_ISSUER = f"AS2 gateway {_base.hostname}"

# Wrong passwords: django-axes counts, config.access.lockout says how and answers.
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_FAILURE_LIMIT = AS2_LOGIN_ATTEMPTS
AXES_COOLOFF_TIME = "config.access.lockout.cool_off"
AXES_RESET_ON_SUCCESS = True
# Whoever goes on guessing does not lengthen the lock of the person whose name it is.
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_CLIENT_IP_CALLABLE = "audit.addresses.address_of"
AXES_LOCKOUT_CALLABLE = "config.access.lockout.answer"
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

# ------------------------------------------------------------------ Django's parts

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "config.apps.GatewayAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "axes",
    "django_otp",
    "django_otp.plugins.otp_static",
    "django_otp.plugins.otp_totp",
    "audit.apps.AuditConfig",
    "partners.apps.PartnersConfig",
    "messages.apps.MessagesConfig",
    "config.apps.ConfigConfig",
]

MIDDLEWARE = [
    "config.api.faults.Problems",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
            # Rows of lists: those of the theme take twice as long to make.
            "libraries": {"unfold_list": "audit.listing"},
        },
    }
]

# One library of tags in place of another of the same name is what is wanted there.
SILENCED_SYSTEM_CHECKS = ["templates.W003"]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
APPEND_SLASH = True

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True
FORMAT_MODULE_PATH = "config.formats"

STATIC_URL = "static/"
# Served from where the packages are installed: nothing to collect, nothing to go stale.
WHITENOISE_USE_FINDERS = True
# Not among the apps, which every process loads: of it the pages need files only.
_ninja = Path(str(getattr(find_spec("ninja"), "origin", ""))).parent
STATICFILES_DIRS = [("ninja", _ninja / "static" / "ninja")]
WHITENOISE_AUTOREFRESH = False
WHITENOISE_MAX_AGE = 300

UNFOLD = unfold.UNFOLD

LOGGING_CONFIG = "logging.config.dictConfig"
AS2_LOG: str = env("AS2_LOG")
LOGGING = logs.configure(AS2_LOG, env("AS2_LOG_LEVEL"))

# ------------------------------------------------------------------ the gateway

AS2_MAX_BODY: int = env("AS2_MAX_BODY")  # bytes
AS2_MAX_HEADERS: int = env("AS2_MAX_HEADERS")
AS2_MAX_HEADER_BYTES: int = env("AS2_MAX_HEADER_BYTES")
AS2_READ_TIMEOUT: int = env("AS2_READ_TIMEOUT")  # seconds without a byte
AS2_HEADER_TIMEOUT: int = env("AS2_HEADER_TIMEOUT")  # seconds
AS2_CONNECTIONS_PER_ADDRESS: int = env("AS2_CONNECTIONS_PER_ADDRESS")
#: requests a minute that are answered; 0 = any number
AS2_RATE_STRANGER: int = env("AS2_RATE_STRANGER")
AS2_RATE_UNKNOWN_PAIR: int = env("AS2_RATE_UNKNOWN_PAIR")
AS2_RATE_PARTNER: int = env("AS2_RATE_PARTNER")
AS2_MIN_RATE: int = env("AS2_MIN_RATE")  # bytes a second
AS2_MIN_RATE_GRACE: int = env("AS2_MIN_RATE_GRACE")  # seconds
AS2_MIN_FREE_SPACE: int = env("AS2_MIN_FREE_SPACE")  # bytes
AS2_RESTART_MIN_SIZE: int = env("AS2_RESTART_MIN_SIZE")  # bytes
AS2_RESTART_KEEP_HOURS: int = env("AS2_RESTART_KEEP_HOURS")
AS2_RESTART_MAX_HELD: int = env("AS2_RESTART_MAX_HELD")  # bytes a connection

#: Of what is inside a message; what it unpacks to is bounded by AS2_MAX_BODY.
AS2_LIMITS = Limits(
    depth=env("AS2_LIMIT_DEPTH"),
    signature=env("AS2_LIMIT_SIGNATURE"),
    recipients_size=env("AS2_LIMIT_RECIPIENTS_SIZE"),
    recipients=env("AS2_LIMIT_RECIPIENTS"),
    signers=env("AS2_LIMIT_SIGNERS"),
    attachments=env("AS2_LIMIT_ATTACHMENTS"),
    ratio=env("AS2_LIMIT_RATIO"),
    mdn=env("AS2_LIMIT_MDN"),
    whole_message=env("AS2_LIMIT_WHOLE_MESSAGE"),
    rsa_bits=env("AS2_LIMIT_RSA_BITS"),
    exchange=env("AS2_LIMIT_EXCHANGE"),
)

AS2_KEEP_DAYS: int = env("AS2_KEEP_DAYS")  # 0 = for ever

AS2_ENGINE: str = env("AS2_ENGINE")
AS2_REFUSALS: int = env("AS2_REFUSALS")  # in a row; 0 = nothing is proposed
AS2_SEND_LEASE: int = env("AS2_SEND_LEASE")  # seconds
AS2_SWEEP_SECONDS: float = env("AS2_SWEEP_SECONDS")
AS2_OUTBOX_SECONDS: float = env("AS2_OUTBOX_SECONDS")

AS2_WEB_WORKERS: int = env("AS2_WEB_WORKERS")
AS2_WEB_THREADS: int = env("AS2_WEB_THREADS")
AS2_WORKER_CONCURRENCY: int = env("AS2_WORKER_CONCURRENCY")

# ------------------------------------------------------------------ mail

_mail = mail.configure(secret("EMAIL_URL"))
#: Whether there is a server; without one, notices stand on the pages only.
AS2_MAIL: bool = bool(secret("EMAIL_URL"))
EMAIL_BACKEND = _mail.backend
EMAIL_HOST = _mail.host
EMAIL_PORT = _mail.port
EMAIL_HOST_USER = _mail.user
EMAIL_HOST_PASSWORD = _mail.password
EMAIL_USE_TLS = _mail.starttls
EMAIL_USE_SSL = _mail.tls
EMAIL_TIMEOUT = mail.TIMEOUT
DEFAULT_FROM_EMAIL: str = env("DEFAULT_FROM_EMAIL") or f"as2gateway@{_base.hostname}"
#: From which hour (UTC) on the day's digest goes out; None = no digest.
AS2_DIGEST_HOUR: int | None = _hour if (_hour := env("AS2_DIGEST_HOUR")) >= 0 else None

# ------------------------------------------------------------------ webhooks and metrics

AS2_WEBHOOK_ALLOW_PRIVATE: bool = env("AS2_WEBHOOK_ALLOW_PRIVATE")
AS2_METRICS_TOKEN: str = secret("AS2_METRICS_TOKEN")
AS2_METRICS_ALLOW = [each.strip() for each in env("AS2_METRICS_ALLOW") if each.strip()]

# ------------------------------------------------------------------ background work

AS2_REDIS_URL: str = env("REDIS_URL")
_broker = broker.configure(env("REDIS_URL"), AS2_SEND_LEASE, _home)
CELERY_BROKER_URL = _broker.url
CELERY_BROKER_TRANSPORT_OPTIONS = _broker.options
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# The row is the queue: a wake-up call that cannot be sent at once is not worth waiting for.
CELERY_TASK_PUBLISH_RETRY = False
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = "json"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
# A process that was killed frees its place at once: there is no result of it to wait for.
CELERY_WORKER_LOST_WAIT = 1.0  # seconds; Celery's own is 10
CELERY_TIMEZONE = "UTC"
CELERY_WORKER_CONCURRENCY = AS2_WORKER_CONCURRENCY
# Redis hands out calls one by one, to whichever worker is free. An embedded worker looks for calls
# ten times a second, and takes no more than these at once.
CELERY_WORKER_PREFETCH_MULTIPLIER = 1 if env("REDIS_URL") else 16
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_BEAT_MAX_LOOP_INTERVAL = 30  # seconds
CELERY_BEAT_SCHEDULER = "config.pulse.PulsingScheduler"

HEARTBEAT_SECONDS = 10.0
CELERY_BEAT_SCHEDULE = {
    task: {"task": task, "schedule": seconds, "options": {"expires": 3 * seconds}}
    for task, seconds in {
        "messages.tasks.sweep": AS2_SWEEP_SECONDS,
        "messages.tasks.scan_outboxes": AS2_OUTBOX_SECONDS,
        "messages.tasks.match_redeliveries": 60.0,
        "messages.tasks.make_digest": 300.0,
        "messages.tasks.purge": 3600.0,
        "messages.tasks.review_refusals": 300.0,
        "messages.tasks.note_silences": 3600.0,
        "audit.tasks.seal": 30.0,
        "config.tasks.heartbeat": HEARTBEAT_SECONDS,
        "partners.tasks.reevaluate": 86_400.0,
        "partners.tasks.advance_rollovers": 60.0,
        # They change by the day; asked by the hour, a mail server's failure is made good sooner.
        "partners.tasks.send_notices": 3600.0,
        # Looks which endpoints are due by AS2_TLS_TEST_HOURS, and tests some of them.
        "partners.tasks.retest_endpoints": 1800.0,
    }.items()
}
