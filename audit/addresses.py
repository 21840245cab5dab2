"""Addresses: from where a request comes, for the audit record and for limits."""

import ipaddress
from collections.abc import Mapping
from typing import Any

from django.conf import settings


def client_address(environ: Mapping[str, Any]) -> str | None:
    """Say who sent the request: the peer, or whom a trusted proxy names as its peer."""
    trusted = _trusted()
    forwarded = str(environ.get("HTTP_X_FORWARDED_FOR") or "").split(",")
    address = _address(str(environ.get("REMOTE_ADDR") or ""))
    # From the nearest outwards: only what a trusted hop says of its peer is believed.
    for hop in filter(str.strip, reversed(forwarded)):
        if address not in trusted:
            break
        address = _address(hop)
    return address


def is_from_trusted_proxy(environ: Mapping[str, Any]) -> bool:
    """Whether the peer itself is a proxy of ours, so that its own header fields are believed."""
    return _address(str(environ.get("REMOTE_ADDR") or "")) in _trusted()


def _trusted() -> set[str]:
    return {proxy.strip() for proxy in settings.AS2_TRUSTED_PROXIES.split(",")}


def _address(text: str) -> str | None:
    try:
        return str(ipaddress.ip_address(text.strip().partition("%")[0]))
    except ValueError:
        return None
