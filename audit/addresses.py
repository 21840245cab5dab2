"""Addresses: from where a request comes, for the audit record and for limits."""

import ipaddress
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def client_address(environ: Mapping[str, Any]) -> str | None:
    """Say who sent the request: the peer, or whom a trusted proxy names as its peer."""
    forwarded = str(environ.get("HTTP_X_FORWARDED_FOR") or "").split(",")
    address = plain(str(environ.get("REMOTE_ADDR") or ""))
    # From the nearest outwards: only what a trusted hop says of its peer is believed.
    for hop in filter(str.strip, reversed(forwarded)):
        if not is_trusted(address):
            break
        address = plain(hop)
    return address


def address_of(request: HttpRequest) -> str | None:
    """Say who sent a request of Django's."""
    return client_address(request.META)


def is_from_trusted_proxy(environ: Mapping[str, Any]) -> bool:
    """Whether the peer itself is a proxy of ours, so that its own header fields are believed."""
    return is_trusted(plain(str(environ.get("REMOTE_ADDR") or "")))


def is_trusted(address: str | None) -> bool:
    """Whether an address, as ``plain`` writes it, is that of a proxy of ours."""
    if address is None:
        return False
    value = ipaddress.ip_address(address)
    return any(value in network for network in _networks(settings.AS2_TRUSTED_PROXIES))


def plain(text: str) -> str | None:
    """Write an IP address as it is known: without its zone, IPv4 as such; None for anything else.

    On a socket for both kinds IPv4 comes as ``::ffff:192.0.2.1``: all of it would be one network of
    IPv6, and no proxy would be recognized.
    """
    try:
        address = ipaddress.ip_address(text.strip().partition("%")[0])
    except ValueError:
        return None
    inner = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(inner or address)


@lru_cache(maxsize=4)
def _networks(listed: str) -> tuple[Network, ...]:
    return tuple(network for each in listed.split(",") if (network := _network(each.strip())))


def _network(text: str) -> Network | None:
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        return None  # a check says so (config.E009)
