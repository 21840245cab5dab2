"""Links between documents lead somewhere."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("docs", "tests", "bench", "deploy", "scripts")
DOCUMENTS = [
    *sorted(ROOT.glob("*.md")),
    *sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.md")),
]

_CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)")
_ELSEWHERE = re.compile(r"[a-z]+:")
_HEADING = re.compile(r"^#+ +(.*)$", re.MULTILINE)


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
