"""Rollovers: which of them a user sees, with whom, and what it takes to act on one."""

from collections.abc import Sequence
from typing import Final

from django.db.models import QuerySet

from partners.access.visibility import (
    SEE_EVERYTHING,
    Anybody,
    sees_everything,
    visible_connections,
)
from partners.models import Confirmation, Rollover

_THEIRS: Final = ("partners.change_partnercertificate",)
#: ours concerns every partner
_OURS: Final = ("partners.change_keypair", SEE_EVERYTHING)


def needed(row: Rollover) -> Sequence[str]:
    """Name the permissions of whoever moves, cancels or finishes it."""
    return _OURS if row.is_ours else _THEIRS


def limited_rollovers(rows: "QuerySet[Rollover]", user: Anybody) -> "QuerySet[Rollover]":
    """Keep those that a connection in the user's scope takes part in."""
    if sees_everything(user):
        return rows
    return rows.filter(pk__in=visible_confirmations(user).order_by().values("rollover"))


def visible_confirmations(user: Anybody) -> "QuerySet[Confirmation]":
    """Return those that the user may see: other partners' names stay unknown."""
    seen = visible_connections(user).order_by()
    related = ("connection__organization", "connection__partner", "rollover__new_pair")
    return Confirmation.objects.filter(connection__in=seen).select_related(*related)
