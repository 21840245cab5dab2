"""Changes of settings: what a row says before and after, and the audit event that tells it.

Used by every door through which settings change. Key material cannot come in: columns that hold
octets are left out by their type, encrypted ones among them.
"""

import base64
import datetime as dt
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from django.db import models

from audit.recording import Subject, record
from audit.tags import Tag
from partners.models import (
    Acknowledgement,
    APIKeyPair,
    Connection,
    KeyPair,
    Organization,
    Partner,
    PartnerCertificate,
    Webhook,
)
from partners.urls import without_password

Plain = str | int | bool | list[str] | None

#: Columns that say nothing that was set, or nothing that the others do not say.
_LEFT_OUT: Final = frozenset({"created_at", "updated_at", "serial", "issuer", "signature_hash"})


@dataclass(frozen=True, slots=True)
class Change:
    """One column before and after; None where there was no row yet."""

    name: str
    old: Plain
    new: Plain

    def __str__(self) -> str:
        return f"{self.name}: {_words(self.old)} → {_words(self.new)}"

    @property
    def first_value(self) -> str:
        """The same where there was no row before."""
        return f"{self.name}: {_words(self.new)}"


def settings_of(row: models.Model) -> dict[str, Plain]:
    """Return what a row says, in plain values fit for the audit log and for a screen."""
    return {
        field.name: _plain(getattr(row, field.name))
        for field in row._meta.concrete_fields  # noqa: SLF001 - Django's public API
        if not isinstance(field, models.AutoField | models.BinaryField)
        and field.name not in _LEFT_OUT
    }


def compare(before: Mapping[str, Plain], after: Mapping[str, Plain]) -> tuple[Change, ...]:
    """List the columns that differ; of a new row (nothing before) those that say something."""
    return tuple(
        Change(name, before.get(name), value)
        for name, value in after.items()
        if (value != before[name] if before else value not in ("", None, []))
    )


def record_change(
    row: models.Model,
    changes: tuple[Change, ...],
    *,
    created: bool,
    actor: str,
    address: str | None = None,
) -> None:
    """Write the audit event of a row that was saved. Call it in the same transaction."""
    names = ", ".join(change.name for change in changes)
    record(
        tag_of(row, changes, created=created),
        Subject.of(row),
        f"{kind_of(row)} {row} created" if created else f"{kind_of(row)} {row} changed: {names}",
        data={change.name: _data(change, created=created) for change in changes},
        actor=actor,
        address=address,
    )


def record_deletion(row: models.Model, *, actor: str, address: str | None = None) -> None:
    """Write the audit event of a row that is about to be deleted, in the same transaction."""
    record(
        _CHANGED[type(row)],
        Subject.of(row),
        f"{kind_of(row)} {row} deleted",
        data={name: {"old": masked(value)} for name, value in settings_of(row).items()},
        actor=actor,
        address=address,
    )


def kind_of(row: models.Model) -> str:
    """Name the kind of a row as people do."""
    return str(row._meta.verbose_name)  # noqa: SLF001 - Django's public API


def tag_of(row: models.Model, changes: tuple[Change, ...], *, created: bool) -> Tag:
    """Return the tag of a change."""
    if created:
        return _CREATED[type(row)]
    changed = {change.name for change in changes}
    if "retires_at" in changed:
        return _RETIRED[type(row)]
    if changed == {"state"}:
        return Tag.CONNECTION_STATE_CHANGED
    return _CHANGED[type(row)]


_CHANGED: Final[dict[type[models.Model], Tag]] = {
    Organization: Tag.ORGANIZATION_SETTINGS_CHANGED,
    Partner: Tag.PARTNER_SETTINGS_CHANGED,
    Connection: Tag.CONNECTION_SETTINGS_CHANGED,
    KeyPair: Tag.KEY_PAIR_CHANGED,
    PartnerCertificate: Tag.CERTIFICATE_PARTNER_CHANGED,
    APIKeyPair: Tag.KEY_API_CHANGED,
    Acknowledgement: Tag.CONNECTION_WARNING_ACKNOWLEDGED,
    Webhook: Tag.WEBHOOK_SETTINGS_CHANGED,
}
_CREATED: Final = _CHANGED | {
    KeyPair: Tag.KEY_PAIR_ADDED,
    APIKeyPair: Tag.KEY_API_ADDED,
    PartnerCertificate: Tag.CERTIFICATE_PARTNER_ADDED,
}
_RETIRED: Final[dict[type[models.Model], Tag]] = {
    KeyPair: Tag.KEY_PAIR_RETIRED,
    PartnerCertificate: Tag.CERTIFICATE_PARTNER_RETIRED,
}


def _data(change: Change, *, created: bool) -> dict[str, Plain]:
    values = {"old": change.old, "new": change.new}
    return {name: masked(value) for name, value in values.items() if name == "new" or not created}


def _plain(value: object) -> Plain:
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, dict):  # the special needs of a connection
        return [f"{name}: {_words(_plain_item(each))}" for name, each in sorted(value.items())]
    if isinstance(value, list):  # the chain of a key pair
        return [hashlib.sha256(base64.b64decode(der)).hexdigest()[:16] for der in value]
    return str(value)


def _plain_item(value: object) -> Plain:
    return [str(each) for each in value] if isinstance(value, list) else _plain(value)


def masked(value: Plain) -> Plain:
    """Take the password out of a URL."""
    return without_password(value) if isinstance(value, str) else value


def _words(value: Plain) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or value == "":
        return "(empty)"
    if isinstance(value, list):
        return ", ".join(value)
    return " ".join(str(masked(value)).splitlines())  # what has lines of its own fits in one here
