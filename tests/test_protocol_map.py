"""docs/protocol.md is complete: every row is there, and every test that it names exists."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PROTOCOL = (ROOT / "docs" / "protocol.md").read_text()

#: how many rows each family has
FAMILIES = {
    "HTTP": 34,
    "SND": 14,
    "HDR": 29,
    "MIME": 27,
    "MIC": 16,
    "CMS": 36,
    "MDN": 24,
    "MDR": 19,
    "REL": 11,
    "RST": 7,
    "MA": 4,
    "FN": 5,
    "CEM": 5,
    "SEC": 15,
}
LEVELS = {"MUST", "MUST NOT", "SHOULD", "MAY", "REC", "POL"}

_TEST = re.compile(r"`([\w/]+\.py)::(\w+)`")
_ROW = re.compile(r"\| ([A-Z]+-\d\d) \|")


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


ROWS = {_cells(line)[0]: _cells(line) for line in PROTOCOL.splitlines() if _ROW.match(line)}
TESTED = {name: cells for name, cells in ROWS.items() if len(cells) == 5}
UNTESTED = {name: cells for name, cells in ROWS.items() if len(cells) != 5}


@cache
def _tests_in(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text())
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


def test_every_row_is_there_once() -> None:
    found = _ROW.findall(PROTOCOL)
    due = [
        f"{family}-{number + 1:02}" for family, rows in FAMILIES.items() for number in range(rows)
    ]
    assert sorted(found) == sorted(due)


@pytest.mark.parametrize("name", TESTED)
def test_a_row_names_its_level_module_and_tests(name: str) -> None:
    _, level, words, module, tests = TESTED[name]
    assert level in LEVELS
    assert words
    path = ROOT / module.strip("`")
    assert path.with_suffix(".py").is_file() or (path / "__init__.py").is_file(), module
    assert _TEST.findall(tests)
    assert _TEST.sub("", tests).replace("<br>", "") == ""


def test_every_test_that_is_named_exists() -> None:
    named = {(file, test) for file, test in _TEST.findall(PROTOCOL)}
    assert named
    missing = [
        f"{file}::{test}"
        for file, test in sorted(named)
        if not (ROOT / "tests" / file).is_file() or test not in _tests_in(ROOT / "tests" / file)
    ]
    assert missing == []


@pytest.mark.parametrize("name", UNTESTED)
def test_a_row_without_a_test_has_a_reason(name: str) -> None:
    _, level, reason = UNTESTED[name]
    assert level in LEVELS
    assert len(reason) > 10
