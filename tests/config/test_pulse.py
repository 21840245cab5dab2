"""Worker and beat show that their loops go round, with a broker and without."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.chaos.servers import Redis
from tests.gateway_process import ROOT, Gateway, wait_for

#: Seconds for a beat, on a machine that is busy.
_PATIENCE = 120.0


@contextmanager
def running(gateway: Gateway, *program: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a Celery program in the home of a gateway that is not started otherwise."""
    gateway.home.mkdir()
    command = [sys.executable, "-m", "celery", "--app", "config.celery", "--quiet", *program]
    with gateway.log.open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=gateway.env, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def wait_for_beat(pulse: Path) -> None:
    """Wait until a pulse comes that was not there yet."""

    def seen() -> int:
        return pulse.stat().st_mtime_ns if pulse.exists() else 0

    before = seen()
    wait_for(lambda: seen() != before, _PATIENCE, f"a beat of {pulse.name}")


def test_beat_has_a_pulse(tmp_path: Path) -> None:
    gateway = Gateway(tmp_path / "home")
    with running(gateway, "beat", "--schedule", str(tmp_path / "beat")):
        for _ in range(2):
            wait_for_beat(gateway.home / "run" / "beat.pulse")


def test_a_worker_has_a_pulse_with_files_as_broker(tmp_path: Path) -> None:
    gateway = Gateway(tmp_path / "home")
    with running(gateway, "worker"):
        for _ in range(3):
            wait_for_beat(gateway.home / "run" / "worker.pulse")


def test_a_worker_has_a_pulse_while_its_redis_is_away(tmp_path: Path, redis_server: str) -> None:
    with Redis() as redis:
        gateway = Gateway(tmp_path / "home", env={"REDIS_URL": redis.url(0)})
        pulse = gateway.home / "run" / "worker.pulse"
        with running(gateway, "worker"):
            for _ in range(3):
                wait_for_beat(pulse)
            redis.stop(signal.SIGKILL)
            for _ in range(4):
                wait_for_beat(pulse)


def test_a_worker_that_is_frozen_has_none(tmp_path: Path) -> None:
    gateway = Gateway(tmp_path / "home")
    pulse = gateway.home / "run" / "worker.pulse"
    with running(gateway, "worker") as worker:
        wait_for_beat(pulse)
        worker.send_signal(signal.SIGSTOP)
        last = pulse.stat().st_mtime_ns
        # Another program's beats stand for the time that passes.
        other = Gateway(tmp_path / "other")
        with running(other, "beat", "--schedule", str(tmp_path / "beat")):
            for _ in range(3):
                wait_for_beat(other.home / "run" / "beat.pulse")
        assert pulse.stat().st_mtime_ns == last
        worker.send_signal(signal.SIGCONT)
        wait_for_beat(pulse)
