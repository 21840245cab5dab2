"""The way of an API key as its page shows it: from the public key to the id, and to its end."""

import datetime as dt
from dataclasses import dataclass, replace
from typing import Final

from django.urls import reverse
from django.utils import timezone

from partners.compliance.facts import moment_to_day
from partners.compliance.profiles import catalogue
from partners.models import APIKeyPair, APIKeyState

#: What the buttons of the page send; None notes a use.
ACTS: Final[dict[str, APIKeyState | None]] = {
    "sent": APIKeyState.SENT,
    "active": APIKeyState.ACTIVE,
    "used": None,
    "retired": APIKeyState.RETIRED,
}
_ORDER: Final = tuple(APIKeyState)


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do: what, when it was done, and what helps to do it."""

    title: str
    text: str
    #: "done", "next" or "later"
    state: str = "later"
    done_at: dt.datetime | None = None
    #: what a button says, and what it sends
    button: tuple[str, str] | None = None
    #: what a link says, and where it leads
    link: tuple[str, str] | None = None


def steps_of(row: APIKeyPair) -> list[Step]:
    """Return the steps in their order; exactly one is next, or none once it is retired."""
    steps = {
        APIKeyState.GENERATED: Step("The key pair is made", _MADE, done_at=row.created_at),
        APIKeyState.SENT: Step(
            "Give the public key to the partner",
            f"{_GIVE}{_where(row)}",
            done_at=row.sent_at,
            button=("It is there", "sent"),
            link=("Download the public key", _download(row)),
        ),
        APIKeyState.RECORDED: Step("Paste the id that it got", _PASTE, done_at=row.recorded_at),
        APIKeyState.ACTIVE: Step(
            "Let your program use key and id",
            _USE,
            done_at=row.activated_at,
            button=("A program uses it", "active"),
        ),
        APIKeyState.RETIRED: Step(
            "Change it after 90 days",
            _change_text(row),
            done_at=row.retired_at,
            button=("Retire this one", "retired"),
        ),
    }
    here = _ORDER.index(APIKeyState(row.state))
    return [_placed(step, _ORDER.index(state) - here) for state, step in steps.items()]


def _placed(step: Step, ahead: int) -> Step:
    """Say how far away a step is; only the next one has a button."""
    if ahead <= 0:
        return replace(step, state="done", button=None)
    return replace(step, state="next") if ahead == 1 else replace(step, button=None, link=None)


_MADE: Final = "The private key is kept here, encrypted, and no page shows it."
_GIVE: Final = (
    "Upload or paste it where the partner manages keys. It begins with BEGIN PUBLIC KEY; the "
    "private key goes nowhere."
)
_PASTE: Final = (
    "The partner answers with an id for this key. Paste it into “partner's key id” below, and "
    "save: that is the whole exchange."
)
_USE: Final = (
    "Hand the private key over with “manage.py export_key”, configure the id beside it, and try a "
    "request. Several keys may be active at once, so nothing stops meanwhile."
)


def _where(row: APIKeyPair) -> str:
    """Name the partner's own instructions, if a profile of its connections does."""
    names = row.partner.connections.exclude(profile="").values_list("profile", flat=True)
    today = moment_to_day(timezone.now())
    for name in dict.fromkeys(names):
        for profile in catalogue().versions(name, today)[:1]:
            if profile.guide_title:
                return f" The partner's guide: {profile.guide_title} {profile.guide_url}".rstrip()
    return ""


def _change_text(row: APIKeyPair) -> str:
    used = "no use of it is noted"
    if row.last_used_at is not None:
        used = f"it was last used on {row.last_used_at:%Y-%m-%d %H:%M} UTC"
    when = f" by {row.rotate_at:%Y-%m-%d}" if row.rotate_at else ""
    return (
        f"Make another key{when}, take it through the same steps, and retire this one when nothing "
        f"uses it any more: {used}. Then delete its public key at the partner, too."
    )


def _download(row: APIKeyPair) -> str:
    return reverse("admin:partners_apikeypair_download", args=(row.pk,))
