"""Arriving TLS: how the connection was protected by which a message came, recorded with it.

Our own listener knows it from the socket. Behind a proxy, the proxy ended TLS: it says so in two
header fields (``deploy/nginx.conf``), which are believed of trusted proxies only, like the address.
"""

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from as2gateway.tls.versions import Version
from audit.addresses import is_from_trusted_proxy

#: What stands for a version where there was no TLS at all.
PLAIN: Final = "none"

#: As OpenSSL, and so nginx, Apache and HAProxy spell them.
_VERSION: Final = re.compile(r"SSLv[23]|TLSv1(\.[1-3])?")
_SUITE: Final = re.compile(r"[A-Za-z0-9_-]{1,60}")


@dataclass(frozen=True, slots=True)
class ArrivingTLS:
    """Version and suite; ``none`` is plain HTTP, and nothing at all is not known."""

    version: str = ""
    suite: str = ""

    @property
    def is_old(self) -> bool:
        """Whether it is a version that RFC 8996 forbids."""
        return any(each.is_old and each.label == self.version for each in Version)

    def __str__(self) -> str:
        return f"{self.version} {self.suite}".strip()


#: What is not known, as of a message that is read from the store.
NOT_KNOWN: Final = ArrivingTLS()


def arriving_tls(environ: Mapping[str, Any]) -> ArrivingTLS:
    """Say how a request was protected on its way to us, or to our proxy."""
    sock = environ.get("gunicorn.socket")
    if isinstance(sock, ssl.SSLSocket):
        cipher = sock.cipher()
        return ArrivingTLS(sock.version() or "", cipher[0] if cipher else "")
    if is_from_trusted_proxy(environ):
        return _told(environ)
    # Without a proxy that we know, and without TLS of ours, nobody has ended any.
    return ArrivingTLS(PLAIN) if sock is not None else ArrivingTLS()


def _told(environ: Mapping[str, Any]) -> ArrivingTLS:
    version = str(environ.get("HTTP_X_AS2_TLS_VERSION") or "").strip()
    suite = str(environ.get("HTTP_X_AS2_TLS_SUITE") or "").strip()
    if _VERSION.fullmatch(version):
        return ArrivingTLS(version, suite if _SUITE.fullmatch(suite) else "")
    scheme = str(environ.get("HTTP_X_FORWARDED_PROTO") or "").strip().lower()
    return ArrivingTLS(PLAIN) if scheme == "http" else ArrivingTLS()
