"""Who may call what: each role at each call, and nothing of another partner is told."""

import re
from typing import Final

import pytest
from django.http.response import HttpResponseBase
from django.test import Client
from django.utils import timezone

from config.access.roles import Role
from config.api.assembly import description
from tests.config.access import world
from tests.config.access.world import SECRET
from tests.config.api import calling
from tests.config.api.calling import Rows

pytestmark = pytest.mark.django_db

PEOPLE: Final = (
    "operator",
    "provider",
    "provider of another partner",
    "auditor",
    "administrator",
    "payload reader",
    "business system",
)
#: what each of them is answered, about rows of the provider's side
TABLE: Final = {
    "GET messages": "200 200 200 200 200 403 200",
    "GET messages/{message}": "200 200 404 200 200 403 200",
    "GET messages/{message}/payload": "200 403 403 403 200 403 200",
    "POST messages?connection={connection}": "202 403 403 403 202 403 202",
    "POST messages/{message}/resend": "202 202 404 403 202 403 403",
    "POST messages/{message}/resubmit": "202 202 404 403 202 403 403",
    "GET deliveries": "200 200 200 200 200 403 200",
    "GET deliveries/{waiting}": "200 200 404 200 200 403 200",
    "GET deliveries/{waiting}/payload": "200 403 403 403 200 403 200",
    "POST deliveries/{waiting}/acknowledge": "200 403 403 403 200 403 200",
    "POST deliveries/{held}/retry": "202 403 403 403 202 403 403",
    "GET partners": "200 200 200 200 200 403 200",
    "GET partners/{partner}": "200 200 404 200 200 403 200",
    "POST partners/{partner}/certificates": "201 201 404 403 201 403 403",
    "GET connections": "200 200 200 200 200 403 200",
    "GET connections/{connection}": "200 200 404 200 200 403 200",
    "GET connections/{connection}/compliance": "200 200 404 200 200 403 403",
    "GET certificates": "200 200 200 200 200 403 403",
    "GET certificates/due": "200 200 200 200 200 403 403",
    "GET certificates/{certificate}": "200 200 404 200 200 403 403",
    "GET rollovers": "200 200 200 200 200 403 403",
    "GET rollovers/{rollover}": "200 200 404 200 200 403 403",
    "GET rollovers/{ours}": "200 200 404 200 200 403 403",
    "POST rollovers/{rollover}/move": "200 200 404 403 200 403 403",
    "POST rollovers/{ours}/move": "200 403 404 403 200 403 403",
    "POST rollovers/{rollover}/activate": "200 200 404 403 200 403 403",
    "POST rollovers/{ours}/activate": "200 403 404 403 200 403 403",
    "POST rollovers/{rollover}/cancel": "200 200 404 403 200 403 403",
    "POST rollovers/{ours}/cancel": "200 403 404 403 200 403 403",
    "POST rollovers/{ours}/acknowledge": "200 403 404 403 200 403 403",
}
CASES: Final = [
    pytest.param(call, person, int(status), id=f"{call}, {person}")
    for call, line in TABLE.items()
    for person, status in zip(PEOPLE, line.split(), strict=True)
]
READING: Final = [call for call in TABLE if call.startswith("GET ")]
READING_OF_BOTH: Final = [
    "GET messages",
    "GET deliveries",
    "GET certificates/due",
    "GET rollovers",
]
ACTING: Final = [call for call in TABLE if not call.startswith("GET ")]


@pytest.fixture
def rows() -> Rows:
    return calling.build()


def program_of(person: str, rows: Rows) -> Client:
    role = Role(person.removesuffix(" of another partner"))
    scoped = role in {Role.PROVIDER, Role.BUSINESS_SYSTEM}
    link = rows.world.other if person.endswith("another partner") else rows.world.own
    return calling.client_of(world.user(role, scope=link if scoped else None))


def call_of(program: Client, rows: Rows, call: str) -> HttpResponseBase:
    method, _, path = call.partition(" ")
    address = rows.fill(path)
    if path.endswith("/certificates") and method == "POST":
        body = calling.next_certificate(rows.world.own)
        return program.post(address, data=body, content_type="application/json")
    if path.endswith("/move"):
        start = timezone.now() + 2 * calling.PLANNED
        return program.post(address, {"start": start.isoformat()}, content_type="application/json")
    if path.startswith("rollovers") and path.endswith("/acknowledge"):
        link = {"connection": rows.world.own.pk}
        return program.post(address, link, content_type="application/json")
    if path.startswith("messages?"):
        return program.post(address, data=b"UNB+order", content_type="application/EDIFACT")
    return program.generic(method, address)


@pytest.mark.parametrize(("call", "person", "status"), CASES)
def test_a_role_may_call_what_its_pages_do(rows: Rows, call: str, person: str, status: int) -> None:
    answer = call_of(program_of(person, rows), rows, call)
    assert answer.status_code == status, getattr(answer, "content", b"")


def test_every_call_is_in_the_table() -> None:
    paths = (re.sub(r"{\w+}", "{pk}", call.partition("?")[0]) for call in TABLE)
    tried = {path.replace(" ", f" {calling.ROOT}") for path in paths}
    described = {
        f"{method.upper()} {path}"
        for path, calls in description()["paths"].items()
        for method in calls
    }
    assert tried == described


@pytest.mark.parametrize("call", ACTING)
def test_a_token_that_may_only_read_does_nothing(rows: Rows, call: str) -> None:
    program = calling.client_of(world.user(Role.ADMINISTRATOR), read_only=True)
    answer = call_of(program, rows, call)
    assert answer.status_code == 403
    assert b"may only read" in getattr(answer, "content", b"")


@pytest.mark.parametrize("call", READING)
def test_a_token_that_may_only_read_reads(rows: Rows, call: str) -> None:
    program = calling.client_of(world.user(Role.ADMINISTRATOR), read_only=True)
    assert call_of(program, rows, call).status_code == 200


@pytest.mark.parametrize("whole_partner", [True, False], ids=["by partner", "by connection"])
@pytest.mark.parametrize("call", [call for call in READING if not call.endswith("payload")])
def test_a_provider_reads_nothing_of_another_partner(
    rows: Rows, call: str, whole_partner: bool
) -> None:
    user = world.user(Role.PROVIDER, scope=rows.world.own, whole_partner=whole_partner)
    answer = calling.client_of(user).get(rows.fill(call.removeprefix("GET ")))
    assert answer.status_code == 200
    assert SECRET not in answer.content.decode()


@pytest.mark.parametrize("call", READING_OF_BOTH)
def test_an_operator_reads_of_both(rows: Rows, call: str) -> None:
    program = calling.client_of(world.user(Role.OPERATOR))
    path = rows.fill(call.removeprefix("GET ")) + ("?days=400" if "due" in call else "")
    assert SECRET in program.get(path).content.decode()


def test_what_is_not_there_and_what_may_not_be_seen_are_answered_alike(rows: Rows) -> None:
    user = world.user(Role.PROVIDER, scope=rows.world.own)
    program, other = calling.client_of(user), rows.world.other_message.pk
    hidden = program.get(f"{calling.ROOT}messages/{other}")
    missing = program.get(f"{calling.ROOT}messages/987654")
    assert (hidden.status_code, hidden.content) == (404, missing.content)
