"""Second factor: codes of an authenticator app (RFC 6238), and backup codes for when it is lost.

django-otp keeps the devices, counts wrong codes and makes each wrong one cost twice the time.
"""

import base64
import re
from enum import Enum, auto
from typing import Final, cast

import django_otp
import segno
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.db import transaction
from django.http import HttpRequest
from django.utils.safestring import SafeString, mark_safe
from django_otp.models import Device
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from audit.addresses import address_of
from audit.recording import Subject, record
from audit.tags import Tag

#: Enough to lose a telephone more than once.
BACKUP_CODES: Final = 10
#: Six digits are the app's, anything else is a backup code.
_APP_CODE: Final = re.compile(r"[0-9]{6}")
_NAME: Final = "authenticator app"
#: In the session: the device that is being set up there.
_BEGUN: Final = "second_factor_begun"


class Answer(Enum):
    """What a code was."""

    RIGHT = auto()
    WRONG = auto()
    #: too many wrong ones before: it was not even looked at
    TOO_SOON = auto()


def is_enrolled(user: AbstractBaseUser | AnonymousUser) -> bool:
    """Tell whether somebody has set up a second factor."""
    return bool(TOTPDevice.objects.filter(user=user.pk, confirmed=True).exists())


def is_owed(user: AbstractBaseUser | AnonymousUser) -> bool:
    """Tell whether somebody who gave a password still has to give a code, or set that up."""
    if is_verified(user):
        return False
    return bool(settings.AS2_REQUIRE_2FA) or is_enrolled(user)


def is_verified(user: AbstractBaseUser | AnonymousUser) -> bool:
    """Tell whether a code was given in this session; django-otp's middleware knows."""
    return getattr(user, "otp_device", None) is not None


def verify(request: HttpRequest, code: str) -> Answer:
    """Check a code of the logged-in user; a right one opens the pages for this session."""
    code = re.sub(r"[\s-]", "", code).lower()
    kind = TOTPDevice if _APP_CODE.fullmatch(code) else StaticDevice
    with transaction.atomic():
        # Locked, so that one code cannot be used twice at the same time.
        rows = kind.objects.select_for_update().filter(user=request.user.pk, confirmed=True)
        device = rows.first()
        answer = _check(device, code)
        if device is not None and answer is Answer.RIGHT:
            django_otp.login(request, device)
            if kind is StaticDevice:
                _record(request, Tag.USER_DEVICE_BACKUP, "Logged in with a backup code.")
    return answer


def _check(device: Device | None, code: str) -> Answer:
    if device is None:
        return Answer.WRONG
    allowed, _why = device.verify_is_allowed()
    if not allowed:
        return Answer.TOO_SOON
    return Answer.RIGHT if device.verify_token(code) else Answer.WRONG


def begin(request: HttpRequest) -> TOTPDevice:
    """Return the device that is being set up, the same one in this session until it is confirmed.

    Another session gets a new secret: whoever saw the first one, and did not confirm it, has none.
    """
    user = cast("User", request.user)
    with transaction.atomic():
        open_ones = TOTPDevice.objects.filter(user=user, confirmed=False)
        device = open_ones.filter(pk=request.session.get(_BEGUN)).first()
        if device is None:
            open_ones.delete()
            device = TOTPDevice.objects.create(user=user, confirmed=False, name=_NAME)
            request.session[_BEGUN] = device.pk
    return device


def confirm(request: HttpRequest, device: TOTPDevice, code: str) -> list[str]:
    """Take the device into use if the app's code is right, and return backup codes; else none."""
    with transaction.atomic():
        if not device.verify_token(code.replace(" ", "")):
            return []
        TOTPDevice.objects.filter(user=device.user, confirmed=True).delete()
        device.confirmed = True
        device.save()
        django_otp.login(request, device)
        _record(request, Tag.USER_DEVICE_ADDED, "Second factor set up.")
        return _make_backup_codes(device.user)


def renew_backup_codes(request: HttpRequest) -> list[str]:
    """Return new backup codes; the old ones end."""
    with transaction.atomic():
        _record(request, Tag.USER_DEVICE_BACKUP, "New backup codes made.")
        return _make_backup_codes(request.user)


def reset(user: User, *, actor: str, address: str | None = None) -> bool:
    """Take the second factor off a user; False if there was none."""
    with transaction.atomic():
        found = [kind.objects.filter(user=user).delete()[0] for kind in (TOTPDevice, StaticDevice)]
        if any(found):
            record(
                Tag.USER_DEVICE_RESET,
                Subject.of(user),
                f"Second factor of {user} taken off.",
                actor=actor,
                address=address,
            )
    return any(found)


def qr_code(device: TOTPDevice) -> SafeString:
    """Draw what an app scans; dark on white, whatever colours the page has."""
    drawn = segno.make(device.config_url, error="m", micro=False)
    return mark_safe(  # noqa: S308  drawn here, of our own text: paths and numbers
        drawn.svg_inline(scale=5, border=3, dark="#000", light="#fff")
    )


def secret_of(device: TOTPDevice) -> str:
    """Write the secret for typing it in, in groups of four."""
    text = base64.b32encode(device.bin_key).decode().rstrip("=")
    return " ".join(re.findall(r".{1,4}", text))


def _make_backup_codes(user: AbstractBaseUser | AnonymousUser) -> list[str]:
    device, _created = StaticDevice.objects.get_or_create(
        user=user, defaults={"name": "backup codes", "confirmed": True}
    )
    device.token_set.all().delete()
    codes = [StaticToken.random_token() for _ in range(BACKUP_CODES)]
    StaticToken.objects.bulk_create(StaticToken(device=device, token=code) for code in codes)
    return [f"{code[:4]}-{code[4:]}" for code in codes]


def _record(request: HttpRequest, tag: Tag, text: str) -> None:
    user = cast("User", request.user)  # somebody who is logged in
    record(tag, Subject.of(user), text, actor=str(user), address=address_of(request))
