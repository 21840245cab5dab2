"""Listening: the web server's worker. Who is slow to send a request does not hold a thread.

gunicorn gives each new connection to one of a few threads, which then waits for the request: as
many slow clients as there are threads stop a process (threats IN10). Here the loop itself does the
TLS handshake and reads the head and small bodies of all connections, by deadlines; threads get
whole requests. Larger bodies need a thread while they come; some threads are kept free of them.
"""

import errno
import selectors
import socket
import ssl
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import Any, Final

from django.conf import settings
from gunicorn import sock as server_sockets
from gunicorn.workers.gthread import TConn, ThreadWorker

from audit.addresses import is_trusted, plain
from config.bodies import Parser
from config.heads import SMALL, Head
from config.tls import handshake_failed
from messages.intake import BodyLimits

#: Bytes read at once, and seconds between two looks at the deadlines.
_PIECE: Final = 64 * 1024
_LOOK: Final = 1.0
#: Seconds that a connection is kept after its last answer, for what is still under way to us.
_LINGER: Final = 2.0
#: Bytes beyond which a head is given to the parser as it is; that has limits of its own.
_HEAD: Final = 128 * 1024
#: Errors of ``accept`` that pass: the peer is gone, or we are short of descriptors or memory.
_GONE: Final = frozenset({errno.EAGAIN, errno.EWOULDBLOCK, errno.ECONNABORTED, errno.EPROTO})
_SHORT: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})

_TOO_SLOW: Final = (
    b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\nContent-Length: 34\r\n\r\n"
    b"The request came far too slowly.\r\n"
)


def _head() -> Head:
    return Head(_HEAD, min(SMALL, settings.AS2_MAX_BODY))


class Connection(TConn):  # type: ignore[misc]  # gunicorn has no types
    """A connection whose beginning of a request is read by the loop."""

    def __init__(self, cfg: Any, sock: socket.socket, client: Any, server: Any) -> None:
        if isinstance(client, tuple):
            client = (plain(client[0]) or client[0], *client[1:])
        super().__init__(cfg, sock, client, server)
        self.parser: Any = None
        # A thread need not wait: it gets a request that is there.
        self.data_ready = True
        self.head = _head()
        self.began = self.heard = time.monotonic()
        self.encrypted = bool(cfg.is_ssl)
        self.shaken = not self.encrypted
        #: whether something of a TLS handshake has come
        self.shaking = False
        #: whether the loop is told of what comes
        self.watched = False
        self.holds_slot = False
        self.dropped = False

    @property
    def address(self) -> str:
        """Who is at the other end, as limits count it."""
        return str(self.client[0]) if isinstance(self.client, tuple) else ""

    def await_request(self, begun: bytes = b"") -> None:
        """Begin with the next request, of which something may have come already."""
        self.head = _head()
        self.began = self.heard = time.monotonic()
        self.head.feed(begun)

    def init(self) -> None:
        """Give what was read to the parser; runs in the thread, at each request."""
        self.initialized = True
        if self.parser is None:
            self.parser = Parser(self.cfg, self.sock, self.client)
        self.parser.unreader.unread(bytes(self.head.data))
        self.head = _head()

    def read(self) -> bool:
        """Read what there is; False if the peer has sent all that it will."""
        piece = self.sock.recv(_PIECE)
        while piece:
            self.heard = time.monotonic()
            self.head.feed(piece)
            # TLS may hold decrypted octets that the selector knows nothing of.
            if self.head.complete or not (self.encrypted and self.sock.pending()):
                return True
            piece = self.sock.recv(_PIECE)
        return False

    def is_late(self, now: float) -> bool:
        """Whether its time is over: for handshake and head, or by the rate asked of a body."""
        if not self.head.in_body:
            return bool(now > self.began + settings.AS2_HEADER_TIMEOUT)
        allowed = BodyLimits.from_settings().seconds(len(self.head))
        return now > min(self.began + allowed, self.heard + settings.AS2_READ_TIMEOUT)


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's worker with threads, and a loop that reads requests before them."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        #: connections whose request is not there yet, the longest connected first
        self._coming: OrderedDict[Connection, None] = OrderedDict()
        #: connections that are closed once the peer has, or after seconds
        self._lingering: OrderedDict[Connection, float] = OrderedDict()
        #: large bodies that wait for a thread, and how many have one, by address
        self._waiting: deque[Connection] = deque()
        self._large: Counter[str] = Counter()
        self._open: Counter[str] = Counter()
        self._looked = self._told = 0.0

    # ------------------------------------------------------------ connections come and go

    def accept(self, listener: socket.socket) -> None:
        """Take a connection, unless its address has too many."""
        try:
            sock, client = listener.accept()
        except OSError as error:
            if error.errno in _SHORT:
                self.log.error("no connection could be taken: %s", error)  # noqa: TRY400 - the words say it all
                self._drop_longest()
            elif error.errno not in _GONE:
                raise
            return
        self.nr_conns += 1
        connection = Connection(self.cfg, sock, client, listener.getsockname())
        self._open[connection.address] += 1
        if self._has_too_many(connection.address):
            self._drop(connection)
            return
        if self.nr_conns >= self.worker_connections:
            self._drop_longest()
        self._guarded(connection, self._begin)

    def _has_too_many(self, address: str) -> bool:
        # Whoever comes by a proxy of ours, or by a socket of this machine, has one address for all.
        if not address or is_trusted(address):
            return False
        surplus = self._open[address] - settings.AS2_CONNECTIONS_PER_ADDRESS
        if surplus == 1:
            self.log.warning("%s has too many connections: further ones are closed", address)
        return surplus > 0

    def _drop(self, connection: Connection) -> None:
        """Close a connection at once, and count it no more."""
        if connection.dropped:
            return
        connection.dropped = True
        self._coming.pop(connection, None)
        self._lingering.pop(connection, None)
        self._unwatch(connection)
        self.nr_conns -= 1
        self._open -= Counter({connection.address: 1})
        connection.close()

    def _drop_longest(self) -> None:
        """Make room: who has been connected longest without a request goes first."""
        if self._coming:
            self._drop(next(iter(self._coming)))

    def _unwatch(self, connection: Connection) -> None:
        # Asking for one that is not watched is no way to find out: the refusal costs more.
        if connection.watched:
            connection.watched = False
            with suppress(KeyError, ValueError, OSError):
                self.poller.unregister(connection.sock)

    def _watch(self, connection: Connection, events: int, work: Callable[..., None]) -> None:
        self._unwatch(connection)
        guarded = partial(self._guarded, connection, work)
        self.poller.register(connection.sock, events, lambda _sock: guarded())
        connection.watched = True

    def _guarded(self, connection: Connection, work: Callable[[Connection], None]) -> None:
        """Do something for a connection: what goes wrong ends that connection, never the loop."""
        try:
            work(connection)
        except (ssl.SSLWantReadError, BlockingIOError):
            self._watch(connection, selectors.EVENT_READ, work)
        except ssl.SSLWantWriteError:
            self._watch(connection, selectors.EVENT_WRITE, work)
        except OSError as error:  # also what is wrong with TLS
            self.log.debug("connection from %s ended: %s", connection.address, error)
            self._drop(connection)

    # ------------------------------------------------------------ a request comes

    def _begin(self, connection: Connection) -> None:
        self._coming[connection] = None
        if not connection.shaken:
            context = server_sockets.ssl_context(self.cfg)
            connection.sock = context.begin(connection.sock)
            self._watch(connection, selectors.EVENT_READ, self._shake_hands)
            return
        self._watch(connection, selectors.EVENT_READ, self._read)

    def _shake_hands(self, connection: Connection) -> None:
        connection.shaking = True
        connection.sock.do_handshake()
        connection.shaken = True
        self._watch(connection, selectors.EVENT_READ, self._read)
        if connection.sock.pending():
            self._read(connection)

    def _read(self, connection: Connection) -> None:
        more = connection.read()
        if not more and not connection.head.data:
            self._drop(connection)  # it has come and gone without a word
        elif connection.head.complete or not more:
            self._coming.pop(connection, None)
            self._unwatch(connection)
            self._dispatch(connection)
        elif not connection.watched:
            self._watch(connection, selectors.EVENT_READ, self._read)

    def _await_next(self, connection: Connection, begun: bytes = b"") -> None:
        """Read the next request of a connection that is kept. Raises OSError if it is gone."""
        connection.sock.setblocking(False)  # noqa: FBT003  Python's own
        connection.await_request(begun)
        if connection.head.complete:
            self._dispatch(connection)
            return
        self._coming[connection] = None
        # Mostly all of it is there. What is not wakes the loop again.
        self._guarded(connection, self._read)

    def on_client_socket_readable(self, conn: Connection, _client: socket.socket) -> None:
        """Read what a kept connection sends; it begins a request."""
        self._unwatch(conn)
        self.keepalived_conns.remove(conn)
        self._await_next(conn)

    # ------------------------------------------------------------ threads

    def _dispatch(self, connection: Connection) -> None:
        """Give a request to a thread, or let its large body wait for one."""
        if not connection.head.large:
            self.enqueue_req(connection)
        elif self._may_take(connection):
            connection.holds_slot = True
            self._large[connection.address] += 1
            self.enqueue_req(connection)
        else:
            self._waiting.append(connection)

    def _may_take(self, connection: Connection) -> bool:
        """Whether a large body may have a thread: some stay free, one address never has all."""
        slots = max(1, self.cfg.threads * 3 // 4)
        if self._large.total() >= slots:
            return False
        address = connection.address
        own = slots if not address or is_trusted(address) else max(1, slots // 2)
        return bool(self._large[address] < own)

    def _free_slot(self, connection: Connection) -> None:
        if not connection.holds_slot:
            return
        connection.holds_slot = False
        self._large -= Counter({connection.address: 1})
        for waiting in list(self._waiting):
            if self._may_take(waiting):
                self._waiting.remove(waiting)
                self._dispatch(waiting)

    def finish_request(self, conn: Connection, fs: "Future[Any]") -> None:
        """Keep or close the connection of a request that has been answered; runs in the loop."""
        self._free_slot(conn)
        try:
            keep = not fs.cancelled() and bool(fs.result())
            begun = conn.parser.unreader.take_buffered() if keep else b""
            if not keep:
                self._guarded(conn, self._linger)
            elif begun or (conn.encrypted and conn.sock.pending()):
                self._await_next(conn, begun)
            else:
                super().finish_request(conn, fs)
                conn.watched = True
        except Exception:  # noqa: BLE001  as gunicorn: it must not end the process
            self._drop(conn)

    def _linger(self, connection: Connection) -> None:
        """End our half, and close once the peer has seen it: closing at once may eat the answer."""
        connection.sock.setblocking(False)  # noqa: FBT003  Python's own
        socket.socket.shutdown(connection.sock, socket.SHUT_WR)
        self._lingering[connection] = time.monotonic() + _LINGER
        self._watch(connection, selectors.EVENT_READ, self._drain)

    def _drain(self, connection: Connection) -> None:
        if not socket.socket.recv(connection.sock, _PIECE):
            self._lingering.pop(connection, None)
            self._drop(connection)

    # ------------------------------------------------------------ deadlines

    def notify(self) -> None:
        """Tell gunicorn's master that the loop is alive: once a second, not at each event."""
        now = time.monotonic()
        if now - self._told >= _LOOK:
            self._told = now
            super().notify()

    def murder_keepalived(self, force: bool = False) -> None:  # noqa: FBT001, FBT002  gunicorn's
        """Close kept connections that have been silent for too long."""
        now = time.monotonic()
        while self.keepalived_conns and (force or self.keepalived_conns[0].timeout <= now):
            self._drop(self.keepalived_conns.popleft())

    def murder_pending(self) -> None:
        """Close what is late, once a second."""
        now = time.monotonic()
        if now - self._looked < _LOOK:
            return
        self._looked = now
        for connection in list(self._coming):
            if connection.is_late(now) or not (self.alive or connection.head.data):
                self._end_late(connection)
        while self._lingering and next(iter(self._lingering.values())) < now:
            self._drop(next(iter(self._lingering)))

    def _end_late(self, connection: Connection) -> None:
        """Say why, if anything was asked, and close."""
        if connection.head.data:
            self.log.warning("a request from %s came too slowly", connection.address)
            with suppress(OSError):
                connection.sock.send(_TOO_SLOW)
        elif self.alive and connection.shaking and not connection.shaken:
            handshake_failed.send(Worker, peer=connection.address, error=TimeoutError())
        self._coming.pop(connection, None)
        self._guarded(connection, self._linger)
