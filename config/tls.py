"""TLS of our own listener: one policy, no wait without an end, certificates renewed in place.

Used by the web server when ``AS2_TLS_CERT`` is set. A new handshake takes the certificate that the
files hold at that moment; connections that are open keep theirs.
"""

import contextlib
import logging
import socket
import ssl
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.dispatch import Signal

from as2gateway.tls.policy import SERVER_SUITES, cipher_string

logger = logging.getLogger(__name__)

#: What tells one state of the two files from another.
_Stamp = tuple[tuple[int, int, int], ...]

#: Sent with ``peer`` (an address) and ``error`` when somebody cannot agree with us on TLS.
handshake_failed = Signal()


class _Socket(ssl.SSLSocket):
    """A connection whose reads and writes always end: the web server would make some wait for ever.

    It asks for blocking before each further request on a connection, and a time-out that the
    listener has given to the socket means nothing to Python's ``ssl``.
    """

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002 - Python's signature
        """Shake hands, and tell if that fails."""
        try:
            super().do_handshake(block)
        except ssl.SSLError as error:
            self._tell(error)
            raise

    def read(self, len: int = 1024, buffer: Any = None) -> Any:  # noqa: A002 - Python's signature
        """Read; a peer of TLS 1.3 says no to our certificate only after our handshake is over."""
        try:
            return super().read(len, buffer)
        except ssl.SSLError as error:
            self._tell(error)
            raise

    def _tell(self, error: Exception) -> None:
        with contextlib.suppress(OSError):  # it may have gone already
            handshake_failed.send(type(self), peer=self.getpeername()[0], error=error)

    def setblocking(self, flag: bool) -> None:  # noqa: FBT001 - Python's signature
        """Block only as long as the context says."""
        limit = getattr(self.context, "seconds", None)
        self.settimeout(limit if flag else 0.0)


class _Context(ssl.SSLContext):
    """A server's context that knows how long a peer may keep silent, in seconds."""

    sslsocket_class: Any = _Socket
    seconds: float | None = None


def server_context(
    certificate: Path, key: Path, seconds: float | None = None, clients: Path | None = None
) -> ssl.SSLContext:
    """Make a context by our policy. Raises OSError (also ssl.SSLError) for files of no use.

    ``clients`` holds authorities: who has no certificate of theirs is not let in.
    """
    context = _Context(ssl.PROTOCOL_TLS_SERVER)
    context.seconds = seconds
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # as2gateway.tls.policy.MINIMUM
    context.set_ciphers(cipher_string(SERVER_SUITES))
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.load_cert_chain(certificate, key)
    if clients is not None:
        context.load_verify_locations(clients)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


@dataclass(slots=True)
class ServerTLS:
    """What the web server wraps its connections with: always the certificate of now."""

    certificate: Path
    key: Path
    #: for each read and write that is waited for; the listener limits the handshake
    seconds: float
    #: authorities of the certificates that clients must have; None: nobody is asked for one
    clients: Path | None = None
    _stamp: _Stamp | None = None
    _context: ssl.SSLContext | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, sock: socket.socket) -> ssl.SSLSocket:
        """Wrap a connection that is not waited for, before its handshake. Raises OSError."""
        sock.setblocking(False)  # noqa: FBT003  Python's own
        return self._current().wrap_socket(sock, server_side=True, do_handshake_on_connect=False)

    def _current(self) -> ssl.SSLContext:
        """Return the context of the files as they are; the one before while they do not fit."""
        with self._lock:
            stamp = self._look()
            if self._context is None or (stamp is not None and stamp != self._stamp):
                self._load(stamp)
            if self._context is None:
                raise ssl.SSLError(f"{self.certificate} and {self.key} cannot be used")
            return self._context

    def _load(self, stamp: _Stamp | None) -> None:
        # What does not fit now is read again when it has changed, not at every handshake.
        self._stamp = stamp
        try:
            self._context = server_context(self.certificate, self.key, self.seconds, self.clients)
        except OSError as error:
            logger.error("TLS certificate %s not taken: %s", self.certificate, error)  # noqa: TRY400 - the words say it all
        else:
            logger.info("TLS certificate %s loaded", self.certificate)

    def _look(self) -> _Stamp | None:
        try:
            paths = filter(None, (self.certificate, self.key, self.clients))
            found = [path.stat() for path in paths]
        except OSError:
            return None  # replaced at this moment: not there for an instant
        return tuple((stat.st_mtime_ns, stat.st_size, stat.st_ino) for stat in found)
