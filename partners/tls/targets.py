"""Targets: which host a probe may look at, and by which address.

The page would otherwise be a way to reach what only this machine can reach: itself, its neighbours,
a cloud's metadata service. Names are resolved once, and the address that was judged is the one that
is connected to.
"""

import ipaddress
import re
import socket
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import urlsplit

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

HTTPS: Final = 443
_PORTS: Final = range(1, 65536)
_LABEL: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
#: IPv4 addresses behind a translator (RFC 6052 §2.1): the last four octets are the real target.
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")


class ProbeError(Exception):
    """Nothing could be tested; the text says why, in plain words."""


@dataclass(frozen=True, slots=True)
class Target:
    """A host and a port."""

    host: str
    port: int = HTTPS

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``HOST``, ``HOST:PORT``, ``[IPV6]:PORT`` or a URL. Raises ProbeError."""
        written = text.strip()
        if written.count(":") > 1 and "[" not in written and "//" not in written:
            written = f"[{written}]"  # an IPv6 address without port
        try:
            parts = urlsplit(written if "//" in written else f"//{written}")
            host, port = parts.hostname or "", parts.port
        except ValueError as error:
            raise ProbeError(f"“{text[:100]}” is no host and port: {error}.") from error
        if parts.scheme not in {"", "https"}:
            raise ProbeError(f"{parts.scheme}:// has no TLS; only https:// can be tested.")
        if port is not None and port not in _PORTS:
            raise ProbeError(f"{port} is no port.")
        return cls(_checked(host, text), port or HTTPS)


def resolve(target: Target, *, allow_private: bool) -> tuple[str, ...]:
    """Look the host up; addresses of this machine and its network only if allowed.

    Raises ProbeError. May take as long as the system's resolver does.
    """
    addresses = lookup(target)
    allowed = addresses if allow_private else public(addresses)
    if not allowed:
        raise ProbeError(
            f"{target.host} is {', '.join(addresses)}, which is not an address of the public "
            "internet. Set AS2_TLS_PROBE_ALLOW_PRIVATE=1 to allow tests of such addresses."
        )
    return allowed


def lookup(target: Target) -> tuple[str, ...]:
    """Look the host up, whatever its addresses are. Raises ProbeError."""
    try:
        found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise ProbeError(f"The host name {target.host} could not be resolved: {error}.") from error
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


def public(addresses: tuple[str, ...]) -> tuple[str, ...]:
    """Keep those that the whole internet reaches."""
    return tuple(each for each in addresses if is_public(ipaddress.ip_address(each)))


def is_public(address: Address) -> bool:
    """Whether an address is one that the whole internet reaches."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            inner = ipaddress.IPv4Address(address.packed[-4:])
        if inner is not None:
            return is_public(inner)
    return address.is_global and not address.is_multicast


def _checked(host: str, text: str) -> str:
    try:
        return str(ipaddress.ip_address(host.partition("%")[0]))
    except ValueError:
        pass
    try:
        name = host.encode("idna").decode("ascii").rstrip(".").lower()
    except UnicodeError:
        name = ""
    labels = name.split(".")
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in labels):  # noqa: PLR2004  RFC 1035 §2.3.4
        raise ProbeError(f"“{text[:100]}” names no host that could be tested.")
    return name
