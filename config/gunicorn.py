"""How gunicorn serves: ``gunicorn --config python:config.gunicorn config.wsgi:application``.

Requests are read by ``config.listening``. gunicorn 27's threads have no time-out of their own
within a request: a peer that stops in the middle of a large body would hold one for ever. The
sockets' own time-outs end that.
"""

import signal
import socket
import struct
from collections import Counter
from pathlib import Path
from typing import Any

from django.db import connections

from config import settings
from config.metrics import shared
from config.processes import die_with_parent
from config.tls import ServerTLS
from messages import intake

bind = settings.AS2_BIND
wsgi_app = "config.wsgi:application"
proc_name = "as2gateway-web"
worker_class = "config.listening.Worker"
workers = settings.AS2_WEB_WORKERS
threads = settings.AS2_WEB_THREADS
# Forked from one loaded process: less memory, and a quicker start.
preload_app = True
keepalive = 15
# Seconds for requests under way when asked to stop; ``supervisor`` waits longer than that.
graceful_timeout = 7
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - gunicorn makes its own file there

# The parser's limits stand far behind ours, which answer a partner in words (``messages.intake``).
limit_request_fields = 10 * settings.AS2_MAX_HEADERS
limit_request_field_size = 10 * settings.AS2_MAX_HEADER_BYTES
# Old partners fold header fields; each fold is read as a space (HTTP-22).
permit_obsolete_folding = True
forwarded_allow_ips = settings.AS2_TRUSTED_PROXIES

# No socket to control gunicorn by in somebody's home; no log of requests beside ours.
control_socket_disable = True
accesslog = None
logconfig_dict = settings.LOGGING


if settings.AS2_METRICS_TOKEN or settings.AS2_METRICS_ALLOW:
    shared.prepare(settings.AS2_HOME / "run" / "metrics")

if settings.AS2_TLS_CERT:
    certfile, keyfile = settings.AS2_TLS_CERT, settings.AS2_TLS_KEY
    _clients = Path(settings.AS2_TLS_CLIENT_CA) if settings.AS2_TLS_CLIENT_CA else None
    _tls = ServerTLS(Path(certfile), Path(keyfile), settings.AS2_READ_TIMEOUT, _clients)

    def ssl_context(_config: Any, _default: Any) -> ServerTLS:
        """Wrap connections by our own policy, and with the certificate of now."""
        return _tls


def pre_request(_worker: Any, request: Any) -> None:
    """Name the fields that came more than once: the environment has them joined into one."""
    names = Counter(name for name, _value in request.headers)
    repeated = [name for name in intake.SINGLE if names[name.upper()] > 1]
    if repeated:
        request.headers.append((intake.REPEATED, ", ".join(repeated)))


def when_ready(server: Any) -> None:
    """Give every listener, and so every connection it accepts, time-outs for receive and send."""
    limit = struct.pack("ll", settings.AS2_READ_TIMEOUT, 0)
    for listener in server.LISTENERS:
        listener.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
        listener.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)


def post_fork(_server: Any, _worker: Any) -> None:
    """Share no database connection between workers, and outlive no master."""
    connections.close_all()
    die_with_parent(signal.SIGKILL)
