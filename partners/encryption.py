"""Encryption at rest for small secrets: a model field over the key ring of ``AS2_KEY_RING``.

Each stored value begins with the id of the ring's key that sealed it, so that it is opened by that
key and no other, and so that the progress of a rotation can be counted without opening anything.
Files in the store are not this module's: Fernet holds a value in memory as a whole.
"""

import base64
import dataclasses
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Self

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings
from django.core.exceptions import FieldError
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Lookup

#: First byte of a sealed value: the layout below. Another layout takes another number.
LAYOUT: Final = b"\x01"
#: Bytes of a key id: enough to tell the few keys of one ring apart, too few to say anything else.
KEY_ID_SIZE: Final = 8


class KeyRingError(Exception):
    """A value cannot be sealed or opened: no ring, a key that is missing from it, or damage."""


class KeyRing:
    """Fernet keys that encrypt at rest. The first one seals, every one opens what it sealed.

    A sealed value is ``LAYOUT``, the id of the key, and a Fernet token.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys:
            raise KeyRingError("AS2_KEY_RING is empty: no private key can be stored or read.")
        self._fernets = {_key_id(key): Fernet(key) for key in keys}
        self.writing_key_id = _key_id(keys[0])

    def seal(self, value: bytes) -> bytes:
        """Encrypt a value by the first key."""
        token = self._fernets[self.writing_key_id].encrypt(value)
        return LAYOUT + self.writing_key_id + token

    def open(self, sealed: bytes) -> bytes:
        """Decrypt a sealed value; raises KeyRingError and never returns what it could not open."""
        key_id = key_id_of(sealed)
        fernet = self._fernets.get(key_id)
        if fernet is None:
            raise KeyRingError(
                f"The value was encrypted with key {key_id.hex()}, which is not in AS2_KEY_RING "
                f"(it has {', '.join(known.hex() for known in self._fernets)}). "
                "Put that key back into the ring."
            )
        try:
            return fernet.decrypt(sealed[len(LAYOUT) + KEY_ID_SIZE :])
        except InvalidToken as error:
            raise KeyRingError(
                f"The value encrypted with key {key_id.hex()} is damaged: its seal does not hold. "
                "Restore it from a backup."
            ) from error


def key_id_of(sealed: bytes) -> bytes:
    """Return the id of the key that sealed a value; raises KeyRingError for foreign bytes."""
    if not sealed.startswith(LAYOUT) or len(sealed) <= len(LAYOUT) + KEY_ID_SIZE:
        raise KeyRingError("The stored value was not encrypted by this gateway, or is damaged.")
    return sealed[len(LAYOUT) : len(LAYOUT) + KEY_ID_SIZE]


def key_ring() -> KeyRing:
    """Return the ring of the settings."""
    return _ring(tuple(settings.AS2_KEY_RING))


@lru_cache(maxsize=4)  # one in service; tests and a rotation know a few
def _ring(keys: tuple[str, ...]) -> KeyRing:
    return KeyRing(keys)


def _key_id(key: str) -> bytes:
    return hashlib.sha256(base64.urlsafe_b64decode(key)).digest()[:KEY_ID_SIZE]


@dataclass(frozen=True, slots=True)
class Secret:
    """A sealed value, opened only where it is used: a row is read without any key."""

    sealed: bytes = dataclasses.field(repr=False)

    @classmethod
    def of(cls, value: bytes) -> Self:
        """Seal a value by the first key of the ring."""
        return cls(key_ring().seal(value))

    def open(self) -> bytes:
        """Open it. Raises KeyRingError."""
        return key_ring().open(self.sealed)


class EncryptedBinaryField(models.BinaryField):  # type: ignore[type-arg]  # generic only in stubs
    """Bytes that are encrypted in the database, in fixtures and in backups of either.

    Reading a value whose key is missing, or that was changed, raises KeyRingError.
    """

    def get_prep_value(self, value: bytes | None) -> bytes | None:
        """Seal on the way into the database."""
        return None if value is None else key_ring().seal(bytes(value))

    def from_db_value(
        self,
        value: bytes | memoryview | None,
        _expression: object,
        _connection: BaseDatabaseWrapper,
    ) -> bytes | None:
        """Open on the way out."""
        return None if value is None else key_ring().open(bytes(value))

    def value_to_string(self, obj: models.Model) -> str:
        """Seal for ``dumpdata`` too: a fixture must not hold a key in clear."""
        return base64.b64encode(key_ring().seal(self.value_from_object(obj))).decode()

    def to_python(self, value: bytes | str) -> bytes:
        """Open what ``dumpdata`` wrote."""
        return key_ring().open(base64.b64decode(value)) if isinstance(value, str) else value

    def get_lookup(self, lookup_name: str) -> "type[Lookup[object]] | None":
        """Refuse to compare: sealing twice gives different bytes, so nothing would ever match."""
        if lookup_name != "isnull":
            raise FieldError(f"{self.name} is encrypted and cannot be searched by {lookup_name!r}.")
        return super().get_lookup(lookup_name)


class SecretField(EncryptedBinaryField):
    """The same, as a ``Secret``: rows can be read and saved while its key is missing."""

    def get_prep_value(self, value: "Secret | bytes | None") -> bytes | None:
        """Give the database what is sealed; bare bytes, of a rotation, are sealed first."""
        return value.sealed if isinstance(value, Secret) else super().get_prep_value(value)

    def from_db_value(  # type: ignore[override]  # a Secret in place of the bytes
        self,
        value: bytes | memoryview | None,
        _expression: object,
        _connection: BaseDatabaseWrapper,
    ) -> Secret | None:
        """Leave it sealed."""
        return None if value is None else Secret(bytes(value))

    def value_to_string(self, obj: models.Model) -> str:
        """Write it down sealed."""
        secret: Secret | None = self.value_from_object(obj)
        return "" if secret is None else base64.b64encode(secret.sealed).decode()

    def to_python(self, value: "Secret | str | None") -> Secret | None:  # type: ignore[override]  # the same
        """Read what ``dumpdata`` wrote."""
        if isinstance(value, str):
            return Secret(base64.b64decode(value)) if value else None
        return value
