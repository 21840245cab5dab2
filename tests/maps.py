"""Documents that map what is asked for to the tests that show it: reading their tables."""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

#: `file::function`, the file below tests/
TEST = re.compile(r"`([\w/]+\.py)::(\w+)`")
_HEADING = re.compile(r"#+ +(.*)")
_RULE = re.compile(r"[|:\- ]+")


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table: the heading above it, and its cells by the title of their column."""

    heading: str
    cells: Mapping[str, str]

    def __getitem__(self, title: str) -> str:
        return self.cells[title]


def rows_of(text: str) -> Iterator[Row]:
    """Read every table of a document."""
    heading, titles = "", list[str]()
    for line in text.splitlines():
        if match := _HEADING.fullmatch(line):
            heading = match[1]
        if not line.startswith("|"):
            titles = []
        elif not titles:
            titles = cells_of(line)
        elif not _RULE.fullmatch(line):
            yield Row(heading, dict(zip(titles, cells_of(line), strict=True)))


def cells_of(line: str) -> list[str]:
    """Split a line of a table."""
    return [cell.strip() for cell in line.strip().removeprefix("|").removesuffix("|").split("|")]


def missing_tests(text: str) -> list[str]:
    """Return the tests that a text names and that do not exist."""
    named = set(TEST.findall(text))
    assert named, "no test is named at all"
    return sorted(f"{file}::{test}" for file, test in named if test not in functions_of(file))


def holds_only_tests(cell: str) -> bool:
    """Whether a cell names tests and nothing else."""
    return bool(TEST.search(cell)) and not TEST.sub("", cell).replace("<br>", "")


def missing_modules(cells: Iterable[str]) -> list[str]:
    """Return what cells name as modules (without ``.py``), packages or files and is none."""
    names = {name.strip("`") for cell in cells for name in cell.split("<br>")}
    return sorted(name for name in names if not _is_there(ROOT / name))


def _is_there(path: Path) -> bool:
    return path.is_file() or path.with_name(f"{path.name}.py").is_file() or path.is_dir()


@cache
def functions_of(file: str) -> frozenset[str]:
    """Return the names of all functions in a file below tests/, which may not exist."""
    path = ROOT / "tests" / file
    if not path.is_file():
        return frozenset()
    nodes = ast.walk(ast.parse(path.read_text()))
    return frozenset(node.name for node in nodes if isinstance(node, ast.FunctionDef))
