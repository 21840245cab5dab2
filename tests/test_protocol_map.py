"""docs/protocol.md is complete: every row is there, and every test that it names exists."""

import pytest

from tests.maps import ROOT, Row, holds_only_tests, missing_modules, missing_tests, rows_of

PROTOCOL = (ROOT / "docs" / "protocol.md").read_text()
ROWS = [row for row in rows_of(PROTOCOL) if "row" in row.cells]
TESTED = [row for row in ROWS if "tests" in row.cells]
UNTESTED = [row for row in ROWS if "tests" not in row.cells]

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


def _name(row: Row) -> str:
    return row["row"]


def test_every_row_is_there_once() -> None:
    due = [
        f"{family}-{number + 1:02}" for family, rows in FAMILIES.items() for number in range(rows)
    ]
    assert sorted(map(_name, ROWS)) == sorted(due)


@pytest.mark.parametrize("row", TESTED, ids=_name)
def test_a_row_names_its_level_module_and_tests(row: Row) -> None:
    assert row["level"] in LEVELS
    assert row["what is asked"]
    assert missing_modules([row["module"]]) == []
    assert holds_only_tests(row["tests"])


def test_every_test_that_is_named_exists() -> None:
    assert missing_tests(PROTOCOL) == []


@pytest.mark.parametrize("row", UNTESTED, ids=_name)
def test_a_row_without_a_test_has_a_reason(row: Row) -> None:
    assert row["level"] in LEVELS
    assert len(row["why"]) > 10
