"""Insiders: who may know how the gateway is, by where they ask from alone."""

import ipaddress
from contextlib import suppress

from django.conf import settings
from django.http import HttpRequest

from audit.addresses import address_of


def is_listed(request: HttpRequest) -> bool:
    """Whether a request comes from a network of AS2_METRICS_ALLOW."""
    address = address_of(request)
    if address is None:
        return False
    for network in settings.AS2_METRICS_ALLOW:
        with suppress(ValueError):  # a check says so (config.E006)
            if ipaddress.ip_address(address) in ipaddress.ip_network(network, strict=False):
                return True
    return False


def is_inside(request: HttpRequest) -> bool:
    """Whether a request comes from this machine itself, or from such a network."""
    address = address_of(request)
    own = address is not None and ipaddress.ip_address(address).is_loopback
    return own or is_listed(request)
