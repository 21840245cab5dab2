"""Changes of access: what a user may do and see, before and after, for the audit record."""

from django.contrib.auth.models import AnonymousUser, Group, User
from django.db.models import Model

from audit.recording import Subject, record
from audit.tags import Tag
from partners.models import Scope

Facts = dict[str, object]


def access_of(user: User) -> Facts:
    """Return what lets a user in and how far; passwords are no part of it."""
    scope = Scope.objects.filter(user=user).first()
    return {
        "active": user.is_active,
        "staff": user.is_staff,
        "superuser": user.is_superuser,
        "roles": sorted(user.groups.values_list("name", flat=True)),
        "permissions": sorted(user.user_permissions.values_list("codename", flat=True)),
        "partners": sorted(scope.partners.values_list("name", flat=True)) if scope else [],
        "connections": sorted(str(row) for row in scope.connections.all()) if scope else [],
    }


def may_touch(user: User | AnonymousUser, row: Model | None) -> bool:
    """Tell whether somebody may change, and so take over, a user: superusers only superusers."""
    superior = isinstance(row, User) and row.is_superuser
    return not superior or bool(user.is_superuser)


def permissions_of(group: Group) -> Facts:
    """Return what a group permits."""
    return {"permissions": sorted(group.permissions.values_list("codename", flat=True))}


def record_access(
    row: User | Group, before: Facts, after: Facts, *, actor: str, address: str | None
) -> None:
    """Write down who changed what somebody may do; nothing if it is as it was."""
    changed = {
        name: {"old": before.get(name), "new": value}
        for name, value in after.items()
        if before.get(name) != value
    }
    if changed:
        text = f"Access of {row} changed: {', '.join(changed)}."
        record(
            Tag.USER_ACCESS_CHANGED,
            Subject.of(row),
            text,
            data=changed,
            actor=actor,
            address=address,
        )
