"""Transport: one POST or HEAD to a URL from our configuration, and what came of it.

Exactly the given header fields and octets go out, with their length (SND-02). Nothing is followed,
read from the environment or asked of a proxy (threats R24), and every fault becomes one
TransportError that says in plain words what happened.
"""

import hashlib
import http.client
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from http import HTTPStatus

from urllib3 import HTTPHeaderDict, HTTPResponse
from urllib3.connection import HTTPConnection
from urllib3.exceptions import HTTPError, ReadTimeoutError
from urllib3.util import SKIP_HEADER, Url

from as2gateway.headers import Headers
from messages.answer_heads import FinalResponse
from messages.lines import Facts, Kept, Line, Site
from messages.models import ErrorClass
from messages.watchdog import Watched, watchdog
from partners.tls.contexts import ClientPolicy, client_context
from partners.urls import host_of, port_of, read_url

#: Bytes of an answer that are read; an MDN has a few thousand (threats R24).
ANSWER_LIMIT = 1024 * 1024
_PIECE = 64 * 1024
#: Bytes a second: a partner that reads more slowly than this all the time is given up.
_SLOWEST = 4096
#: Characters of an answer that is none which are repeated in the fault's text.
_QUOTED = 200
_SUCCESSES = range(200, 300)
#: Statuses besides 5xx after which the same octets may be taken later (REL-02, MDN-22, SD10).
_LATER = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})
_HTTP_1_1 = 11  # as the library writes it
_FOLD = re.compile(r"\r?\n[ \t]*")


@dataclass(frozen=True, slots=True)
class PostOptions:
    """How long a POST may take, in seconds, and which servers are trusted."""

    connect_timeout: float = 10.0
    #: without a byte, in either direction
    idle_timeout: float = 60.0
    #: for the whole answer, once the message is out; ends also what drips byte by byte
    total: float = 600.0
    #: None = the client of a connection without settings of its own: Mozilla's authorities
    tls: ssl.SSLContext | None = None
    #: value of the Authorization field, for this URL alone; empty = none (SND-10)
    authorization: str = field(default="", repr=False)
    #: in chunks instead of with Content-Length, and by HTTP/1.0: quirks of a partner's server
    chunked: bool = False
    #: where the host is, if it was looked up and judged before: only these are connected to
    addresses: tuple[str, ...] = ()
    http_1_0: bool = False
    #: the connection of the POST before, and of the one after this; None = each has its own
    kept: Kept | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """The final response."""

    status: int
    headers: Headers
    body: bytes = field(repr=False)
    facts: Facts = field(default_factory=Facts)

    @property
    def succeeded(self) -> bool:
        """Whether the status is a 2xx, all of which mean that the message was taken (SND-05)."""
        return self.status in _SUCCESSES

    @property
    def may_pass(self) -> bool:
        """Whether the same octets may be taken later: theirs is the fault, or the wish to wait."""
        return self.status >= HTTPStatus.INTERNAL_SERVER_ERROR or self.status in _LATER


class _SourceFailed(Exception):
    """The octets to be sent could not be read: a fault of ours, and none of the partner's."""

    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        self.error = error


class TransportError(Exception):
    """No usable answer came."""

    def __init__(self, error_class: ErrorClass, text: str, facts: Facts | None = None) -> None:
        super().__init__(text)
        self.error_class = error_class
        self.text = text
        self.facts = facts or Facts()


class StaleLine(TransportError):
    """A connection that had been kept open ended before anything of an answer came."""


def post(
    url: str, headers: Headers, body: Iterable[bytes], length: int, options: PostOptions
) -> Answer:
    """POST ``length`` octets and read the answer, whatever its status.

    Raises TransportError, ValueError if ``body`` has another length than it is said to have, and
    OSError if ``body`` does: our own disk has failed.
    """

    def send(connection: _Connection, watched: Watched) -> None:
        connection.send_message(headers, _exactly(body, length, watched), length)

    try:
        return _exchange(url, send, length, options)
    except _SourceFailed as failed:
        raise failed.error from failed


def head(url: str, headers: Headers, options: PostOptions) -> Answer:
    """Ask by HEAD and read the answer, which has no body. Raises TransportError."""

    def send(connection: _Connection, _watched: Watched) -> None:
        connection.send_question(headers)

    return _exchange(url, send, 0, replace(options, kept=None))


def _exchange(
    url: str, send: Callable[["_Connection", Watched], None], length: int, options: PostOptions
) -> Answer:
    target = _read_url(url)
    line = _line_to(target, options)
    with closing(line), watchdog.watch(line.sock) as watched:
        watched.deadline = time.monotonic() + options.total + length / _SLOWEST
        try:
            if not line.used:
                line.facts = _handshake(line.sock, line.facts)
            kind = _SecureConnection if target.scheme == "https" else _Connection
            with closing(kind(target, line.sock, options)) as connection:
                send(connection, watched)
                watched.deadline = time.monotonic() + options.total
                with closing(connection.getresponse()) as response:
                    answer = _read_answer(response, line.facts)
                    if options.kept is not None and connection.may_stay(response):
                        connection.sock = None  # closing it ends here
                        options.kept.put(line)
                    return answer
        except (TransportError, OSError, http.client.HTTPException, HTTPError) as error:
            if watched.expired:
                text = f"no complete answer came within {options.total:g} s"
                raise TransportError(ErrorClass.TIMEOUT, text, line.facts) from error
            if line.used and isinstance(error, ConnectionError | ssl.SSLEOFError):
                raise _stale(error, line, options) from error
            raise _explain(error, options, line.facts) from error


def _line_to(target: Url, options: PostOptions) -> Line:
    """Take the connection that was kept open for this server, or make one."""
    host, port = host_of(target), port_of(target)
    site = Site(target.scheme or "", host, port, options.tls, options.addresses)
    line = options.kept.take(site) if options.kept else None
    if line is None:
        sock = _connect(target, options)
        line = Line(site, sock, Facts(peer=_peer(sock)))
    return line


def _stale(error: Exception, line: Line, options: PostOptions) -> StaleLine:
    """Say that the server ended a kept connection as we used it; the next ones are not kept."""
    if options.kept is not None:
        options.kept.refuse()
    text = f"a connection that had been kept open was closed before an answer came: {_root(error)}"
    return StaleLine(ErrorClass.CUT, text, line.facts)


def _read_url(url: str) -> Url:
    try:
        return read_url(url)
    except ValueError as error:
        raise TransportError(ErrorClass.CONNECT, str(error)) from error


def _connect(target: Url, options: PostOptions) -> socket.socket:
    """Reach the host, by TLS not yet shaken hands with. Names are resolved each time (SND-14)."""
    host, port = host_of(target), port_of(target)
    try:
        sock = _dial(options.addresses or (host,), port, options.connect_timeout)
    except (socket.gaierror, UnicodeError) as error:
        text = f"the host name {host} could not be resolved: {error}"
        raise TransportError(ErrorClass.DNS, text) from error
    except TimeoutError as error:
        text = f"{host} port {port} did not answer within {options.connect_timeout:g} s"
        raise TransportError(ErrorClass.CONNECT, text) from error
    except OSError as error:
        text = f"no connection to {host} port {port}: {error.strerror or error}"
        raise TransportError(ErrorClass.CONNECT, text) from error
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # A partner may work on a message for minutes, and a firewall forgets silent connections.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if target.scheme == "http":
        return sock
    context = options.tls or client_context(ClientPolicy())
    try:
        return context.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
    except OSError as error:  # the peer has hung up already
        sock.close()
        text = f"no TLS connection with {host}: {error.strerror or error}"
        raise TransportError(ErrorClass.TLS, text) from error


def _dial(hosts: tuple[str, ...], port: int, timeout: float) -> socket.socket:
    for host in hosts[:-1]:
        with suppress(OSError):
            return socket.create_connection((host, port), timeout)
    return socket.create_connection((hosts[-1], port), timeout)


def _peer(sock: socket.socket) -> str:
    try:
        host, port = sock.getpeername()[:2]
    except OSError:  # gone already
        return ""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _handshake(sock: socket.socket, facts: Facts) -> Facts:
    if not isinstance(sock, ssl.SSLSocket):
        return facts
    host = sock.server_hostname
    try:
        sock.do_handshake()
    except ssl.SSLCertVerificationError as error:
        text = f"the TLS certificate of {host} was not accepted: {error.verify_message}"
        raise TransportError(ErrorClass.TLS, text) from error
    except OSError as error:
        text = f"no TLS connection with {host}: {getattr(error, 'reason', None) or error}"
        raise TransportError(ErrorClass.TLS, text) from error
    cipher = sock.cipher()
    return replace(
        facts,
        tls_version=sock.version() or "",
        tls_suite=cipher[0] if cipher else "",
        tls_fingerprint=hashlib.sha256(sock.getpeercert(binary_form=True) or b"").hexdigest(),
    )


class _Connection(HTTPConnection):
    """HTTP over a socket that is there already."""

    response_class = FinalResponse

    def __init__(self, target: Url, sock: socket.socket, options: PostOptions) -> None:
        super().__init__(host_of(target), port_of(target), timeout=options.idle_timeout)
        self.sock = sock
        self._target = target.request_uri
        self._options = options
        self._netloc = target.netloc or ""
        self._sent_whole = False
        if options.http_1_0:
            self._http_vsn, self._http_vsn_str = 10, "HTTP/1.0"

    def send_message(self, headers: Headers, body: Iterable[bytes], length: int) -> None:
        """Write the request; a partner that stops reading may have answered already (a 413)."""
        fields, chunked = self._fields(headers), self._options.chunked
        if not chunked:
            fields["Content-Length"] = str(length)
        try:
            self.request("POST", self._target, body, fields, chunked=chunked, preload_content=False)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLEOFError, TimeoutError):
            return
        self._sent_whole = True

    def may_stay(self, response: HTTPResponse) -> bool:
        """Whether the next request may follow, now that the answer has been read.

        Both went over whole, the server does not close, and it has taken what it was sent.
        """
        # The library has let go of the socket if the answer says so, or ends with the connection.
        open_still = self.sock is not None and response.version == _HTTP_1_1 and response.closed
        return open_still and self._sent_whole and response.status in _SUCCESSES

    def send_question(self, headers: Headers) -> None:
        """Write a HEAD."""
        self.request("HEAD", self._target, None, self._fields(headers), preload_content=False)

    def _fields(self, headers: Headers) -> HTTPHeaderDict:
        fields = HTTPHeaderDict(headers.fields)
        fields.setdefault("User-Agent", SKIP_HEADER)
        if self._options.authorization:
            fields["Authorization"] = self._options.authorization
        if self._options.http_1_0:
            # No part of HTTP/1.0, but many servers know their sites by it.
            fields["Host"] = self._netloc
        return fields


class _SecureConnection(_Connection):
    """The same over TLS, whose default port is left out of the Host field (SND-01)."""

    default_port = http.client.HTTPS_PORT  # type: ignore[misc]  # the parents disagree on what it is


def _exactly(body: Iterable[bytes], length: int, watched: Watched) -> Iterator[bytes]:
    sent = 0
    for chunk in _source(body):
        sent += len(chunk)
        if watched.expired:
            raise TimeoutError
        if sent > length:
            break
        yield chunk
    if sent != length:
        raise ValueError(f"the body has not the {length} bytes that were announced")


def _source(body: Iterable[bytes]) -> Iterator[bytes]:
    """Tell a fault of what is read here from one of the connection, which is an OSError, too."""
    try:
        yield from body
    except OSError as error:
        raise _SourceFailed(error) from error


def _read_answer(response: HTTPResponse, facts: Facts) -> Answer:
    body = bytearray()
    # Nothing compressed was asked for, but some proxies do it all the same (SND-12).
    while piece := response.read(_PIECE, decode_content=True):
        body += piece
        if len(body) > ANSWER_LIMIT:
            text = f"the answer has more than {ANSWER_LIMIT} bytes"
            raise TransportError(ErrorClass.ANSWER, text)
    fields = tuple((name, _FOLD.sub(" ", value)) for name, value in response.headers.iteritems())
    return Answer(response.status, Headers(fields), bytes(body), facts)


def _explain(error: Exception, options: PostOptions, facts: Facts) -> TransportError:
    """Put a fault into plain words."""
    if isinstance(error, TransportError):
        return TransportError(error.error_class, error.text, facts)
    cause = _root(error)
    if isinstance(error, TimeoutError | ReadTimeoutError):
        text = f"nothing came from the partner for {options.idle_timeout:g} s"
        return TransportError(ErrorClass.TIMEOUT, text, facts)
    if isinstance(cause, http.client.RemoteDisconnected):
        text = "the partner closed the connection without an answer"
        return TransportError(ErrorClass.CUT, text, facts)
    if isinstance(cause, OSError | http.client.IncompleteRead):
        return TransportError(ErrorClass.CUT, f"the connection was cut: {cause}", facts)
    # It quotes what came: a TLS alert, for one, has NULs, which PostgreSQL does not store.
    said = "".join(c if c.isprintable() else " " for c in str(cause))[:_QUOTED].strip()
    return TransportError(ErrorClass.ANSWER, f"the answer is not proper HTTP: {said}", facts)


def _root(error: BaseException) -> BaseException:
    """The fault behind the library's own words for it."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error
