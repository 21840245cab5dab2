"""Every row of the interoperability matrix is run, or docs/protocol.md says why it is not."""

import csv
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib import import_module
from types import ModuleType

import pytest

from tests import functional
from tests.gateway import matrix as core
from tests.gateway import test_algorithms, test_filename, test_mdn_reading, test_request
from tests.gateway.matrix.rows import MATRIX, RECEIPTS, ROWS, Row, run
from tests.gateway.matrix.runs import LAYERS
from tests.maps import ROOT, TEST, functions_of, rows_of
from tests.maps import Row as Line
from tests.messages import matrix as application

HEADING = "The interoperability matrix"
LINES = [
    line for line in rows_of((ROOT / "docs" / "protocol.md").read_text()) if line.heading == HEADING
]
#: groups with what runs them, and rows that are not run with the reason
RUN = [line for line in LINES if "run by" in line.cells]
NOT_RUN = [line for line in LINES if "why" in line.cells]


def _group(line: Line) -> str:
    return line["group"]


def numbers(line: Line) -> set[int]:
    """The rows that a line is about: ``1-100, 180``."""
    found: set[int] = set()
    for part in line["runs"].split(","):
        first, _, last = part.strip().partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    return found


def _modules() -> Iterator[ModuleType]:
    for package in (core, application, functional):
        for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            if ".test_" in found.name:
                yield import_module(found.name)


@cache
def rows_by_file() -> Mapping[str, frozenset[int]]:
    """The rows that the tests of each file below tests/ are run for, as pytest sees it."""
    found: dict[str, set[int]] = {}
    for module in _modules():
        name = f"{module.__name__.removeprefix('tests.').replace('.', '/')}.py"
        for member, function in vars(module).items():
            if member.startswith("test_"):
                found.setdefault(name, set()).update(_rows_of(function))
    return {name: frozenset(rows) for name, rows in found.items() if rows}


def _rows_of(function: object) -> Iterator[int]:
    for mark in getattr(function, "pytestmark", ()):
        if mark.name == "parametrize" and mark.args[0] == "row":
            yield from (row.number for row in mark.args[1] if isinstance(row, Row))


def run_by_tests() -> set[int]:
    return set().union(*rows_by_file().values())


def pointed_at() -> set[int]:
    """Rows of lines that name tests which are not the matrix's own."""
    return set().union(*(numbers(line) for line in RUN if TEST.search(line["run by"])))


def test_the_matrix_has_its_366_rows() -> None:
    assert [row.number for row in ROWS] == list(range(1, 367))
    with MATRIX.open(newline="", encoding="ascii") as file:
        assert next(csv.reader(file)) == [
            "no", "group", "direction", "packaging", "receipt", "variant",
        ]  # fmt: skip
    assert {row.packaging for row in ROWS} == {*LAYERS}
    assert {row.receipt for row in ROWS} == {*RECEIPTS, "R2/R4"}
    assert len({str(row) for row in ROWS}) == len(ROWS)


def test_no_row_is_without_a_test_or_a_reason() -> None:
    reasons = set().union(*map(numbers, NOT_RUN))
    assert {row.number for row in ROWS} == run_by_tests() | pointed_at() | reasons


def test_no_row_with_a_test_has_a_reason() -> None:
    for line in NOT_RUN:
        assert numbers(line) & (run_by_tests() | pointed_at()) == set()
        assert len(line["why"]) > 20


@pytest.mark.parametrize("line", RUN, ids=_group)
def test_a_group_is_run_by_the_files_that_the_document_names(line: Line) -> None:
    rows = numbers(line)
    assert {row.group for row in ROWS if row.number in rows} == {line["group"].split()[0]}
    if TEST.search(line["run by"]):
        named = TEST.findall(line["run by"])
        assert [f"{file}::{name}" for file, name in named if name not in functions_of(file)] == []
        return
    named_files = set(line["run by"].replace("`", "").split("<br>"))
    assert named_files == {name for name, taken in rows_by_file().items() if taken & rows}
    assert rows <= set().union(*(rows_by_file()[name] for name in named_files))


def test_every_line_is_about_rows_of_its_own() -> None:
    counted = [number for line in LINES for number in numbers(line)]
    assert sorted(counted) == [row.number for row in ROWS]


#: tables beside the matrix: the test, and how many strings it is to read (MIC-07 in three places)
TABLES = {
    test_algorithms.test_each_spelling_is_known_in_a_micalg: 14,
    test_algorithms.test_each_spelling_is_known_in_a_mic: 14,
    test_algorithms.test_each_spelling_is_known_in_the_mdn_options: 14,
    test_request.test_options_are_read_in_every_spelling: 20,
    test_mdn_reading.test_fields_are_read_as_products_write_them: 30,
    test_filename.test_file_names_are_read_in_every_encoding: 25,
}


@pytest.mark.parametrize(
    ("test", "due"), TABLES.items(), ids=lambda each: getattr(each, "__name__", each)
)
def test_a_table_of_strings_is_whole(test: Callable[..., None], due: int) -> None:
    (mark,) = test.pytestmark  # type: ignore[attr-defined]  # where pytest keeps a function's marks
    strings = [repr(values) for values in mark.args[1]]
    assert len({*strings}) == len(strings) >= due


@pytest.mark.parametrize(("group", "only"), [("G99", None), ("G4", {"ROT13"})])
def test_rows_that_are_not_there_are_a_mistake(group: str, only: set[str] | None) -> None:
    with pytest.raises(ValueError, match="no rows"):
        run(group, only=only)
