"""What every test may ask for: real servers of its own."""

import datetime as dt
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from typing import NoReturn

import pytest
import redis
import time_machine

from tests import services
from tests.gateway import properties

properties.load_profile()

# Emptying the tables after a test that commits needs the audit triggers out of the way.
pytest_plugins = ["tests.audit.flushing"]


def leave_out(error: services.ComponentMissing) -> NoReturn:
    """Skip the test and say what is missing; in CI, which leaves nothing out, fail it."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI runs every test, but {error}", pytrace=False)
    pytest.skip(str(error))


@contextmanager
def _component(server: AbstractContextManager[str]) -> Iterator[str]:
    """Leave a test out where its component is missing, except in CI: there that is a failure."""
    try:
        url = server.__enter__()
    except services.ComponentMissing as error:
        leave_out(error)
    try:
        yield url
    finally:
        server.__exit__(None, None, None)


@pytest.fixture
def still_clock() -> Iterator[None]:
    """A clock that stands still: no minute and no day begins during the test."""
    with time_machine.travel(dt.datetime.now(dt.UTC), tick=False):
        yield


@pytest.fixture(scope="session")
def redis_server() -> Iterator[str]:
    with _component(services.redis_server()) as url:
        yield url


@pytest.fixture
def redis_url(redis_server: str) -> str:
    """A real Redis, empty."""
    with closing(redis.Redis.from_url(redis_server)) as client:
        client.flushall()
    return redis_server


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    with _component(services.postgres_server()) as url:
        yield url


@pytest.fixture
def postgres_url(postgres_server: str) -> str:
    """A database on a real PostgreSQL, empty."""
    return services.create_database(postgres_server)
