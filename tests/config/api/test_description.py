"""The description: the same in the document, in the code and over HTTP; and one shape of errors."""

import json
import subprocess
import sys

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import Client, RequestFactory
from pytest_django import Settings

from config.access.roles import Role
from config.api import assembly
from config.api.assembly import description
from partners.api.asking import caller
from partners.api.problems import Problem
from tests.config.access import world
from tests.config.api import calling
from tests.maps import ROOT, rows_of

pytestmark = pytest.mark.django_db

DOCS = f"{calling.ROOT}docs"
DESCRIPTION = f"{calling.ROOT}openapi.json"


@pytest.fixture
def program() -> Client:
    return calling.client_of(world.user(Role.ADMINISTRATOR))


def test_the_document_is_what_the_code_says() -> None:
    kept = (ROOT / "docs" / "openapi.json").read_text()
    text = json.dumps(description(), indent=1, ensure_ascii=False) + "\n"
    assert kept == text, "write it anew: make openapi"


def test_every_call_is_explained() -> None:
    text = (ROOT / "docs" / "api.md").read_text()
    told = {row["call"].strip("`") for row in rows_of(text) if row.heading == "Calls"}
    described = {
        f"{method.upper()} {path.removeprefix(calling.ROOT.rstrip('/'))}"
        for path, calls in description()["paths"].items()
        for method in calls
    }
    assert told == described


def test_every_call_says_what_it_is_and_which_problems_it_has() -> None:
    found = description()
    assert found["openapi"].startswith("3.1")
    for path, calls in found["paths"].items():
        for method, call in calls.items():
            assert call["description"], (path, method)
            assert call["security"] == [{"Token": []}]
            problems = {s: each for s, each in call["responses"].items() if int(s) >= 400}
            assert {"401", "403", "422", "429"} <= {str(status) for status in problems}
            assert all([*each["content"]] == [calling.PROBLEM] for each in problems.values())


def test_calls_with_a_body_say_what_becomes_of_a_bad_one() -> None:
    bad = {"408", "411", "413", "415", "501"}
    for path, calls in description()["paths"].items():
        for method, call in calls.items():
            told = {str(status) for status in call["responses"]}
            assert bad <= told if method == "post" else not bad & told, (method, path)


def test_every_status_that_a_call_may_have_is_explained() -> None:
    text = (ROOT / "docs" / "api.md").read_text()
    told = " ".join(row["status"] for row in rows_of(text) if row.heading == "Errors")
    statuses = {
        str(status)
        for calls in description()["paths"].values()
        for call in calls.values()
        for status in call["responses"]
        if int(status) >= 400
    }
    assert statuses == set(told.replace(",", "").split())


def test_a_token_and_a_login_read_the_description(client: Client, program: Client) -> None:
    assert client.get(DESCRIPTION).status_code == 401
    assert program.get(DESCRIPTION).json()["openapi"].startswith("3.1")
    client.force_login(world.user(Role.AUDITOR))
    assert client.get(DESCRIPTION).status_code == 200


def test_the_page_takes_a_login_and_loads_nothing_from_elsewhere(client: Client) -> None:
    assert client.get(DOCS).status_code == 302
    client.force_login(world.user(Role.AUDITOR))
    text = client.get(DOCS).content.decode()
    assert "//" not in text.replace("<!DOCTYPE", "")
    assert DESCRIPTION in text


def test_whoever_owes_a_second_factor_reads_neither(client: Client, settings: Settings) -> None:
    settings.AS2_REQUIRE_2FA = True
    client.force_login(world.user(Role.OPERATOR))
    assert client.get(DOCS).status_code == 302
    assert client.get(DESCRIPTION).status_code == 401


def test_neither_pages_nor_the_as2_url_load_the_api() -> None:
    code = (
        "import sys, django; from config.wsgi import application; django.setup()\n"
        "from django.test import Client\n"
        "import config.urls; Client(headers={'host': 'localhost'}).get('/admin/login/')\n"
        "print(*(name for name in ('ninja', 'pydantic') if name in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""


# ------------------------------------------------------------------------- errors

ERRORS = {
    "nothing there": ("GET", "nothing", "", 404),
    "root": ("GET", "", "", 404),
    "no number": ("GET", "messages/abc", "", 422),
    "huge number": ("GET", f"messages/{10**30}", "", 404),
    "negative number": ("GET", "messages/-1", "", 404),
    "huge filter": ("GET", f"messages?partner={10**30}", "", 422),
    "no word": ("GET", "messages?state=lost", "", 422),
    "no zone": ("GET", "messages?since=2026-01-01T00:00:00", "", 422),
    "seconds": ("GET", "messages?until=0.5", "", 422),
    "before time": ("GET", "messages?until=0001-01-01T00:00:00%2B14:00", "", 422),
    "NUL": ("GET", "messages?message_id=%00", "", 422),
    "too many": ("GET", "messages?limit=201", "", 422),
    "none": ("GET", "messages?limit=0", "", 422),
    "cursor": ("GET", "messages?cursor=xx", "", 422),
    "cursor of text": ("GET", "messages?cursor=cGs6eA", "", 422),
    "method": ("PUT", "messages", "", 405),
    "not JSON": ("POST", "partners/1/certificates", "{", 400),
    "no body": ("POST", "partners/1/certificates", "{}", 422),
    "a list": ("POST", "partners/1/certificates", "[]", 422),
}


@pytest.mark.parametrize("case", ERRORS.values(), ids=ERRORS)
def test_every_problem_has_one_shape(program: Client, case: tuple[str, str, str, int]) -> None:
    method, path, data, status = case
    answer = program.generic(method, calling.ROOT + path, data, "application/json")
    assert (answer.status_code, answer["Content-Type"]) == (status, calling.PROBLEM)
    told = json.loads(answer.content)
    assert {*told} - {"errors"} == {"type", "title", "status", "detail"}
    assert (told["status"], bool(told["detail"])) == (status, True)
    assert answer["Cache-Control"] == "no-store"


def test_another_method_says_which_are_possible(program: Client) -> None:
    answer = program.put(f"{calling.ROOT}messages")
    assert {*answer["Allow"].split(", ")} == {"GET", "POST"}


def test_another_type_of_body_is_refused(program: Client) -> None:
    answer = program.generic("POST", f"{calling.ROOT}partners/1/certificates", "x", "text/plain")
    assert (answer.status_code, answer["Accept"]) == (415, "application/json")


def test_a_body_that_is_too_large_is_refused(program: Client) -> None:
    path, data = f"{calling.ROOT}partners/1/certificates", b" " * (2 * 1024 * 1024 + 1)
    assert program.generic("POST", path, data, "application/json").status_code == 413


def test_without_the_door_nothing_opens() -> None:
    request = RequestFactory().get("/", headers={"Authorization": "Bearer as2_x"})
    assert assembly.Token()(request) is None
    request.user = AnonymousUser()
    with pytest.raises(Problem) as caught:
        caller(request)
    assert caught.value.status == 401
