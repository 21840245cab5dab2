"""Readers: one kind of value each. A reader returns what it read or raises Mistake."""

import datetime as dt
import difflib
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.dateparse import parse_datetime

from partners.applying.reader import Items, Mapping, Mistake, Place, Scalar, Value

Reader = Callable[[Value], object]

#: The truth values of YAML 1.1, which is what people write.
_TRUE: Final = frozenset({"true", "yes", "on"})
_FALSE: Final = frozenset({"false", "no", "off"})


@dataclass(frozen=True, slots=True)
class Key:
    """A key that a mapping may have."""

    name: str
    read: Reader
    required: bool = False


@dataclass(frozen=True, slots=True)
class Settings:
    """The keys of one mapping, read; those with a mistake are left out."""

    place: Place
    values: dict[str, Any]
    places: dict[str, Place]

    def place_of(self, name: str) -> Place:
        """Where a key stands; the mapping itself where it does not."""
        return self.places.get(name, self.place)


def text(value: Value) -> str:
    """Read a text, which is not empty."""
    if not isinstance(value, Scalar):
        raise Mistake(value.place, "a text was expected here")
    if not value.text:
        raise Mistake(value.place, "this is empty")
    return value.text


def optional_text(value: Value) -> str:
    """Read a text that may be empty."""
    return "" if isinstance(value, Scalar) and not value.text else text(value)


def boolean(value: Value) -> bool:
    """Read true or false."""
    word = text(value).lower()
    if word in _TRUE | _FALSE:
        return word in _TRUE
    raise Mistake(value.place, f'"{text(value)}" is neither true nor false')


def integer(value: Value) -> int:
    """Read a whole number."""
    try:
        return int(text(value))
    except ValueError:
        raise Mistake(value.place, f'"{text(value)}" is not a whole number') from None


def moment(value: Value) -> dt.datetime:
    """Read a date, meaning its start, or a date and time; in UTC unless it says otherwise."""
    written = text(value)
    try:
        read = parse_datetime(written)
    except ValueError as error:
        raise Mistake(value.place, f'"{written}" is no date: {error}') from error
    if read is None:
        raise Mistake(
            value.place, f'"{written}" is no date such as 2026-12-31 or 2026-12-31T18:00Z'
        )
    return read if read.tzinfo else read.replace(tzinfo=dt.UTC)


def one_of(choices: Collection[str]) -> Reader:
    """Make a reader of one word out of a few."""
    return partial(_one_of, choices)


def several_of(choices: Collection[str]) -> Reader:
    """Make a reader of a list of words out of a few."""
    return partial(_several_of, choices)


def _one_of(choices: Collection[str], value: Value) -> str:
    word = text(value)
    if word not in choices:
        raise Mistake(value.place, f'"{word}" is not one of {", ".join(choices)}')
    return word


def _several_of(choices: Collection[str], value: Value) -> frozenset[str]:
    words = frozenset(_one_of(choices, item) for item in items(value))
    if not words:
        raise Mistake(value.place, f"at least one of {', '.join(choices)} was expected")
    return words


def items(value: Value) -> tuple[Value, ...]:
    """Read a list, whose items are read later."""
    if not isinstance(value, Items):
        raise Mistake(value.place, "a list was expected here")
    return value.values


def column(field: "models.Field[Any, Any]") -> Reader:
    """Make a reader for a model's field: by its type, its choices and its validators."""
    return partial(_column, field)


def _column(field: "models.Field[Any, Any]", value: Value) -> object:
    if field.null and isinstance(value, Scalar) and not value.text:
        return None
    read = _column_reader(field)(value)
    try:
        field.run_validators(read)
    except ValidationError as error:
        raise Mistake(value.place, " ".join(error.messages)) from error
    return read


def _column_reader(field: "models.Field[Any, Any]") -> Reader:
    if field.choices:
        return one_of([str(value) for value, _label in field.flatchoices])
    if isinstance(field, models.BooleanField):
        return boolean
    if isinstance(field, models.IntegerField):
        return integer
    if isinstance(field, models.DateTimeField):
        return moment
    return optional_text if field.blank else text


def read_settings(value: Value, keys: Sequence[Key], mistakes: list[Mistake]) -> Settings:
    """Read a mapping by its keys: every mistake is noted, what is right comes back."""
    if not isinstance(value, Mapping):
        mistakes.append(Mistake(value.place, "keys and values were expected here"))
        return Settings(value.place, {}, {})
    known = {key.name: key for key in keys}
    settings = Settings(value.place, {}, {name: each.place for name, each in value.values.items()})
    for name, each in value.values.items():
        if name not in known:
            mistakes.append(Mistake(each.place, _unknown(name, known)))
            continue
        try:
            settings.values[name] = known[name].read(each)
        except Mistake as mistake:
            mistakes.append(mistake)
    mistakes += [
        Mistake(value.place, f'the key "{key.name}" is missing')
        for key in keys
        if key.required and key.name not in value.values
    ]
    return settings


def _unknown(name: str, known: Iterable[str]) -> str:
    nearest = difflib.get_close_matches(name, list(known), n=1)
    if nearest:
        return f'unknown key; did you mean "{nearest[0]}"?'
    return f"unknown key; known are {', '.join(known)}"
