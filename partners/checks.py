"""System checks: what must not be so when the gateway starts."""

import ipaddress
from collections.abc import Sequence

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import (
    CheckMessage,
    Error,
    Tags,
    Warning,  # noqa: A004 - Django's own name
    register,
)
from django.db import connections
from django.utils import timezone

from as2gateway.compliance.findings import Severity
from as2gateway.compliance.profile import ProfileError
from partners.compliance.profiles import catalogue
from partners.models import KeyPair
from partners.rotation import unopenable
from partners.tls.environment import examine, this_host


@register(Tags.database)
def check_key_ring(
    app_configs: Sequence[AppConfig] | None,
    databases: Sequence[str] | None = None,
    **_kwargs: object,
) -> list[CheckMessage]:
    """Refuse to start with private keys that cannot be read (``partners.E001``).

    Runs only when databases are named (``check --database default``, ``migrate``).
    """
    table = KeyPair._meta.db_table  # noqa: SLF001 - Django's public API
    # Before the first migration there is no table, and nothing to check.
    if not any(table in connections[name].introspection.table_names() for name in databases or []):
        return []
    return [
        Error(
            f"A stored private key cannot be read. {value}: {error}",
            hint="AS2_KEY_RING must hold every key that ever encrypted one, the newest first.",
            id="partners.E001",
        )
        for value, error in unopenable()
    ]


@register()
def check_host(app_configs: Sequence[AppConfig] | None, **_kwargs: object) -> list[CheckMessage]:
    """Say what makes this host unfit for TLS (``partners.E003``), or soon will (``W001``)."""
    found: list[CheckMessage] = []
    for point in examine(this_host(), timezone.now().date()):
        text = f"{point.name}: {point.value}."
        if point.severity is Severity.ERROR:
            found.append(Error(text, hint=point.advice, id="partners.E003"))
        elif point.severity is Severity.WARNING:
            found.append(Warning(text, hint=point.advice, id="partners.W001"))
    return found


@register()
def check_sending_addresses(
    app_configs: Sequence[AppConfig] | None, **_kwargs: object
) -> list[CheckMessage]:
    """Refuse to start with a sheet that would tell partners nonsense (``partners.E004``)."""
    return [
        Error(
            f"AS2_SENDING_ADDRESSES: {each!r} is neither an address nor a network.",
            hint="Write addresses and networks (192.0.2.7, 2001:db8::/64), separated by commas.",
            id="partners.E004",
        )
        for each in settings.AS2_SENDING_ADDRESSES
        if not _is_network(each)
    ]


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


@register()
def check_profiles(
    app_configs: Sequence[AppConfig] | None, **_kwargs: object
) -> list[CheckMessage]:
    """Refuse to start with a compliance profile that cannot be read (``partners.E002``)."""
    try:
        catalogue()
    except ProfileError as error:
        hint = "Mend the file in $AS2_HOME/profiles, or take it out."
        return [
            Error(f"A compliance profile cannot be read. {error}", hint=hint, id="partners.E002")
        ]
    return []
