"""Lock-outs: after some wrong passwords for one name from one address, a pause.

Counted by name and address together: who guesses does not lock out the person whose name it is, and
a colleague's typing errors lock out nobody else in the office.
"""

import logging
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from axes.utils import reset
from django.conf import settings
from django.contrib import admin
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from audit.addresses import address_of
from audit.recording import Subject, record
from audit.tags import Tag
from partners.rollover.recording import By

logger = logging.getLogger(__name__)


def cool_off(_request: HttpRequest | None = None) -> timedelta:
    """Return how long a lock-out lasts."""
    return timedelta(minutes=settings.AS2_LOGIN_LOCK_MINUTES)


def answer(
    request: HttpRequest, _original: HttpResponse | None, _credentials: dict[str, Any] | None
) -> HttpResponse:
    """Say in plain words that it has to wait, and how long (429, RFC 6585 §4)."""
    context = {
        **admin.site.each_context(request),
        "title": "Too many wrong passwords",
        "minutes": settings.AS2_LOGIN_LOCK_MINUTES,
        "attempts": settings.AS2_LOGIN_ATTEMPTS,
    }
    page = render(request, "as2_access/locked.html", context, status=HTTPStatus.TOO_MANY_REQUESTS)
    page["Retry-After"] = str(int(cool_off().total_seconds()))
    return page


def unlock(name: str | None, place: str | None, by: By) -> None:
    """Forget the wrong passwords for a name from one address, and write down who did."""
    with transaction.atomic():
        reset(username=name, ip=place)
        record(
            Tag.USER_LOGIN_UNLOCKED,
            Subject("user", "", name or ""),
            f"Lock of {name or 'nobody'} ended, for logins from {place or 'an unknown address'}.",
            actor=by.actor,
            address=by.address,
        )


def note(*, request: HttpRequest, username: str | None, **_kwargs: Any) -> None:
    """Write down that somebody was locked out; what comes during the pause is not counted."""
    if not getattr(request, "axes_failures_since_start", None):
        return
    record(
        Tag.USER_LOGIN_LOCKED,
        Subject("user", "", username or ""),
        f"Locked out for {settings.AS2_LOGIN_LOCK_MINUTES} minutes after "
        f"{settings.AS2_LOGIN_ATTEMPTS} wrong passwords.",
        actor="system",
        address=address_of(request),
    )
