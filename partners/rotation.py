"""Rotation: bring every value that is encrypted at rest under the first key of the ring."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.apps import apps
from django.db import models
from django.db.models.functions import Cast

from partners.encryption import EncryptedBinaryField, KeyRingError, key_id_of, key_ring


@dataclass(frozen=True, slots=True)
class SealedValue:
    """A stored value as it lies in the database, and where."""

    model: type[models.Model]
    field: str
    pk: object
    sealed: bytes

    def __str__(self) -> str:
        return f"{self.model._meta.verbose_name} {self.pk}"  # noqa: SLF001 - Django's public API

    @property
    def is_current(self) -> bool:
        """Whether the first key of the ring sealed it."""
        return key_id_of(self.sealed) == key_ring().writing_key_id

    def check_opens(self) -> None:
        """Raise KeyRingError unless a key of the ring opens it."""
        key_ring().open(self.sealed)

    def renew(self) -> None:
        """Seal it again by the first key, unless it was changed or deleted meanwhile."""
        same = self.model._base_manager.annotate(  # noqa: SLF001 - Django's public API
            stored=Cast(self.field, models.BinaryField())
        ).filter(pk=self.pk, stored=self.sealed)
        same.update(**{self.field: key_ring().open(self.sealed)})


def sealed_values() -> Iterator[SealedValue]:
    """Give every encrypted value of every table, unopened."""
    for model in apps.get_models():
        for field in model._meta.concrete_fields:  # noqa: SLF001 - Django's public API
            if isinstance(field, EncryptedBinaryField):
                yield from _values_of(model, field.name)


def _values_of(model: type[models.Model], field: str) -> Iterator[SealedValue]:
    # The cast takes the bytes past the field, which would open them.
    rows = model._base_manager.annotate(  # noqa: SLF001 - Django's public API
        stored=Cast(field, models.BinaryField())
    ).exclude(**{f"{field}__isnull": True})
    for pk, sealed in rows.order_by("pk").values_list("pk", "stored"):
        yield SealedValue(model, field, pk, bytes(sealed))


def unopenable() -> list[tuple[SealedValue, KeyRingError]]:
    """List the values that no key of the ring opens, with the reason."""
    found = []
    for value in sealed_values():
        try:
            value.check_opens()
        except KeyRingError as error:
            found.append((value, error))
    return found
