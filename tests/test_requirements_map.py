"""docs/requirements.md is complete and true: every row, every rule, and tests that exist."""

import pytest

from as2gateway.compliance.catalogue import built_in
from as2gateway.compliance.profile import Rule
from as2gateway.compliance.rules import CHECKS, DEADLINE
from as2gateway.tls.suites import BY_IANA
from tests.maps import ROOT, Row, holds_only_tests, missing_modules, missing_tests, rows_of

TEXT = (ROOT / "docs" / "requirements.md").read_text()
ROWS = [row for row in rows_of(TEXT) if "tests" in row.cells]
NOTHING = "-"

#: how many rows each family has
FAMILIES = {"REQ": 58, "TST": 9, "JRN": 10}
RULES = [(profile.name, rule) for profile in built_in().profiles for rule in profile.rules]
#: rules that name suites, and by which lists the document calls them
LISTS = {
    ("google-otpc-tls", "tls.cipher.any_of"): "Google",
    ("multisafepay-tls", "tls.cipher.any_of"): "MultiSafepay 1.2",
    ("multisafepay-tls", "tls13.cipher.in"): "MultiSafepay 1.3",
}


def _name(row: Row) -> str:
    return f"{row.heading.strip('`')} {row['row'].strip('`')}"


def _of_profiles() -> dict[tuple[str, str], Row]:
    profiles = {name for name, _rule in RULES}
    return {
        (row.heading.strip("`"), row["row"].strip("`")): row
        for row in ROWS
        if row.heading.strip("`") in profiles
    }


def _asked(rule: Rule) -> str:
    return "; ".join(f"{tier.severity}: {tier.wanted}" for tier in rule.tiers)


def _module(rule: Rule) -> str:
    if rule.id == DEADLINE:
        return "`as2gateway/compliance/evaluator`"
    return f"`{CHECKS[rule.id].function.__module__.replace('.', '/')}`"


def test_every_requirement_test_and_journey_is_there_once() -> None:
    found = [row["row"] for row in ROWS if row["row"].partition("-")[0] in FAMILIES]
    due = [f"{name}-{number + 1:02}" for name, rows in FAMILIES.items() for number in range(rows)]
    assert sorted(found) == sorted(due)


def test_every_rule_of_every_profile_is_there_once() -> None:
    profiles = {name for name, _rule in RULES}
    found = [_name(row) for row in ROWS if row.heading.strip("`") in profiles]
    assert sorted(found) == sorted(f"{name} {rule.id}" for name, rule in RULES)


@pytest.mark.parametrize(("name", "rule"), RULES)
def test_a_rule_is_described_as_its_profile_has_it(name: str, rule: Rule) -> None:
    row = _of_profiles()[name, rule.id]
    assert (row["what is asked"], row["built in"]) == (_asked(rule), _module(rule))


def test_every_suite_of_a_list_is_there_under_its_names() -> None:
    due = {
        (f"0x{BY_IANA[suite].code:04X}", suite, BY_IANA[suite].openssl, LISTS[name, rule.id])
        for name, rule in RULES
        if (name, rule.id) in LISTS
        for suite in rule.tiers[0].parameters.names("suites")
    }
    found = {
        (row["row"], row["IANA name"], row["OpenSSL name"], each)
        for row in ROWS
        if "lists" in row.cells
        for each in row["lists"].split(", ")
    }
    assert found == due


@pytest.mark.parametrize("row", ROWS, ids=_name)
def test_a_row_has_tests_or_a_reason_why_not(row: Row) -> None:
    tests, note = row["tests"], row["note"]
    if tests == NOTHING:
        assert note.startswith(("Not built: ", "Nothing to build: "))
        assert len(note) > 30
    else:
        assert holds_only_tests(tests)
        assert not note.startswith("Not built")


def test_every_test_that_is_named_exists() -> None:
    assert missing_tests(TEXT) == []


def test_every_module_that_is_named_exists() -> None:
    cells = [row["built in"] for row in ROWS if row.cells.get("built in", NOTHING) != NOTHING]
    assert missing_modules(cells) == []
