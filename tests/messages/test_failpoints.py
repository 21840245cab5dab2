"""Failpoints: breaking a process on purpose, where that is allowed."""

import errno
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from pytest_django.fixtures import Settings

from messages import failpoints

ROOT = Path(failpoints.__file__).parent.parent


@pytest.fixture(autouse=True)
def allowed(settings: Settings) -> Iterator[None]:
    settings.DEBUG = True
    yield
    failpoints.arm("")


def outcome(name: str) -> str:
    try:
        failpoints.hit(name)
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    return "passed"


def test_a_place_that_is_not_armed_is_passed() -> None:
    failpoints.arm("tx.built=eio")
    assert outcome("tx.posted") == "passed"


def test_an_armed_place_fails_once_at_the_given_time() -> None:
    failpoints.arm("tx.posted=enospc:2")
    assert [outcome("tx.posted") for _ in range(3)] == ["passed", "ENOSPC", "passed"]


def test_a_probability_hits_now_and_then() -> None:
    failpoints.arm("fs.fsync=eio:0.5")
    assert {outcome("fs.fsync") for _ in range(100)} == {"passed", "EIO"}


def test_a_file_decides_once_and_is_used_up(settings: Settings, tmp_path: Path) -> None:
    settings.AS2_HOME = tmp_path
    failpoints.arm("tx.posted=eio:file;tx.built=eio:file")
    assert outcome("tx.posted") == "passed"
    failpoints.folder().mkdir(parents=True)
    (failpoints.folder() / "tx.posted").touch()
    assert outcome("tx.built") == "passed"
    assert [outcome("tx.posted") for _ in range(2)] == ["EIO", "passed"]


def test_arming_replaces_what_was_armed() -> None:
    failpoints.arm("tx.built=eio")
    failpoints.arm("tx.posted=eio")
    assert (outcome("tx.built"), outcome("tx.posted")) == ("passed", "EIO")


@pytest.mark.parametrize("text", ["tx.built=explode", "tx.built=kill:often", "x=eio:0", "x=eio:-1"])
def test_text_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="cannot be read"):
        failpoints.arm(text)


def test_a_process_without_debug_refuses_failpoints(settings: Settings) -> None:
    settings.DEBUG = False
    with pytest.raises(ImproperlyConfigured, match="unset it"):
        failpoints.arm("tx.built=kill")


def test_kill_ends_the_process_at_once() -> None:
    program = (
        "from django.conf import settings; settings.configure(DEBUG=True)\n"
        "from messages import failpoints\n"
        "failpoints.arm('tx.posted=kill'); failpoints.hit('tx.posted'); print('alive')"
    )
    command = [sys.executable, "-c", program]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    assert (ended.returncode, ended.stdout) == (-9, b"")


def test_each_failpoint_in_the_code_is_named_by_a_test() -> None:
    named = re.compile(r"\bhit\(\"([a-z_.]+)\"\)")
    sources = "".join(path.read_text() for path in (ROOT / "messages").rglob("*.py"))
    tests = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    assert {name for name in named.findall(sources) if name not in tests} == set()
