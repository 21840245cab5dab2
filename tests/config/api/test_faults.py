"""Faults: whatever fails below the API's prefix is told as a problem, and nothing but that."""

import json
import logging
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
import structlog
from django.db import InterfaceError, OperationalError, ProgrammingError, connection
from django.test import Client
from pytest_django import Settings

from config.access.roles import Role
from tests.config.access import world
from tests.config.api import calling

pytestmark = pytest.mark.django_db

PARTNERS = f"{calling.ROOT}partners"
DESCRIPTION = f"{calling.ROOT}openapi.json"
#: of an exception; it may stand in the log only
SECRET = "hunter2 at 10.0.0.7"


class Seen(logging.Handler):
    """Keeps the references that are bound where a line is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.references: list[tuple[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        bound = structlog.contextvars.get_contextvars()
        self.references.append((record.getMessage(), bound.get("reference")))


@pytest.fixture
def seen() -> Iterator[Seen]:
    handler, logger = Seen(), logging.getLogger("django.request")
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)


@pytest.fixture(params=[False, True], ids=["production", "DEBUG"])
def debug(request: pytest.FixtureRequest, settings: Settings) -> None:
    settings.DEBUG = request.param


@pytest.fixture
def program() -> Client:
    made = calling.client_of(world.user(Role.OPERATOR))
    made.raise_request_exception = False
    return made


@pytest.fixture
def browser(client: Client) -> Client:
    client.force_login(world.user(Role.OPERATOR))
    client.raise_request_exception = False
    return client


def failing(error: Exception, table: str = "partners_partner") -> AbstractContextManager[None]:
    """Let the database raise what a call does not expect, where it asks for this table."""

    def execute(run: Any, sql: str, *args: Any) -> Any:
        if f'FROM "{table}"' in sql:
            raise error
        return run(sql, *args)

    return connection.execute_wrapper(execute)


def told(answer: Any, status: int) -> dict[str, Any]:
    """Read a problem, which says nothing of the exception."""
    assert (answer.status_code, answer["Content-Type"]) == (status, calling.PROBLEM)
    assert SECRET not in answer.content.decode()
    assert "Traceback" not in answer.content.decode()
    assert int(answer["Content-Length"]) == len(answer.content)
    assert answer["Cache-Control"] == "no-store"
    found: dict[str, Any] = json.loads(answer.content)
    assert (found["type"], found["status"], bool(found["title"])) == ("about:blank", status, True)
    return found


@pytest.mark.usefixtures("debug")
def test_what_goes_wrong_is_a_problem_and_the_log_has_its_reference(
    program: Client, seen: Seen
) -> None:
    with failing(ValueError(SECRET)):
        found = told(program.get(PARTNERS), 500)
    reference = found["instance"].removeprefix("urn:uuid:")
    assert str(uuid.UUID(reference)) in found["detail"]
    assert (f"Internal Server Error: {PARTNERS}", reference) in seen.references


def test_each_failure_has_a_reference_of_its_own_and_it_ends_with_the_call(program: Client) -> None:
    with failing(ValueError(SECRET)):
        found = [told(program.get(PARTNERS), 500)["instance"] for _ in range(2)]
    assert found[0] != found[1]
    assert "reference" not in structlog.contextvars.get_contextvars()


@pytest.mark.usefixtures("debug")
@pytest.mark.parametrize("table", ["partners_partner", "partners_apitoken"])
@pytest.mark.parametrize("error", [OperationalError(SECRET), InterfaceError(SECRET)])
def test_without_its_database_a_call_is_to_come_again(
    program: Client, seen: Seen, error: Exception, table: str
) -> None:
    with failing(error, table):
        answer = program.get(PARTNERS)
    found = told(answer, 503)
    assert (answer["Retry-After"], "database" in found["detail"]) == ("120", True)
    ((line, reference),) = seen.references
    assert line == f"The database cannot be used: {PARTNERS}"
    assert str(uuid.UUID(reference)) == reference


def test_a_wrong_statement_is_no_database_that_is_away(program: Client) -> None:
    with failing(ProgrammingError(SECRET)):
        told(program.get(PARTNERS), 500)


@pytest.mark.usefixtures("debug")
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/", 404),
        ("GET", "/api/v2/messages", 404),
        ("GET", f"{calling.ROOT}nothing", 404),
        ("DELETE", DESCRIPTION, 405),
        ("PUT", PARTNERS, 405),
    ],
)
def test_what_django_would_refuse_by_a_page_is_a_problem(
    program: Client, method: str, path: str, status: int
) -> None:
    answer = program.generic(method, path, "{}", "application/json")
    found = told(answer, status)
    assert "instance" not in found
    if status == 405:
        assert "GET" in answer["Allow"]
        assert answer["Allow"] in found["detail"]


@pytest.mark.usefixtures("debug")
def test_another_host_is_refused_without_a_page(program: Client, settings: Settings) -> None:
    settings.ALLOWED_HOSTS = ["as2.example.com"]
    told(program.get(PARTNERS, headers={"host": "evil.example"}), 400)


def test_the_description_fails_like_every_call(browser: Client) -> None:
    with failing(ValueError(SECRET), "django_session"):
        assert told(browser.get(DESCRIPTION), 500)["instance"]


def test_header_fields_of_other_middleware_stay(program: Client) -> None:
    with failing(ValueError(SECRET)):
        assert program.get(PARTNERS)["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("error", [ValueError(SECRET), OperationalError(SECRET)])
@pytest.mark.parametrize("page", [f"{calling.ROOT}docs", "/admin/"])
def test_pages_keep_theirs(browser: Client, page: str, error: Exception) -> None:
    with failing(error, "django_session"):
        answer = browser.get(page)
    assert (answer.status_code, answer["Content-Type"][:9]) == (500, "text/html")
    assert browser.get("/nowhere")["Content-Type"].startswith("text/html")
