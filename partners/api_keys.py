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
from django.db import models

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
    columns: dict[str, object] = {"state": state}
    if state is APIKeyState.ACTIVE:
        columns["activated_at"] = now
    if state is APIKeyState.RETIRED:
        columns["retired_at"] = now
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


def in_service() -> models.QuerySet[APIKeyPair]:
    """Return the keys that partners know and that programs use."""
    return APIKeyPair.objects.filter(state=APIKeyState.ACTIVE).select_related("partner")
