"""Visibility: the rows that a user may see.

Who has the permission ``see_everything`` sees all of them. Everybody else sees the partners and
connections of a scope, and nothing without one, whatever other permissions say.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import Model, Q, QuerySet

from partners.models import APIKeyPair, Connection, KeyPair, Organization, Partner, Scope

Anybody = AbstractBaseUser | AnonymousUser
Row = TypeVar("Row", bound=Model)

SEE_EVERYTHING: Final = "partners.see_everything"


def sees_everything(user: Anybody) -> bool:
    """Tell whether no scope limits the user."""
    return bool(getattr(user, "is_active", False)) and user.has_perm(SEE_EVERYTHING)  # type: ignore[union-attr]  # of every user that can log in here


def visible_connections(user: Anybody) -> QuerySet[Connection]:
    """Return the connections of the scope: those of its partners, and single ones."""
    if sees_everything(user):
        return Connection.objects.all()
    partners = Scope.partners.through.objects.filter(scope__user=user.pk).values("partner")
    single = Scope.connections.through.objects.filter(scope__user=user.pk).values("connection")
    return Connection.objects.filter(Q(partner__in=partners) | Q(pk__in=single))


def visible_partners(user: Anybody) -> QuerySet[Partner]:
    """Return the partners of the scope, and those of which it has a connection."""
    if sees_everything(user):
        return Partner.objects.all()
    named = Scope.partners.through.objects.filter(scope__user=user.pk).values("partner")
    by_connection = visible_connections(user).order_by().values("partner")
    return Partner.objects.filter(Q(pk__in=named) | Q(pk__in=by_connection))


def visible_organizations(user: Anybody) -> QuerySet[Organization]:
    """Return the organizations of ours that visible connections belong to."""
    if sees_everything(user):
        return Organization.objects.all()
    owners = visible_connections(user).order_by().values("organization")
    return Organization.objects.filter(pk__in=owners)


def visible_key_pairs(user: Anybody) -> QuerySet[KeyPair]:
    """Return the key pairs of those organizations."""
    return limit(KeyPair.objects.all(), user, Reach("organization", visible_organizations))


def visible_api_keys(user: Anybody) -> QuerySet[APIKeyPair]:
    """Return the API key pairs for services of visible partners."""
    return limit(APIKeyPair.objects.all(), user, Reach("partner", visible_partners))


@dataclass(frozen=True, slots=True)
class Reach:
    """How a row leads to rows that a scope decides about: a lookup, and which are visible."""

    lookup: str
    visible: Callable[[Anybody], "QuerySet[Any]"] = visible_connections


#: of a connection itself, and of what belongs to one
ITSELF: Final = Reach("pk")
BY_CONNECTION: Final = Reach("connection")


def limit(rows: "QuerySet[Row]", user: Anybody, reach: Reach | None) -> "QuerySet[Row]":
    """Keep the rows that the user may see; what leads nowhere only who sees everything."""
    if sees_everything(user):
        return rows
    if reach is None:
        return rows.none()
    return rows.filter(**{f"{reach.lookup}__in": reach.visible(user).order_by()})
