"""System checks of the messages app: folders and times that contradict each other."""

from itertools import permutations
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning  # noqa: A004  Django's own name
from django.core.checks import register as register_check

_FOLDERS: Final = ("AS2_STORE", "AS2_INBOX", "AS2_OUTBOX")
#: Seconds: an attempt gets two thirds of the lease to be answered in, and partners' servers that
#: decrypt, verify and answer at once have been seen to take minutes.
SHORT_LEASE: Final = 180


def register() -> None:
    """Hand the checks to Django."""
    register_check(check_folders)
    register_check(check_lease)


def check_folders(**_kwargs: Any) -> list[CheckMessage]:
    """Refuse folders inside each other: what was received would be sent, or swept away."""
    return [
        Error(
            f"{outer} contains {inner}: give each a folder of its own.",
            hint="Leave them unset to have all three below AS2_HOME.",
            id="messages.E001",
        )
        for outer, inner in permutations(_FOLDERS, 2)
        if _path(inner).is_relative_to(_path(outer))
    ]


def check_lease(**_kwargs: Any) -> list[CheckMessage]:
    """Warn of a lease that ends attempts which partners are still working on."""
    if settings.AS2_SEND_LEASE >= SHORT_LEASE:
        return []
    return [
        Warning(
            f"AS2_SEND_LEASE is {settings.AS2_SEND_LEASE} s: a partner that needs more than "
            f"{settings.AS2_SEND_LEASE * 2 // 3} s to answer gets each message again and again.",
            hint=f"Set it to {SHORT_LEASE} or more, or leave it unset.",
            id="messages.W001",
        )
    ]


def _path(name: str) -> Path:
    return Path(getattr(settings, name)).resolve()
