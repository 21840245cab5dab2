"""Schema: which keys a file of settings may have, and what they say, as values.

A key that sets a column has the column's name; its type, choices and limits are the column's.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from django.conf import settings as installation
from django.db import models

from as2gateway.certificates import Certificate
from as2gateway.engines import get_engine
from as2gateway.quirks import CHOICES, NAMES, QuirkError, from_plain, to_plain
from as2gateway.tls.trust import parse_pins
from partners import webhook_secrets
from partners.applying.materials import Files
from partners.applying.reader import Items, Mapping, Mistake, Value
from partners.applying.readers import (
    Key,
    Reader,
    Settings,
    boolean,
    column,
    items,
    one_of,
    optional_text,
    read_settings,
    several_of,
    text,
)
from partners.compliance.profiles import catalogue
from partners.event_types import read_patterns
from partners.importing import KeyMaterial
from partners.models import (
    Connection,
    KeyPair,
    Organization,
    Partner,
    PartnerCertificate,
    Webhook,
)
from partners.presets import known_presets

#: word in the file: column of the row
PURPOSES: Final = {"sign": "signs", "decrypt": "decrypts"}
#: a key pair by which partners' servers know us; it needs to do nothing else
TLS_CLIENT: Final = "tls-client"
ROLES: Final = {"verify": "verifies", "encrypt": "encrypts", "tls": "tls"}


@dataclass(frozen=True, slots=True)
class WantedKeyPair:
    """A key pair of ours."""

    settings: Settings
    material: KeyMaterial


@dataclass(frozen=True, slots=True)
class WantedOrganization:
    """An organization with its key pairs."""

    settings: Settings
    keys: tuple[WantedKeyPair, ...]


@dataclass(frozen=True, slots=True)
class WantedCertificate:
    """A certificate of a partner's."""

    settings: Settings
    certificate: Certificate


@dataclass(frozen=True, slots=True)
class WantedConnection:
    """A connection with its certificates."""

    settings: Settings
    certificates: tuple[WantedCertificate, ...]
    #: for its URL; None where the file says nothing of it
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class WantedPartner:
    """A partner with its connections."""

    settings: Settings
    connections: tuple[WantedConnection, ...]


@dataclass(frozen=True, slots=True)
class WantedWebhook:
    """Another system that is told of events."""

    settings: Settings
    #: None where the file says nothing of it
    secret: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Wanted:
    """All that a file asks for."""

    organizations: tuple[WantedOrganization, ...]
    partners: tuple[WantedPartner, ...]
    webhooks: tuple[WantedWebhook, ...]


def _columns(model: type[models.Model], leave_out: Sequence[str] = ()) -> list[Key]:
    """Make a key of each column that people set."""
    return [
        Key(each.name, column(each), required=not (each.blank or each.has_default()))
        for each in model._meta.concrete_fields  # noqa: SLF001 - Django's public API
        if each.editable
        and not isinstance(each, models.AutoField | models.ForeignKey)
        and each.name not in leave_out
    ]


def _engine(value: Value) -> str:
    name = optional_text(value)
    try:
        get_engine(name or installation.AS2_ENGINE)
    except ValueError as error:
        raise Mistake(value.place, str(error)) from error
    return name


def _profile(value: Value) -> object:
    """Read the name of a compliance profile; empty is none."""
    return one_of(catalogue().names)(value) if optional_text(value) else ""


def _preset_name(value: Value) -> object:
    """Read the name of a preset, whose values stand where the file gives none."""
    return one_of(tuple(known_presets()))(value)


def _hosts(value: Value) -> str:
    """Read a list of hosts, or a text with commas as the column has it."""
    if isinstance(value, Items):
        return ",".join(text(item) for item in value.values)
    return optional_text(value)


def _lines(check: Callable[[str], object]) -> Reader:
    """Make a reader of a list, or of a text with lines as the column has it."""
    return partial(_read_lines, check)


def _read_lines(check: Callable[[str], object], value: Value) -> str:
    if isinstance(value, Items):
        lines = "\n".join(text(item) for item in value.values)
    else:
        lines = optional_text(value)
    try:
        check(lines)
    except ValueError as error:
        raise Mistake(value.place, str(error)) from error
    return lines


def _quirks(value: Value) -> dict[str, Any]:
    """Read special needs by name; those that are off are kept, to win over a preset."""
    if not isinstance(value, Mapping):
        raise Mistake(value.place, "names and values were expected here")
    found = {}
    for name, each in value.values.items():
        found[name] = _quirk(name, each)
        try:
            from_plain({name: found[name]})
        except QuirkError as error:
            raise Mistake(each.place, str(error)) from error
    return found


def _quirk(name: str, value: Value) -> object:
    if isinstance(value, Items):
        return [text(item) for item in value.values]
    return optional_text(value) if name in CHOICES or name not in NAMES else boolean(value)


_PASSWORD: Final = ("password", "password_env", "password_file")
#: the same for a webhook's secret
SECRET: Final = ("secret", "secret_env", "secret_file")
#: keys that together bring a private key and its certificate
_FILES: Final = (
    "private_key",
    "certificate",
    "pkcs12",
    *_PASSWORD,
)
_TOP = [Key("organizations", items), Key("partners", items), Key("webhooks", items)]
_ORGANIZATION = [*_columns(Organization), Key("keys", items)]
_KEY_PAIR = [
    *_columns(KeyPair, leave_out=[*PURPOSES.values(), "chain"]),
    Key("purposes", several_of([*PURPOSES, TLS_CLIENT])),
    *(Key(name, text) for name in _FILES),
]
_PARTNER = [*_columns(Partner), Key("connections", items)]
_CONNECTION = [
    Key("organization", text, required=True),
    *_columns(Connection, leave_out=["engine", "mdn_hosts", "profile", "tls_pins", "quirks"]),
    *(Key(name, optional_text) for name in _PASSWORD),
    Key("quirks", _quirks),
    Key("engine", _engine),
    Key("profile", _profile),
    Key("preset", _preset_name),
    Key("mdn_hosts", _hosts),
    Key("tls_pins", _lines(parse_pins)),
    Key("tls_client_key", optional_text),
    Key("certificates", items),
]
_CERTIFICATE = [
    Key("file", text, required=True),
    *_columns(PartnerCertificate, leave_out=list(ROLES.values())),
    Key("roles", several_of(ROLES)),
]
_WEBHOOK = [
    *_columns(Webhook, leave_out=["events"]),
    Key("events", _lines(read_patterns)),
    Key("partner", optional_text),
    *(Key(name, text) for name in SECRET),
]


class SchemaReader:
    """Reads a whole file; every mistake is noted, and what has none comes back."""

    def __init__(self, files: Files, mistakes: list[Mistake]) -> None:
        self._files = files
        self._mistakes = mistakes

    def read(self, top: Value) -> Wanted:
        """Read the top of the file."""
        settings = self._settings(top, _TOP)
        return Wanted(
            tuple(self._organization(item) for item in _list(settings, "organizations")),
            tuple(self._partner(item) for item in _list(settings, "partners")),
            tuple(self._webhook(item) for item in _list(settings, "webhooks")),
        )

    def _settings(self, value: Value, keys: Sequence[Key]) -> Settings:
        return read_settings(value, keys, self._mistakes)

    def _organization(self, value: Value) -> WantedOrganization:
        settings = self._settings(value, _ORGANIZATION)
        pairs = (self._key_pair(item) for item in _list(settings, "keys"))
        return WantedOrganization(settings, tuple(pair for pair in pairs if pair))

    def _key_pair(self, value: Value) -> WantedKeyPair | None:
        settings = self._settings(value, _KEY_PAIR)
        if any(name in settings.places and name not in settings.values for name in _FILES):
            return None  # the mistake is noted
        try:
            material = self._files.key_material(settings)
        except Mistake as mistake:
            self._mistakes.append(mistake)
            return None
        _spread(settings, "purposes", PURPOSES)
        return WantedKeyPair(settings, material)

    def _partner(self, value: Value) -> WantedPartner:
        settings = self._settings(value, _PARTNER)
        connections = _list(settings, "connections")
        return WantedPartner(settings, tuple(self._connection(item) for item in connections))

    def _connection(self, value: Value) -> WantedConnection:
        settings = self._settings(value, _CONNECTION)
        password = None
        try:
            password = self._files.secret(settings, "password")
            _fill(settings)
        except Mistake as mistake:
            self._mistakes.append(mistake)
        rows = (self._certificate(item) for item in _list(settings, "certificates"))
        return WantedConnection(settings, tuple(row for row in rows if row), password)

    def _certificate(self, value: Value) -> WantedCertificate | None:
        settings = self._settings(value, _CERTIFICATE)
        if "file" not in settings.values:
            return None
        try:
            certificate = self._files.certificate(settings)
        except Mistake as mistake:
            self._mistakes.append(mistake)
            return None
        _spread(settings, "roles", ROLES)
        return WantedCertificate(settings, certificate)

    def _webhook(self, value: Value) -> WantedWebhook:
        settings = self._settings(value, _WEBHOOK)
        given = [name for name in SECRET if name in settings.places]
        place = settings.place_of(given[0] if given else "secret")
        try:
            secret = self._files.secret(settings, "secret")
            return WantedWebhook(settings, None if secret is None else webhook_secrets.read(secret))
        except Mistake as mistake:
            self._mistakes.append(mistake)
        except ValueError as error:
            self._mistakes.append(Mistake(place, str(error)))
        return WantedWebhook(settings)


def _list(settings: Settings, name: str) -> tuple[Value, ...]:
    """Take a list out of the settings: what is left there are columns."""
    values: tuple[Value, ...] = settings.values.pop(name, ())
    return values


def _fill(settings: Settings) -> None:
    """Put a preset's values where the file has none; they stand where the preset is named.

    Raises Mistake for special needs that exclude each other.
    """
    name = settings.values.pop("preset", "")
    preset = known_presets()[name] if name else None
    for column_name, value in preset.settings.items() if preset else ():
        if column_name not in settings.places:
            settings.values[column_name] = value
            settings.places[column_name] = settings.place_of("preset")
    if (preset and preset.quirks) or "quirks" in settings.values:
        needs = (preset.quirks if preset else {}) | settings.values.get("quirks", {})
        settings.values["quirks"] = _together(needs, settings)


def _together(needs: dict[str, Any], settings: Settings) -> dict[str, Any]:
    try:
        return to_plain(from_plain(needs))
    except QuirkError as error:
        place = settings.place_of("quirks" if "quirks" in settings.places else "preset")
        raise Mistake(place, str(error)) from error


def _spread(settings: Settings, name: str, columns: dict[str, str]) -> None:
    """Turn a list of words into the columns that say them."""
    words: frozenset[Any] | None = settings.values.pop(name, None)
    if words is not None:
        settings.values.update({column: word in words for word, column in columns.items()})
