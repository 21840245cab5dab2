"""API tokens: made, found by the secret that a program shows, noted as used, revoked.

The secret is 32 random bytes, so one round of SHA-256 keeps it as well as many would, and a token
is found by an index. Whoever reads the table gets nothing that opens anything.
"""

import datetime as dt
import hashlib
import secrets
from dataclasses import dataclass, field
from typing import Final

from django.contrib.auth.models import AnonymousUser, User
from django.db import transaction
from django.db.models import Q

from audit.recording import Subject, record
from audit.tags import Tag
from partners.models import APIToken
from partners.rollover.recording import By

#: By it people and scanners of source code know what they have found.
PREFIX: Final = "as2_"
_RANDOM_BYTES: Final = 32
#: Characters of a secret that lists show.
_SHOWN: Final = 10
#: How exactly the last use is known: each write costs more than the call that it notes.
_NOTED: Final = dt.timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token, and the secret that is shown this once."""

    token: APIToken
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants a token to be."""

    name: str
    read_only: bool = False
    expires_at: dt.datetime | None = None


def make(user: User, wish: Wish, now: dt.datetime, by: By) -> NewToken:
    """Make a token for a user. Whether that may be done is asked by the caller (``may_make``)."""
    secret = f"{PREFIX}{secrets.token_urlsafe(_RANDOM_BYTES)}"
    token = APIToken(
        user=user,
        user_name=user.get_username(),
        name=wish.name,
        prefix=secret[:_SHOWN],
        digest=digest_of(secret),
        read_only=wish.read_only,
        expires_at=wish.expires_at,
        created_by=by.actor,
        created_at=now,
    )
    with transaction.atomic():
        token.save()
        end = f"until {wish.expires_at:%Y-%m-%d %H:%M} UTC" if wish.expires_at else "without end"
        what = "to look only" if wish.read_only else "to do what the user may"
        _record(Tag.USER_TOKEN_MADE, token, f"API token {token} made, {what}, {end}.", by)
    return NewToken(token, secret)


def revoke(token: APIToken, now: dt.datetime, by: By) -> bool:
    """End a token at once; False if it was revoked before."""
    with transaction.atomic():
        if not APIToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=now):
            return False
        _record(Tag.USER_TOKEN_REVOKED, token, f"API token {token} revoked.", by)
    return True


def revoke_all(user: User, now: dt.datetime, by: By) -> None:
    """End all tokens of a user."""
    for token in APIToken.objects.filter(user=user, revoked_at=None):
        revoke(token, now, by)


def find(secret: str, now: dt.datetime) -> APIToken | None:
    """Find the token of a secret; None unless it is open and its user may still come in."""
    if not secret.startswith(PREFIX):
        return None
    rows = APIToken.objects.select_related("user")
    token = rows.filter(digest=digest_of(secret), user__is_active=True).first()
    return token if token is not None and token.is_open(now) else None


def note_use(token: APIToken, now: dt.datetime, address: str | None) -> None:
    """Write down that a token was used, at most once a minute."""
    if token.last_used_at is not None and now - token.last_used_at < _NOTED:
        return
    older = Q(last_used_at=None) | Q(last_used_at__lt=now)
    rows = APIToken.objects.filter(older, pk=token.pk)
    rows.update(last_used_at=now, last_used_from=address)


def may_make(maker: User | AnonymousUser, user: User) -> bool:
    """Tell whether somebody may make tokens for a user, or revoke them.

    One's own, and everybody's if one may change users: whoever does that could come in as them
    anyway. But nobody makes one that can do more than any of theirs: a superuser's.
    """
    if not maker.has_perm("partners.add_apitoken") or not user.is_active:
        return False
    if maker.pk == user.pk:
        return True
    return maker.has_perm("auth.change_user") and (maker.is_superuser or not user.is_superuser)


def may_revoke(somebody: User | AnonymousUser, user: User | None) -> bool:
    """Tell whether somebody may end a user's tokens: whoever may make them.

    Those of nobody, or of who is not active, whoever looks after users.
    """
    if user is None or not user.is_active:
        return somebody.has_perm("auth.change_user")
    return may_make(somebody, user)


def digest_of(secret: str) -> str:
    """Return what is kept of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _record(tag: Tag, token: APIToken, text: str, by: By) -> None:
    facts = {"begins_with": token.prefix, "read_only": token.read_only}
    record(tag, Subject.of(token), text, data=facts, actor=by.actor, address=by.address)
