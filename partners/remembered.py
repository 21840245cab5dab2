"""Rows that every message needs, remembered by process for as long as nothing has changed.

One small query asks for the revision, a token that triggers renew with every change of any row of
partners. While it is the same, rows of before are the rows of now; when it is another, all that was
remembered is forgotten. The token is read before the rows, so that a change in between makes them
newer than their token, never older. No token (a database without triggers) means no memory.
"""

import copy
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeVar

from django.db import connection as database
from django.db.models.functions import Coalesce

from partners.models import (
    OPEN_STATES,
    Confirmation,
    Connection,
    KeyPair,
    Organization,
    PartnerCertificate,
    Webhook,
)

Value = TypeVar("Value")


@dataclass(slots=True)
class _Memory:
    """What was read under one token."""

    token: str = ""
    values: dict[Hashable, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Held:
    """The token that a block goes by."""

    token: str | None


class Rows:
    """Connections, certificates and key pairs as they are now; for reading, not for saving."""

    def __init__(self) -> None:
        self._memory = _Memory()
        self._held: ContextVar[_Held | None] = ContextVar("held", default=None)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Ask for the token once for a block: all rows in it are of its beginning, or newer."""
        before = self._held.set(_Held(_token()))
        try:
            yield
        finally:
            self._held.reset(before)

    def connection(self, as2_from: str, as2_to: str) -> Connection | None:
        """Return the connection of a partner's and our AS2 name, with organization and partner."""
        found = self._get((as2_from, as2_to), lambda: _connection(as2_from, as2_to))
        # A copy of one's own: what a caller sets on it must not reach the next message.
        return copy.copy(found)

    def known_connection(self, pk: int) -> Connection:
        """Return a connection by its key, with organization and partner. Raises DoesNotExist."""
        known = Connection.objects.select_related("organization", "partner")
        return copy.copy(self._get((Connection, pk), lambda: known.get(pk=pk)))

    def certificates(self, connection: Connection) -> tuple[PartnerCertificate, ...]:
        """Return the certificates of a connection, whether in use or not."""
        return self._get(
            (PartnerCertificate, connection.pk), lambda: tuple(connection.certificates.all())
        )

    def pairs(self, organization: Organization) -> tuple[KeyPair, ...]:
        """Return the key pairs of an organization, whether in use or not; no private keys."""
        return self._get((KeyPair, organization.pk), lambda: tuple(organization.keys.all()))

    def unconfirmed(self, connection: Connection) -> dict[str, tuple[int, ...]]:
        """Return the open confirmations of a connection, by the fingerprint they wait for."""
        return self._get((Confirmation, connection.pk), lambda: _unconfirmed(connection))

    def webhooks(self) -> tuple[Webhook, ...]:
        """Return the active webhooks."""
        return self._get(Webhook, lambda: tuple(Webhook.objects.filter(active=True)))

    def _get(self, key: Hashable, load: Callable[[], Value]) -> Value:
        held = self._held.get()
        token = held.token if held else _token()
        if token is None:
            return load()
        memory = self._memory
        if memory.token != token:
            # Threads that are still busy with the old token keep the old object.
            memory = self._memory = _Memory(token)
        if key in memory.values:
            value: Value = memory.values[key]
            return value
        value = load()
        if value is not None:  # strangers' names must not fill the memory
            memory.values[key] = value
        return value


#: of this process
rows = Rows()


def _token() -> str | None:
    with database.cursor() as cursor:
        cursor.execute("SELECT token FROM partners_revision")
        row: tuple[str] | None = cursor.fetchone()
    return row[0] if row else None


def _connection(as2_from: str, as2_to: str) -> Connection | None:
    known = Connection.objects.select_related("organization", "partner").order_by()
    return known.filter(as2_id=as2_from, organization__as2_id=as2_to).first()


def _unconfirmed(connection: Connection) -> dict[str, tuple[int, ...]]:
    waiting = Confirmation.objects.filter(
        connection=connection, confirmed_at__isnull=True, rollover__state__in=OPEN_STATES
    ).annotate(
        fingerprint=Coalesce(
            "rollover__new_pair__fingerprint", "rollover__new_certificate__fingerprint"
        )
    )
    found: dict[str, tuple[int, ...]] = {}
    for pk, fingerprint in waiting.order_by("pk").values_list("pk", "fingerprint"):
        found[fingerprint] = (*found.get(fingerprint, ()), pk)
    return found
