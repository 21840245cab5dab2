"""System checks: what must not be so when the gateway starts."""

from collections.abc import Sequence

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connections

from partners.models import KeyPair
from partners.rotation import unopenable


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
