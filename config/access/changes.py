"""Changes of access: what a user may do and see, before and after, for the audit record."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from django.contrib.auth.models import AnonymousUser, Group, User
from django.db import transaction
from django.db.models import Model
from django.utils import timezone

from audit.recording import Subject, record
from audit.tags import Tag
from partners.access import tokens
from partners.models import Scope
from partners.rollover.recording import By

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
    """Write down who changed what somebody may do; nothing if it is as it was.

    Tokens of a user who is no longer active end: they do not open again with the user.
    """
    if isinstance(row, User) and before.get("active") and not row.is_active:
        tokens.revoke_all(row, timezone.now(), By(actor, address))
    changed: Facts = {
        name: {"old": before.get(name), "new": value}
        for name, value in after.items()
        if before.get(name) != value
    }
    if changed:
        text = f"Access of {row} changed: {', '.join(changed)}."
        _record(Tag.USER_ACCESS_CHANGED, row, text, changed, By(actor, address))


@contextmanager
def noting_password(pk: int, by: By) -> Iterator[None]:
    """Write down that the password of a user became another one meanwhile, in one transaction."""
    with transaction.atomic():
        before = User.objects.filter(pk=pk).first()
        yield
        after = User.objects.filter(pk=pk).first()
        if before is not None and after is not None and before.password != after.password:
            record_password(after, by)


def record_password(user: User, by: By) -> None:
    """Write down that a user has another password; nothing of it is told."""
    _record(Tag.USER_PASSWORD_CHANGED, user, f"Password of {user} changed.", {}, by)


def delete(rows: Iterable[User | Group], by: By) -> None:
    """Delete users or groups, and write down what each could do."""
    with transaction.atomic():
        for row in rows:
            facts = access_of(row) if isinstance(row, User) else permissions_of(row)
            if isinstance(row, User):
                tokens.revoke_all(row, timezone.now(), by)
            text = f"{str(row._meta.verbose_name).capitalize()} {row} deleted."  # noqa: SLF001  Django's public API
            old: Facts = {name: {"old": value} for name, value in facts.items()}
            _record(Tag.USER_ACCOUNT_DELETED, row, text, old, by)
            row.delete()


def _record(tag: Tag, row: User | Group, text: str, data: Facts, by: By) -> None:
    record(tag, Subject.of(row), text, data=data, actor=by.actor, address=by.address)
