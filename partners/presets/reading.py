"""Reading presets: TOML files into frozen values."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final

from as2gateway.quirks import QuirkError, from_plain

Plain = str | int | bool | list[str]

_KEYS: Final = {"name", "title", "version", "about", "sources", "values", "notes"}


class PresetError(Exception):
    """A preset that cannot be read; the text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Source:
    """Who says so."""

    title: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class Value:
    """A column of a connection, what it is to be, and why."""

    field: str
    value: Plain
    why: str
    source: Source

    @property
    def quirk(self) -> str:
        """Name of the special need that it sets (``quirks.chunked``); empty for a column."""
        before, dot, name = self.field.partition(".")
        return name if dot and before == "quirks" else ""


@dataclass(frozen=True, slots=True)
class Note:
    """What is good to know, and no setting."""

    text: str
    source: Source


@dataclass(frozen=True, slots=True)
class Preset:
    """Settings that suit one partner or product."""

    name: str
    title: str
    version: str
    about: str
    values: tuple[Value, ...]
    notes: tuple[Note, ...] = ()

    @property
    def settings(self) -> dict[str, Plain]:
        """The values by column, special needs left out."""
        return {each.field: each.value for each in self.values if not each.quirk}

    @property
    def quirks(self) -> dict[str, Plain]:
        """Special needs of the partner's software, by name."""
        return {each.quirk: each.value for each in self.values if each.quirk}

    @property
    def label(self) -> str:
        """Name and version, as records tell it."""
        return f"{self.name} {self.version}"


def parse(text: str) -> Preset:
    """Read one file. Raises PresetError."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PresetError(f"no TOML: {error}") from error
    unknown = set(data) - _KEYS
    if unknown:
        raise PresetError(f"unknown: {', '.join(sorted(unknown))}")
    try:
        return _preset(data)
    except KeyError as error:
        raise PresetError(f"missing or not among the sources: {error}") from error
    except QuirkError as error:
        raise PresetError(str(error)) from error
    except TypeError as error:
        raise PresetError(f"not as a preset is written: {error}") from error


def _preset(data: Mapping[str, Any]) -> Preset:
    sources = {name: Source(**given) for name, given in data.get("sources", {}).items()}
    values = tuple(
        Value(each["field"], each["value"], each["why"], sources[each["source"]])
        for each in data.get("values", [])
    )
    fields = [each.field for each in values]
    twice = {field for field in fields if fields.count(field) > 1}
    if twice:
        raise PresetError(f"given twice: {', '.join(sorted(twice))}")
    preset = Preset(
        name=data["name"],
        title=data["title"],
        version=data["version"],
        about=data["about"],
        values=values,
        notes=tuple(Note(each["text"], sources[each["source"]]) for each in data.get("notes", [])),
    )
    from_plain(preset.quirks)
    return preset


@cache
def known_presets() -> Mapping[str, Preset]:
    """Return the presets that come with the gateway, by name, in the order of their titles."""
    folder = resources.files("partners.presets")
    texts = [file.read_text("utf-8") for file in folder.iterdir() if file.name.endswith(".toml")]
    found = sorted((parse(text) for text in texts), key=lambda each: each.title.lower())
    return {each.name: each for each in found}


def preset(name: str) -> Preset | None:
    """Return the preset of that name, if there is one."""
    return known_presets().get(name)
