"""A whole gateway as its operator runs it: ``manage.py serve`` in a home of its own.

with Gateway(tmp_path / "home") as gateway:
    gateway.manage("send", ...)
    urllib3.request("POST", gateway.url + "/as2", ...)
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import urllib3
from cryptography.fernet import Fernet

from tests import services
from tests.programs import Process, ProgramFailed, Started, wait_for

__all__ = ["Gateway", "GatewayFailed", "Program", "wait_for"]

ROOT = Path(__file__).resolve().parent.parent

# Seconds. Imports, migrations and three programs on a machine that runs other tests, too.
START_TIMEOUT = 240.0
STOP_TIMEOUT = 40.0
COMMAND_TIMEOUT = 120.0

# What a child needs of our environment; nothing else may change how a gateway behaves.
INHERITED = ("PATH", "HOME", "LANG", "TMPDIR", "COVERAGE_PROCESS_START")

Program = Literal["web", "worker", "beat"]


class GatewayFailed(ProgramFailed):
    """The gateway, or a command of it, did not do what was asked; holds its output."""


class Gateway(Started):
    """A gateway in folder ``home``, listening on ``port`` of the loopback address."""

    def __init__(
        self, home: Path, port: int | None = None, env: Mapping[str, str] | None = None
    ) -> None:
        self.home = home
        self.port = port or services.free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.inbox = home / "inbox"
        self.outbox = home / "outbox"
        self.log = home.with_name(f"{home.name}.log")
        self.env = self._environment(env or {})
        serve = [sys.executable, "manage.py", "serve"]
        self._serve = Process("serve", serve, ROOT, self.env, self.log, self.log, GatewayFailed)

    def start(self) -> None:
        """Start ``serve`` and wait until it is ready to take messages."""
        self.home.mkdir(parents=True, exist_ok=True)
        try:
            self._serve.start(self._is_ready, START_TIMEOUT)
        except GatewayFailed as error:
            error.add_note(self._state())
            self.crash()
            raise

    def end(self) -> None:
        """Nothing is lost by it, and it is quick."""
        self.crash()

    def stop(self) -> int:
        """Stop as Ctrl-C would; returns the exit code. Kills what does not stop in time."""
        return self._serve.stop(signal.SIGINT, STOP_TIMEOUT)

    def manage(self, *args: str, stdin: str | None = None, timeout: float = COMMAND_TIMEOUT) -> str:
        """Run a management command in this gateway's home; returns what it printed."""
        done = subprocess.run(
            [sys.executable, "manage.py", *args],
            cwd=ROOT,
            env=self.env,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if done.returncode:
            raise GatewayFailed(f"{args} ended with {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def pid(self, child: Program) -> int:
        """Return the process id of one of the three programs; waits while it is started again."""
        path = self.home / "run" / f"{child}.pid"
        wait_for(lambda: path.exists() and path.read_text().strip(), START_TIMEOUT, f"{path}")
        return int(path.read_text())

    def kill(self, child: Program, number: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to one of the programs and all processes that it started."""
        os.killpg(self.pid(child), number)

    def crash(self) -> None:
        """Kill the whole gateway at once, as a power cut would; ``start`` brings it up again."""
        if not self._serve.kill():
            return
        for note in (self.home / "run").glob("*.pid"):
            with suppress(ProcessLookupError):
                os.killpg(int(note.read_text()), signal.SIGKILL)
            note.unlink()

    def readiness(self) -> dict[str, Any]:
        """Return what /readyz says."""
        answer = urllib3.request("GET", f"{self.url}/readyz", timeout=5, retries=False)
        found: dict[str, Any] = json.loads(answer.data)
        return found

    def output(self) -> str:
        """Return the last of what the gateway printed."""
        return self._serve.output()

    def _is_ready(self) -> bool:
        try:
            return self.readiness()["status"] in {"ready", "degraded"}
        except (urllib3.exceptions.HTTPError, ValueError):
            return False

    def _state(self) -> str:
        """What a gateway that is not ready says of itself, and what its programs are doing."""
        try:
            said = f"/readyz: {self.readiness()}"
        except (urllib3.exceptions.HTTPError, ValueError) as error:
            said = f"/readyz: {error!r}"
        notes = sorted((self.home / "run").glob("*.pid"))
        return "\n".join([said, *(_doing(note) for note in notes)])

    def _environment(self, extra: Mapping[str, str]) -> dict[str, str]:
        base = {name: os.environ[name] for name in INHERITED if name in os.environ}
        return {
            **base,
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "PYTHONUNBUFFERED": "1",
            "AS2_ENV_FILE": "",
            "AS2_HOME": str(self.home),
            "AS2_BIND": f"127.0.0.1:{self.port}",
            # Known here, so that a test may prepare or read the database with it.
            "AS2_KEY_RING": Fernet.generate_key().decode(),
            # Few and quick: many gateways share a machine with the tests that drive them.
            "AS2_WEB_WORKERS": "1",
            "AS2_WORKER_CONCURRENCY": "1",
            "AS2_SWEEP_SECONDS": "1",
            "AS2_OUTBOX_SECONDS": "0.5",
            **({"DEBUG": "1"} if "AS2_FAILPOINTS" in extra else {}),
            **extra,
        }


def _doing(note: Path) -> str:
    """The processes of one program: each one's state, ticks of processor, and where it waits."""
    group = note.read_text().strip()
    lines = [f"--- {note.stem}"]
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended meanwhile
            state, _parent, its_group, *rest = (
                (process / "stat").read_text().rpartition(")")[2].split()
            )
            if its_group == group:
                place = (process / "wchan").read_text()
                lines.append(f"{process.name} {state} {rest[8]}+{rest[9]} ticks, in {place}")
    return "\n".join(lines)
