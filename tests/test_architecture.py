"""The shape of the code: sizes, packages, the direction of imports, no machine's own paths."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("as2gateway", "audit", "partners", "messages", "config", "bench")
TREES = (*PACKAGES, "tests", "scripts")

#: Programs of their own that are run, never imported, with the libraries of other products.
PEERS = ROOT / "tests" / "interop" / "peers"

# CONTRIBUTING.md, rules that tools hold.
MAX_MODULE_LINES = 400
MAX_FUNCTION_LINES = 39

#: Where a home, a checkout or a workplace would show; a container's own paths are no machine's.
MACHINE_PATH = re.compile(r"(?<![\w.$}/~-])/(?:home|root|Users|work|opt)/[\w.-]+")


def _modules() -> Iterator[Path]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if "migrations" not in path.parts:
                yield path


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _functions(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{_name(path)}:{node.name}", (node.end_lineno or 0) - node.lineno + 1


def test_no_module_is_longer_than_one_can_hold_in_mind() -> None:
    sizes = {_name(path): len(path.read_text().splitlines()) for path in _modules()}
    assert sizes
    assert {name: size for name, size in sizes.items() if size > MAX_MODULE_LINES} == {}


def test_no_function_is_longer_than_a_screen() -> None:
    sizes = dict(entry for path in _modules() for entry in _functions(path))
    assert sizes
    assert {name: size for name, size in sizes.items() if size > MAX_FUNCTION_LINES} == {}


@pytest.mark.parametrize("tree", [*PACKAGES, "tests"])
def test_every_folder_with_modules_is_a_package(tree: str) -> None:
    # Without __init__.py an installed package of the same name would win (messages, tests).
    folders = {path.parent for path in (ROOT / tree).rglob("*.py") if PEERS not in path.parents}
    assert folders
    assert [_name(folder) for folder in folders if not (folder / "__init__.py").exists()] == []


def test_imports_point_downwards_and_the_core_is_pure() -> None:
    program = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [program, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_import_hides_in_a_function() -> None:
    hidden = [
        f"{_name(path)}:{inner.lineno}"
        for path in _modules()
        # Django loads apps before models: what needs models is imported when apps are ready.
        if path.name != "apps.py"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef)
        for inner in ast.walk(node)
        if isinstance(inner, ast.Import | ast.ImportFrom)
    ]
    assert hidden == []


def test_no_file_knows_the_machine_it_was_written_on() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z", *TREES, "docs", "*.md", "Makefile", "*.toml", "*.in", "*.txt"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    texts = {
        name: (ROOT / name).read_bytes().decode(errors="replace")
        for name in listed.stdout.split("\0")
        if name and (ROOT / name).is_file()
    }
    assert texts
    found = {name: MACHINE_PATH.findall(text) for name, text in texts.items()}
    assert {name: paths for name, paths in found.items() if paths} == {}
