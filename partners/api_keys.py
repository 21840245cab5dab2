"""API keys: key pairs for a partner's services, from their making to their end."""

import datetime as dt
from typing import Final

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_public_key,
)
from django.db import models, transaction

from audit.recording import Subject, record
from audit.tags import Tag
from partners.exporting import File, public_key_fingerprint
from partners.generating import EXPONENT, KeyKind, generate_key
from partners.importing import RSA_BITS, KeyFileError
from partners.models import APIKeyPair, APIKeyState
from partners.parsed import PrivateKey
from partners.rollover.recording import By

#: What can follow what; everything can be retired, and nothing comes back.
STEPS: Final = {
    APIKeyState.SENT: (APIKeyState.GENERATED,),
    APIKeyState.RECORDED: (APIKeyState.GENERATED, APIKeyState.SENT),
    APIKeyState.ACTIVE: (APIKeyState.RECORDED,),
    APIKeyState.RETIRED: (
        APIKeyState.GENERATED,
        APIKeyState.SENT,
        APIKeyState.RECORDED,
        APIKeyState.ACTIVE,
    ),
}


def fill(row: APIKeyPair, key: PrivateKey | None = None) -> None:
    """Put a key into a new row: a given one, or one that is made; nothing is saved.

    Raises KeyFileError for a key that the partners' services do not take.
    """
    key = key or generate_key(KeyKind.RSA_2048)
    if not isinstance(key, RSAPrivateKey):
        raise KeyFileError("this is an EC key; an RSA key was wanted")
    if key.key_size < RSA_BITS:
        raise KeyFileError(f"this key has {key.key_size} bits; at least {RSA_BITS} were wanted")
    public = key.public_key()
    if public.public_numbers().e != EXPONENT:
        raise KeyFileError("this key has an unusual exponent; partners' services may refuse it")
    row.bits = key.key_size
    row.public_key = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    row.fingerprint = public_key_fingerprint(public)
    row.private_key = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


#: When a key came to a state.
_MOMENTS: Final = {
    APIKeyState.SENT: "sent_at",
    APIKeyState.RECORDED: "recorded_at",
    APIKeyState.ACTIVE: "activated_at",
    APIKeyState.RETIRED: "retired_at",
}
#: Digits of a fingerprint by which a key may be named.
_FINGERPRINT: Final = 16


def public_pem(row: APIKeyPair) -> str:
    """Return the public key as the partner wants it: SubjectPublicKeyInfo, PEM."""
    key = load_der_public_key(bytes(row.public_key))
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def public_file(row: APIKeyPair) -> File:
    """Return the same as a file."""
    name = "".join(c if c.isascii() and c.isalnum() else "-" for c in row.name)
    return File(f"{name}.pub", "application/x-pem-file", public_pem(row).encode())


def advance(row: APIKeyPair, state: APIKeyState, now: dt.datetime, by: By) -> bool:
    """Take a key a step further; False if it is not where that step begins.

    Runs in the caller's transaction.
    """
    columns: dict[str, object] = {"state": state, _MOMENTS[state]: now}
    ready = APIKeyPair.objects.filter(pk=row.pk, state__in=STEPS[state])
    if state in {APIKeyState.RECORDED, APIKeyState.ACTIVE}:
        ready = ready.exclude(external_key_id="")
    before = row.state
    if ready.update(**columns) == 0:
        return False
    row.refresh_from_db(fields=list(columns))
    data = {"state": {"old": before, "new": state.value}}
    text = f"API key pair {row} is {state.label}"
    record(
        Tag.KEY_API_CHANGED, Subject.of(row), text, data=data, actor=by.actor, address=by.address
    )
    return True


def note_use(row: APIKeyPair, moment: dt.datetime, who: str, by: By) -> bool:
    """Write down that a program has signed with a key; False if a later use is known.

    The program is not this gateway, so somebody has to say it. The audit log has one event a day.
    """
    later = models.Q(last_used_at__isnull=True) | models.Q(last_used_at__lt=moment)
    with transaction.atomic():
        known = APIKeyPair.objects.select_for_update().filter(later, pk=row.pk).first()
        if known is None:
            return False
        before = known.last_used_at
        columns = {"last_used_at": moment, "last_used_by": who[:150]}
        APIKeyPair.objects.filter(pk=row.pk).update(**columns)
        if before is None or before.date() != moment.date():
            text = f"API key pair {row} was used by {who}"
            record(Tag.KEY_API_USED, Subject.of(row), text, actor=by.actor, address=by.address)
    row.refresh_from_db(fields=list(columns))
    return True


def find(rows: models.QuerySet[APIKeyPair], words: str) -> APIKeyPair:
    """Find a key by the partner's id of it, its fingerprint (16 digits at least) or its name.

    Raises LookupError, which says what is wrong.
    """
    ways = [models.Q(external_key_id=words), models.Q(name=words)]
    if len(words) >= _FINGERPRINT:
        ways.append(models.Q(fingerprint__startswith=words.lower()))
    for way in ways:
        found = list(rows.filter(way).select_related("partner")[:2])
        if len(found) == 1:
            return found[0]
        if found:
            raise LookupError(f"Several keys are called {words}; give the partner's id of it.")
    raise LookupError(f"There is no API key {words}.")


def in_service() -> models.QuerySet[APIKeyPair]:
    """Return the keys that partners know and that programs use."""
    return APIKeyPair.objects.filter(state=APIKeyState.ACTIVE).select_related("partner")
