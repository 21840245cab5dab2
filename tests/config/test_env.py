"""Every variable is read where it is declared, and documented where people look."""

import re
from pathlib import Path

import pytest

from config.env import ROOT, SCHEME, secret


def _read() -> set[str]:
    source = "".join(path.read_text() for path in (ROOT / "config").rglob("*.py"))
    return set(re.findall(r'\b(?:env|secret)\("([A-Z0-9_]+)"\)', source))


def test_every_declared_variable_is_read_and_every_read_one_declared() -> None:
    assert _read() == set(SCHEME)


def test_the_example_lists_every_variable_and_no_other() -> None:
    text = (ROOT / ".env.example").read_text()
    assert set(re.findall(r"^#([A-Z0-9_]+)=", text, re.MULTILINE)) == set(SCHEME)


def test_the_documentation_explains_every_variable_and_no_other() -> None:
    text = (ROOT / "docs" / "configuration.md").read_text()
    assert set(re.findall(r"^\| `([A-Z0-9_]+)` \|", text, re.MULTILINE)) == set(SCHEME)


def test_a_secret_may_begin_with_a_dollar_sign(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "$HOME")
    assert secret("SECRET_KEY") == "$HOME"


def test_a_secret_comes_from_a_file_without_its_last_newline(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "ring").write_text("from a file\n")
    monkeypatch.setenv("AS2_KEY_RING_FILE", str(tmp_path / "ring"))
    monkeypatch.setenv("AS2_KEY_RING", "from the environment")
    assert secret("AS2_KEY_RING") == "from a file"
