"""``manage.py serve``: the whole gateway on one machine, until Ctrl-C."""

import fcntl
import socket
import sys
from contextlib import closing
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from config import pulse
from config.env import ROOT
from config.supervisor import Program, Supervisor


class Command(BaseCommand):
    """Check, migrate, then run web server, worker and beat as one."""

    help = "Check the installation, migrate the database, and run web server, worker and beat."
    requires_system_checks = []

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Run until asked to stop; the exit code says whether all ended in time."""
        run_dir = settings.AS2_HOME / "run"
        with _lock(run_dir / "serve.lock"):
            _refuse_taken_address(settings.AS2_BIND)
            call_command("migrate", interactive=False, verbosity=0)
            self.check(databases=["default"])
            connections.close_all()
            code = Supervisor(programs(run_dir), run_dir, on_start=self._announce).run()
        if code:
            sys.exit(code)

    def _announce(self) -> None:
        self.stdout.write(
            f"AS2 gateway at {settings.AS2_BASE_URL} (listening on {settings.AS2_BIND})\n"
            f"  partners send to  {settings.AS2_BASE_URL}/as2\n"
            f"  pages             {settings.AS2_BASE_URL}/admin/\n"
            f"  files             {settings.AS2_HOME}\n"
            f"Stop with Ctrl-C."
        )
        self.stdout.flush()


def programs(run_dir: Path) -> list[Program]:
    """Return the three programs of a gateway, run by this very Python."""
    python = (sys.executable, "-m")
    celery = (*python, "celery", "--app", "config.celery", "--workdir", str(ROOT), "--quiet")
    return [
        Program(
            "web", (*python, "gunicorn", "--chdir", str(ROOT), "--config", "python:config.gunicorn")
        ),
        Program(
            "worker",
            (*celery, "worker", "--without-gossip", "--without-mingle", "--without-heartbeat"),
            pulse.path_of("worker"),
        ),
        Program(
            "beat",
            (*celery, "beat", "--pidfile", "", "--schedule", str(run_dir / "beat")),
            pulse.path_of("beat"),
        ),
    ]


def _lock(path: Path) -> IO[str]:
    """Hold the home folder for this gateway; two would fight over schedules and process ids."""
    file = path.open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        raise CommandError(
            f"A gateway already runs in {settings.AS2_HOME}. "
            f"Stop it, or give this one a folder of its own with AS2_HOME."
        ) from error
    return file


def _refuse_taken_address(bind: str) -> None:
    host, _, port = bind.rpartition(":")
    if bind.startswith("unix:") or not port.isdigit():
        return
    family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
    with closing(socket.socket(family)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host.strip("[]"), int(port)))
        except OSError as error:
            raise CommandError(
                f"Cannot listen on {bind}: {error.strerror}. "
                f"Stop what listens there, or choose another address with AS2_BIND."
            ) from error
