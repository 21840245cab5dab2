"""Documents lead somewhere, and leave out no command, no check and no setting."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from as2gateway.quirks import NAMES, why
from partners.models import Connection
from tests.maps import ROOT, functions_of

APPS = ("audit", "config", "messages", "partners")
FOLDERS = ("docs", "tests", "bench", "deploy", "scripts")
DOCUMENTS = [
    *sorted(ROOT.glob("*.md")),
    *sorted(
        path
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*.md")
        # Libraries of other products come with documents of their own.
        if ".deps" not in path.parts
    ),
]

_CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)")
_ELSEWHERE = re.compile(r"[a-z]+:")
_HEADING = re.compile(r"^#+ +(.*)$", re.MULTILINE)
#: a test by its file and name, the end of which may be left out
_TEST = re.compile(r"`([\w/]+\.py)::(\w+?)(_…)?`")
_CHECK = re.compile(r'\bid="(\w+\.[EW]\d{3})"')


def _targets(path: Path) -> Iterator[tuple[str, str]]:
    """Give the links within the project: file and anchor, either of which may be empty."""
    for match in _LINK.finditer(_CODE.sub("", path.read_text())):
        if not _ELSEWHERE.match(match["target"]):
            file, _, anchor = match["target"].partition("#")
            yield file, anchor


def _anchors(path: Path) -> set[str]:
    """Return the anchors of headings, made as GitHub makes them."""
    kept = (re.sub(r"[^\w\- ]", "", title.lower()) for title in _HEADING.findall(path.read_text()))
    return {title.replace(" ", "-") for title in kept}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(path: Path) -> None:
    lost = [
        f"{file}#{anchor}"
        for file, anchor in _targets(path)
        if not (target := (path.parent / file if file else path)).exists()
        or (anchor and anchor not in _anchors(target))
    ]
    assert lost == []


def test_documents_do_link_to_each_other() -> None:
    assert any(file for path in DOCUMENTS for file, _anchor in _targets(path))


def test_every_test_that_reliability_names_exists() -> None:
    named = _TEST.findall((ROOT / "docs" / "reliability.md").read_text())
    assert named
    lost = [
        f"{file}::{name}"
        for file, name, cut in named
        if not any(test.startswith(name) if cut else test == name for test in functions_of(file))
    ]
    assert lost == []


def _for_operators() -> str:
    return "\n".join(path.read_text() for path in DOCUMENTS)


def test_every_command_is_explained() -> None:
    commands = [
        path.stem
        for app in APPS
        for path in (ROOT / app / "management" / "commands").glob("[!_]*.py")
    ]
    text = _for_operators()
    assert commands
    lost = [name for name in commands if not re.search(rf"(?:manage\.py |`){name}\b", text)]
    assert sorted(lost) == []


def test_every_check_is_explained() -> None:
    sources = [(ROOT / app / "checks.py") for app in APPS if (ROOT / app / "checks.py").is_file()]
    made = {check for path in sources for check in _CHECK.findall(path.read_text())}
    explained = re.findall(r"^\| `(\w+\.[EW]\d{3})` \|", _for_operators(), re.MULTILINE)
    assert sorted(explained) == sorted(made)


@pytest.mark.parametrize("name", NAMES)
def test_every_special_need_is_explained_as_on_the_page(name: str) -> None:
    rows = (ROOT / "docs" / "special-needs.md").read_text().splitlines()
    (row,) = [row for row in rows if row.startswith(f"| `{name}` |")]
    assert row.endswith(f"| {why(name)} |")


def test_every_setting_of_a_connection_has_a_key_that_is_named() -> None:
    text = (ROOT / "docs" / "operations.md").read_text()
    named = set(re.findall(r"`(\w+)`|^\W+(\w+): ", text, re.MULTILINE))
    words = {word for pair in named for word in pair}
    settings = [
        field.name
        for field in Connection._meta.concrete_fields
        if field.editable and not field.primary_key and field.name != "partner"  # it stands above
    ]
    assert [name for name in settings if name not in words] == []
