"""Real servers for tests: a Redis and a PostgreSQL that are started, used and thrown away."""

import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from urllib.request import urlopen
from uuid import uuid4

import boto3
import psycopg
import redis

# Seconds; initdb on a busy machine takes several.
START_TIMEOUT = 60.0

POSTGRES_URL = "AS2_TEST_POSTGRES_URL"


class ComponentMissing(Exception):
    """A program that a test needs is not installed."""


def free_port() -> int:
    """Return a TCP port that was free a moment ago."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def find_program(name: str) -> str:
    """Return the program's path; PostgreSQL's own are off the PATH on Debian."""
    found = shutil.which(name)
    if found:
        return found
    candidates = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    if not candidates:
        raise ComponentMissing(f"{name} is not installed")
    return str(candidates[-1])


@contextmanager
def redis_server(port: int | None = None) -> Iterator[str]:
    """Run a Redis that keeps nothing; yields its URL."""
    program = find_program("redis-server")
    port = port or free_port()
    with tempfile.TemporaryDirectory(prefix="as2-redis-") as folder:
        command = [program, "--port", str(port), "--bind", "127.0.0.1", "--dir", folder]
        with _running([*command, "--save", "", "--appendonly", "no"]):
            url = f"redis://127.0.0.1:{port}/0"
            with closing(redis.Redis.from_url(url)) as client:
                _wait_until(client.ping, redis.RedisError)
            yield url


@contextmanager
def postgres_server(*, durable: bool = False) -> Iterator[str]:
    """Run a PostgreSQL in a folder of its own; yields the URL of its first database.

    The server refuses to run as root, so root lends it the account ``postgres``. Unless it is to be
    ``durable`` it does not wait for the disk.
    """
    shared = os.environ.get(POSTGRES_URL)
    if shared and not durable:
        yield shared
        return
    initdb, server = find_program("initdb"), find_program("postgres")
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="as2-postgres-") as folder:
        user = _postgres_user(Path(folder))
        data = f"{folder}/data"
        subprocess.run(
            [initdb, "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=folder,
            user=user,
        )
        # What a test checks is our commits, not the disk: a power cut is not part of it.
        fsync = "on" if durable else "off"
        options = ("listen_addresses=127.0.0.1", f"fsync={fsync}", "max_connections=200")
        settings = [word for option in options for word in ("-c", option)]
        command = [server, "-D", data, "-p", str(port), "-k", folder, *settings]
        with _running(command, user=user, cwd=folder):
            url = f"postgres://postgres@127.0.0.1:{port}/postgres"
            _wait_until(lambda: psycopg.connect(url).close(), psycopg.OperationalError)
            yield url


@contextmanager
def s3_server(port: int | None = None) -> Iterator[str]:
    """Run an S3 service that keeps all in memory; yields its address. It takes any credentials."""
    port = port or free_port()
    program = str(Path(sys.executable).parent / "moto_server")
    with _running([program, "-H", "127.0.0.1", "-p", str(port)]):
        url = f"http://127.0.0.1:{port}"
        _wait_until(lambda: urlopen(f"{url}/moto-api/", timeout=5).close(), OSError)
        yield url


def create_bucket(server_url: str) -> str:
    """Create an empty bucket and return what ``AS2_STORE_URL`` is to be for it."""
    name = f"test-{uuid4().hex[:12]}"
    s3_client(server_url).create_bucket(Bucket=name)
    return f"s3://{name}/as2?endpoint={server_url}&region=us-east-1"


def s3_client(server_url: str) -> Any:
    """A client of boto3's for looking past our code."""
    return boto3.client(
        "s3",
        endpoint_url=server_url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


#: what a process needs in its environment to use it
S3_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


def create_database(server_url: str) -> str:
    """Create an empty database and return its URL."""
    name = f"test_{uuid4().hex[:12]}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return urlunsplit(urlsplit(server_url)._replace(path=f"/{name}"))


def _postgres_user(folder: Path) -> int | None:
    if os.geteuid() != 0:
        return None
    try:
        account = pwd.getpwnam("postgres")
    except KeyError as error:
        raise ComponentMissing("the account postgres does not exist") from error
    os.chown(folder, account.pw_uid, account.pw_gid)
    return account.pw_uid


@contextmanager
def _running(
    command: Sequence[str], *, user: int | None = None, cwd: str | None = None
) -> Iterator[None]:
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=cwd,
        user=user,
    )
    try:
        yield
    finally:
        process.send_signal(2)  # PostgreSQL's fast shutdown; Redis ends, too
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=20)
        process.kill()
        process.wait()


def _wait_until(succeeds: Callable[[], object], failure: type[Exception]) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while True:
        try:
            succeeds()
        except failure:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
