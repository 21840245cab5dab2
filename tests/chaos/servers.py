"""A PostgreSQL and a Redis that can be killed and come back at their address."""

import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg
import redis

from tests import services

#: Seconds that one of them may take to come up.
_PATIENCE = 120.0


class Server:
    """A program with a folder of its own."""

    def __init__(self, prefix: str) -> None:
        self.port = services.free_port()
        self._folder = tempfile.TemporaryDirectory(prefix=prefix)
        self.folder = Path(self._folder.name)
        self.user: int | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def command(self) -> Sequence[str]:
        """How it is started."""
        raise NotImplementedError

    def ask(self) -> None:
        """Ask it anything; raises one of ``faults`` while it does not answer."""
        raise NotImplementedError

    faults: tuple[type[Exception], ...] = (OSError,)

    def start(self) -> None:
        """Start it, again and again if need be, until it answers."""
        deadline = time.monotonic() + _PATIENCE
        while True:
            if self._process is None or self._process.poll() is not None:
                self._process = subprocess.Popen(
                    self.command,
                    cwd=self.folder,
                    user=self.user,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
            try:
                return self.ask()
            except self.faults:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def stop(self, number: signal.Signals) -> None:
        """End it by a signal, and wait until it is gone."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(number)
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self._folder.cleanup()
            raise
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.stop(signal.SIGINT)
        with suppress(OSError):
            self._folder.cleanup()


class Redis(Server):
    """A Redis that keeps nothing on disk: killed, it has forgotten everything."""

    faults = (redis.RedisError,)

    def __init__(self) -> None:
        self._program = services.find_program("redis-server")
        super().__init__("as2-chaos-redis-")

    @property
    def command(self) -> Sequence[str]:
        """See Server."""
        options = {"port": str(self.port), "bind": "127.0.0.1", "save": "", "appendonly": "no"}
        return [self._program, *(word for k, v in options.items() for word in (f"--{k}", v))]

    def ask(self) -> None:
        """See Server."""
        with closing(redis.Redis.from_url(self.url(0))) as client:
            client.ping()

    def forget(self) -> None:
        """Empty it."""
        with closing(redis.Redis.from_url(self.url(0))) as client, suppress(redis.RedisError):
            client.flushall()

    def url(self, number: int) -> str:
        """The address of one of its databases."""
        return f"redis://127.0.0.1:{self.port}/{number}"


class Postgres(Server):
    """A PostgreSQL; ended by SIGQUIT it has to recover from its log."""

    faults = (psycopg.OperationalError,)

    def __init__(self) -> None:
        initdb, self._program = services.find_program("initdb"), services.find_program("postgres")
        super().__init__("as2-chaos-postgres-")
        self.user = services._postgres_user(self.folder)
        options = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"]
        subprocess.run(
            [initdb, "-D", str(self.folder / "data"), *options],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=self.folder,
            user=self.user,
        )

    @property
    def command(self) -> Sequence[str]:
        """See Server."""
        # The machine stays up, so what the system was given to write is not lost.
        settings = ("listen_addresses=127.0.0.1", "fsync=off", "max_connections=200")
        words = [word for setting in settings for word in ("-c", setting)]
        place = ["-D", str(self.folder / "data"), "-k", str(self.folder), "-p", str(self.port)]
        return [self._program, *place, *words]

    @property
    def url(self) -> str:
        """The address of its first database."""
        return f"postgres://postgres@127.0.0.1:{self.port}/postgres"

    def ask(self) -> None:
        """See Server."""
        psycopg.connect(self.url).close()
