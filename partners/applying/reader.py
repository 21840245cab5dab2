"""YAML with places: every value knows its line and its path, so that a mistake can be pointed at.

Scalars stay as they are written. YAML would read the AS2 id ``0123`` as an octal number and ``1e3``
as a thousand; what a text means is decided by the key it stands under.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

#: Deeper than any file of ours; stops an alias that contains itself.
DEPTH: Final = 12

_NULL: Final = "tag:yaml.org,2002:null"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands: the line, counted from 1, and the way to it from the top."""

    line: int
    path: str = ""

    def key(self, name: str, line: int) -> "Place":
        """The place of a key of the mapping that stands here."""
        return Place(line, f"{self.path}.{name}" if self.path else name)

    def item(self, number: int, line: int) -> "Place":
        """The place of an item of the list that stands here."""
        return Place(line, f"{self.path}[{number}]")


class Mistake(Exception):
    """One thing that is wrong in a file: a line for the person who wrote it."""

    def __init__(self, place: Place, text: str) -> None:
        where = f"{place.line}: {place.path}" if place.path else f"{place.line}"
        super().__init__(f"{where}: {' '.join(text.split())}")
        self.place = place


@dataclass(frozen=True, slots=True)
class Scalar:
    """A text, number or truth value, as written; None if there is none."""

    place: Place
    text: str | None


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    place: Place
    values: "tuple[Value, ...]"


@dataclass(frozen=True, slots=True)
class Mapping:
    """Keys and values, in the order of the file."""

    place: Place
    values: "dict[str, Value]"


Value = Scalar | Items | Mapping


def read_yaml(path: Path, mistakes: list[Mistake]) -> Value | None:
    """Read a file; what cannot be read at all is a mistake too, and None comes back."""
    top = Place(1)
    try:
        node = yaml.compose(path.read_text("utf-8"), yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        mistakes.append(Mistake(Place(line), f"this is not YAML: {error.problem}"))
        return None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        mistakes.append(Mistake(top, f"the file cannot be read: {error}"))
        return None
    if node is None:
        mistakes.append(Mistake(top, "the file is empty"))
        return None
    return _Converter(mistakes).value(node, top, DEPTH)


class _Converter:
    """Turns YAML's nodes into values with places."""

    def __init__(self, mistakes: list[Mistake]) -> None:
        self._mistakes = mistakes

    def value(self, node: yaml.Node, place: Place, depth: int) -> Value:
        if depth == 0:
            self._mistakes.append(Mistake(place, "nested too deeply"))
            return Scalar(place, None)
        if isinstance(node, yaml.MappingNode):
            return Mapping(place, dict(self._pairs(node, place, depth)))
        if isinstance(node, yaml.SequenceNode):
            return Items(
                place,
                tuple(
                    self.value(item, place.item(number, _line(item)), depth - 1)
                    for number, item in enumerate(node.value)
                ),
            )
        return Scalar(place, None if node.tag == _NULL else str(node.value))

    def _pairs(
        self, node: yaml.MappingNode, place: Place, depth: int
    ) -> Iterator[tuple[str, Value]]:
        seen: set[str] = set()
        for key, item in node.value:
            name = str(key.value) if isinstance(key, yaml.ScalarNode) else "?"
            here = place.key(name, _line(key))
            if name in seen:
                self._mistakes.append(Mistake(here, "this key stands here twice"))
            seen.add(name)
            yield name, self.value(item, here, depth - 1)


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
