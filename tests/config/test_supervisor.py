"""Programs run as one: started, started again, stopped together, and never left behind."""

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.gateway_process import ROOT, wait_for

SUPERVISE = """
import logging, sys
from pathlib import Path
from config.supervisor import Pace, Program, Supervisor
logging.basicConfig(level=logging.INFO)
run_dir = Path(sys.argv[1])
programs = [Program(f"p{n}", [sys.executable, "-c", code]) for n, code in enumerate(sys.argv[2:])]
pace = Pace(first_gap=0.05, longest_gap=0.2, grace=1.0)
sys.exit(Supervisor(programs, run_dir, pace).run())
"""

SLEEP = "import time; time.sleep(60)"
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);" + SLEEP
#: ends at once, after leaving a line behind
FLEETING = "open({path!r}, 'a').write('started\\n')"
#: starts a process of its own, writes down its id, and waits
PARENT = textwrap.dedent("""
    import subprocess, sys, time
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    open({path!r}, "w").write(str(child.pid))
    time.sleep(60)
""")


@contextmanager
def _supervised(run_dir: Path, *programs: str) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        [sys.executable, "-c", SUPERVISE, str(run_dir), *programs],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )
    try:
        wait_for(lambda: len(list(run_dir.glob("*.pid"))) == len(programs) or process.poll(), 20)
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        process.communicate()


def _pid(run_dir: Path, name: str = "p0") -> int:
    path = run_dir / f"{name}.pid"
    wait_for(lambda: path.exists() and path.read_text().strip(), 20)
    return int(path.read_text())


def _gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_one_signal_stops_all(tmp_path: Path, number: signal.Signals) -> None:
    with _supervised(tmp_path, SLEEP, SLEEP) as supervisor:
        pids = [_pid(tmp_path, "p0"), _pid(tmp_path, "p1")]
        supervisor.send_signal(number)
        assert supervisor.wait(20) == 0
    assert [_gone(pid) for pid in pids] == [True, True]
    assert list(tmp_path.glob("*.pid")) == []


def test_a_program_that_does_not_end_is_killed_and_the_exit_code_says_so(tmp_path: Path) -> None:
    with _supervised(tmp_path, DEAF, SLEEP) as supervisor:
        pid = _pid(tmp_path)
        wait_for(lambda: _ignores_term(pid), 20)
        supervisor.terminate()
        assert supervisor.wait(20) == 1
    assert _gone(pid)


def _ignores_term(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status").read_text()
    ignored = next(line for line in status.splitlines() if line.startswith("SigIgn"))
    return bool(int(ignored.split()[1], 16) & 1 << (signal.SIGTERM - 1))


def test_a_program_that_dies_is_started_again(tmp_path: Path) -> None:
    with _supervised(tmp_path, SLEEP):
        before = _pid(tmp_path)
        os.kill(before, signal.SIGKILL)
        wait_for(lambda: _gone(before) and _pid(tmp_path) != before, 20)


def test_what_a_dead_program_started_is_ended_too(tmp_path: Path) -> None:
    note = tmp_path / "grandchild"
    with _supervised(tmp_path, PARENT.format(path=str(note))):
        wait_for(lambda: note.exists() and note.read_text(), 20)
        grandchild = int(note.read_text())
        os.kill(_pid(tmp_path), signal.SIGKILL)
        wait_for(lambda: _gone(grandchild), 20)


def test_gaps_grow_between_restarts(tmp_path: Path) -> None:
    starts = tmp_path / "starts"
    starts.touch()
    with _supervised(tmp_path, FLEETING.format(path=str(starts))) as supervisor:
        wait_for(lambda: starts.read_text().count("started") >= 4, 20)
        supervisor.terminate()
        _, text = supervisor.communicate(timeout=20)
    gaps = [float(line.split(" in ")[1].split()[0]) for line in text.splitlines() if " in " in line]
    assert gaps[:3] == [0.05, 0.1, 0.2]


def test_programs_end_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    with _supervised(tmp_path, SLEEP, SLEEP) as supervisor:
        pids = [_pid(tmp_path, "p0"), _pid(tmp_path, "p1")]
        supervisor.kill()
        wait_for(lambda: all(_gone(pid) for pid in pids), 20)


HANGING = """
import logging, sys
from pathlib import Path
from config.supervisor import Pace, Program, Supervisor
logging.basicConfig(level=logging.INFO)
run_dir = Path(sys.argv[1])
well = run_dir / "well.pulse"
code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
beating = "import pathlib, time\\nwhile True: pathlib.Path(%r).touch(); time.sleep(0.1)"
programs = [
    Program("hung", [sys.executable, "-c", code], run_dir / "hung.pulse"),
    Program("well", [sys.executable, "-c", beating % str(well)], well),
]
pace = Pace(first_gap=0.05, longest_gap=0.2, grace=1.0, longest_silence=20.0)
sys.exit(Supervisor(programs, run_dir, pace).run())
"""


def test_a_program_without_a_pulse_is_killed_and_started_again(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", HANGING, str(tmp_path)], cwd=ROOT)
    try:
        hung, well = _pid(tmp_path, "hung"), _pid(tmp_path, "well")
        wait_for(lambda: _gone(hung), 120, "the end of what hangs")
        wait_for(lambda: _pid(tmp_path, "hung") != hung, 120, "another one")
        assert _pid(tmp_path, "well") == well
    finally:
        process.terminate()
        process.wait()
