"""The digest: the start page by mail, once a day, so that nobody has to look to know."""

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Final

from django.conf import settings
from django.contrib.auth.models import User

from audit.badges import Tone
from messages.admin.sections import Section, sections
from partners import mailing
from partners.access.visibility import SEE_EVERYTHING
from partners.models import Notice, Organization

#: What a user must be able to do to be told what there is to do.
ACTS: Final = "as2_messages.resend_message"


def make(now: dt.datetime) -> bool:
    """Write and mail the digest of a day, once its hour (UTC) has come; False if there is none.

    The day is part of the notice's key, so two schedulers, or one that is started again, make one.
    """
    hour: int | None = settings.AS2_DIGEST_HOUR
    if hour is None or not settings.AS2_MAIL or now.astimezone(dt.UTC).hour < hour:
        return False
    key = f"digest/{now.astimezone(dt.UTC):%Y-%m-%d}"
    if Notice.objects.filter(key=key).exists():
        return False
    found = sections(_everybody(), now)
    _row, made = Notice.objects.get_or_create(
        key=key,
        defaults={
            "urgent": any(each.kind.tone is Tone.BAD for each in found),
            "title": title(found)[:300],
            "text": text(found, now),
            "days_left": 0,
            "recipients": list(recipients()),
            "created_at": now,
        },
    )
    if made:
        mailing.mail_notices(now)
    return made


def title(found: Sequence[Section]) -> str:
    """Say in the subject whether anybody has to read on."""
    trouble = [each for each in found if each.kind.tone is not Tone.BUSY]
    if not trouble:
        return "AS2 gateway: all is well"
    return "AS2 gateway: " + ", ".join(f"{each.count} {each.kind.title}" for each in trouble)


def text(found: Sequence[Section], now: dt.datetime) -> str:
    """Write what the start page shows, with the addresses of the pages."""
    lines = [f"This is what needs somebody, as of {now.astimezone(dt.UTC):%Y-%m-%d %H:%M} UTC."]
    if not found:
        lines = ["All is well: nothing has failed, nothing is stuck, nothing is late."]
    for section in found:
        lines += ["", f"{section.kind.title}: {section.count}"]
        for item in section.items:
            lines.append(f"  - {' '.join(item.title.split())}")
            lines += [f"    {' '.join(item.text.split())[:300]}"] if item.text else []
        lines.append(f"  {settings.AS2_BASE_URL}{section.kind.url}")
    return "\n".join([*lines, ""])


def recipients() -> Iterator[str]:
    """Name those who see everything and may act on messages; our own addresses if nobody does."""
    users = User.objects.filter(is_active=True, is_staff=True).exclude(email="").order_by("pk")
    found = [user.email for user in users if user.has_perms((SEE_EVERYTHING, ACTS))]
    if not found:
        found = list(Organization.objects.exclude(email="").values_list("email", flat=True))
    yield from dict.fromkeys(found)


def _everybody() -> User:
    """A user who sees everything, and is nobody."""
    return User(is_active=True, is_staff=True, is_superuser=True)
