"""Lines: connections to a partner's server, and the one that stays open between two POSTs.

A worker that sends several messages of a connection one after the other would make a line for each:
resolve the name, connect, shake hands. While its turn lasts, it may keep the last one. It is good
only for the same server by the same settings, for a few seconds, and as long as nothing has come
over it that nobody asked for.
"""

import socket
import ssl
import time
from dataclasses import dataclass
from typing import Final

from urllib3.util.wait import wait_for_read

#: Seconds without a POST after which a line is not used again. Servers close theirs after 5 or
#: more; the later we come, the more likely both happen at once.
IDLE: Final = 2.0


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of the connection; empty where it did not get that far."""

    peer: str = ""
    tls_version: str = ""
    tls_suite: str = ""
    #: SHA-256 of the server's certificate, lower-case hex
    tls_fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class Site:
    """A server, and whom we trust to be it: a line is good for exactly one."""

    scheme: str
    host: str
    port: int
    #: contexts are equal if they are the same, and settings that are others make another one
    tls: ssl.SSLContext | None
    addresses: tuple[str, ...] = ()


@dataclass(slots=True)
class Line:
    """An open connection to a site."""

    site: Site
    sock: socket.socket
    facts: Facts
    #: whether messages went over it before
    used: bool = False
    #: whether it is to be left open
    stays: bool = False

    def close(self) -> None:
        """Close it, unless it is to stay."""
        if not self.stays:
            self.sock.close()


class Kept:
    """At most one line that stays open; as a context manager it closes what is left.

    Of one thread, and of one connection with a partner.
    """

    def __init__(self) -> None:
        self._line: Line | None = None
        self._since = 0.0
        self._refused = False

    def __enter__(self) -> "Kept":
        return self

    def __exit__(self, *_fault: object) -> None:
        self.drop()

    @property
    def open(self) -> bool:
        """Whether there is a line."""
        return self._line is not None

    def put(self, line: Line) -> None:
        """Leave a line open whose last answer has been read whole."""
        self.drop()
        if not self._refused:
            line.used = line.stays = True
            self._line, self._since = line, time.monotonic()

    def take(self, site: Site) -> Line | None:
        """Take the line to a site, if there is one that can be used."""
        line, self._line = self._line, None
        if line is None:
            return None
        line.stays = False
        fresh = time.monotonic() - self._since <= IDLE
        if fresh and line.site == site and not _has_news(line.sock):
            return line
        line.close()
        return None

    def drop(self) -> None:
        """Close the line that is open."""
        line, self._line = self._line, None
        if line is not None:
            line.stays = False
            line.close()

    def refuse(self) -> None:
        """Keep none any more: the server closes them without a word."""
        self.drop()
        self._refused = True


def _has_news(sock: socket.socket) -> bool:
    """Whether the server has closed the line, or said something that answers nothing."""
    if isinstance(sock, ssl.SSLSocket) and sock.pending():
        return True
    return wait_for_read(sock, timeout=0.0)
