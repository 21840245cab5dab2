"""Rollovers by the API: told, moved, begun, cancelled and acknowledged as on their page."""

import datetime as dt
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from audit.models import AuditEvent
from config.access.roles import Role
from partners.models import Confirmation, Connection, Rollover, RolloverState
from partners.models.certificates import this_second
from partners.rollover import advancing
from partners.rollover.recording import By
from tests import factories
from tests.config.access import world
from tests.config.api import calling

pytestmark = pytest.mark.django_db

ROLLOVERS = f"{calling.ROOT}rollovers"
DAY = dt.timedelta(days=1)


def provider_of(link: Connection) -> Client:
    return calling.client_of(world.user(Role.PROVIDER, scope=link))


def neighbour(link: Connection) -> Connection:
    """Another partner of the same organization of ours."""
    return factories.connection(link.organization, factories.partner("Walmart"), as2_id="WALMART")


def act(program: Client, row: Rollover, word: str, **body: Any) -> Any:
    path = f"{ROLLOVERS}/{row.pk}/{word}"
    if not body:
        return program.generic("POST", path)
    return program.post(path, body, content_type="application/json")


def listed(program: Client, **filters: Any) -> list[int]:
    return [each["id"] for each in program.get(ROLLOVERS, filters).json()["items"]]


def test_a_rollover_is_told_as_it_is(operator: Client, link: Connection) -> None:
    row = calling.theirs(link)
    told = operator.get(f"{ROLLOVERS}/{row.pk}").json()
    assert (told["ours"], told["organization"], told["state"]) == (False, None, "planned")
    assert told["connection"] == {"id": link.pk, "name": str(link)}
    assert dt.datetime.fromisoformat(told["starts_at"]) == row.starts_at
    assert told["new_fingerprint"] == row.new.fingerprint
    (part,) = told["confirmations"]
    assert (part["partner"]["name"], part["step"]) == (link.partner.name, "open")


def test_rollovers_are_found_by_state_connection_and_partner(
    operator: Client, link: Connection
) -> None:
    other = neighbour(link)
    mine, its = calling.theirs(link), calling.theirs(other)
    both = calling.ours(link.organization)
    advancing.cancel(its, this_second(), By("ann"))
    assert listed(operator) == [both.pk, its.pk, mine.pk]
    assert listed(operator, state="cancelled") == [its.pk]
    assert listed(operator, connection=link.pk) == [both.pk, mine.pk]
    assert listed(operator, partner=other.partner_id, state="planned") == [both.pk]
    assert listed(operator, connection=987654) == []


def test_a_list_costs_the_same_however_long_it_is(
    operator: Client, link: Connection, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    calling.theirs(link)
    operator.get(ROLLOVERS)  # the token's use is noted, once a minute
    with django_assert_num_queries(5):
        operator.get(ROLLOVERS)
    calling.theirs(neighbour(link))
    calling.ours(link.organization)
    with django_assert_num_queries(5):
        operator.get(ROLLOVERS)


def test_of_ours_a_provider_sees_only_its_own_part(link: Connection) -> None:
    other, row = neighbour(link), calling.ours(link.organization)
    program = provider_of(link)
    answer = program.get(f"{ROLLOVERS}/{row.pk}")
    (part,) = answer.json()["confirmations"]
    assert part["connection"]["id"] == link.pk
    assert b"walmart" not in answer.content.lower()
    assert listed(program) == listed(program, connection=link.pk) == [row.pk]
    assert listed(program, connection=other.pk) == listed(program, partner=other.partner_id) == []


def test_a_provider_finds_no_rollover_of_another_partner(link: Connection) -> None:
    row = calling.theirs(neighbour(link))
    program = provider_of(link)
    for word, body in (("move", {"start": "2030-01-01T00:00:00Z"}), ("activate", {})):
        assert act(program, row, word, **body).status_code == 404
    assert act(program, row, "cancel").status_code == 404
    assert (listed(program), Rollover.objects.get().state) == ([], RolloverState.PLANNED)


def test_the_permission_that_is_missing_is_named(link: Connection) -> None:
    row = calling.ours(link.organization)
    answer = act(provider_of(link), row, "cancel")
    assert answer.status_code == 403
    assert "partners.change_keypair" in answer.json()["detail"]


def test_a_start_is_moved_and_audited(operator: Client, link: Connection) -> None:
    row, start = calling.theirs(link), this_second() + 3 * DAY
    answer = act(operator, row, "move", start=start.isoformat())
    assert (answer.status_code, answer.json()["state"]) == (200, "planned")
    assert dt.datetime.fromisoformat(answer.json()["starts_at"]) == start
    assert Rollover.objects.get().starts_at == start
    event = AuditEvent.objects.get(tag="rollover:certificate:moved")
    assert (event.actor, event.address, event.data["token"]) == ("user0", "127.0.0.1", "erp")


@pytest.mark.parametrize(
    ("start", "words"),
    [
        ("2020-01-01T00:00:00Z", "that is in the past"),
        ("2999-01-01T00:00:00Z", "the present certificate ends on"),
        ("2999-01-01T00:00:00", "timezone"),
        ("tomorrow", "write a time as in"),
    ],
    ids=["past", "too late", "no zone", "words"],
)
def test_a_start_that_cannot_be_is_refused(
    operator: Client, link: Connection, start: str, words: str
) -> None:
    row = calling.theirs(link)
    answer = act(operator, row, "move", start=start)
    assert answer.status_code == 422
    (mistake,) = answer.json()["errors"]
    assert mistake["field"] == "start"
    assert words in mistake["text"]
    assert Rollover.objects.get().starts_at == row.starts_at


def test_it_begins_at_once_and_then_only_ends(operator: Client, link: Connection) -> None:
    row = calling.theirs(link)
    told = act(operator, row, "activate").json()
    assert told["state"] == "active"
    assert dt.datetime.fromisoformat(told["activated_at"]) <= timezone.now()
    later = (timezone.now() + DAY).isoformat()
    assert act(operator, row, "activate").status_code == 409
    answer = act(operator, row, "move", start=later)
    assert (answer.status_code, answer.json()["detail"][:19]) == (409, "It has begun alread")
    assert act(operator, row, "cancel").json()["state"] == "cancelled"


def test_what_is_cancelled_is_closed(operator: Client, link: Connection) -> None:
    row = calling.theirs(link)
    told = act(operator, row, "cancel").json()
    assert (told["state"], told["finished_at"] is None) == ("cancelled", False)
    old = link.certificates.get(fingerprint=row.old.fingerprint)
    assert old.retires_at is None
    again = act(operator, row, "cancel")
    assert (again.status_code, again.json()["detail"]) == (409, "It is closed already.")
    assert AuditEvent.objects.filter(tag="rollover:certificate:cancelled").count() == 1


def test_there_is_no_way_back_to_a_retired_one(operator: Client, link: Connection) -> None:
    row = calling.theirs(link)
    act(operator, row, "activate")
    row.refresh_from_db()
    assert advancing.retire_old(row, this_second(), By("ann"))
    answer = act(operator, row, "cancel")
    assert answer.status_code == 409
    assert "no way back" in answer.json()["detail"]


def test_a_partner_acknowledges_ours_once(operator: Client, link: Connection) -> None:
    row = calling.ours(link.organization)
    for _ in range(2):
        answer = act(operator, row, "acknowledge", connection=link.pk)
        (part,) = answer.json()["confirmations"]
        assert (part["step"], part["acknowledged_by"]) == ("acknowledged", "user0")
    (event,) = AuditEvent.objects.filter(tag="rollover:certificate:acknowledged")
    assert (event.actor, event.data["connection"]) == ("user0", link.pk)


def test_only_who_takes_part_acknowledges(operator: Client, link: Connection) -> None:
    row = calling.ours(link.organization)
    later = neighbour(link)
    for pk in (later.pk, 987654):
        answer = act(operator, row, "acknowledge", connection=pk)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "connection")
    assert Confirmation.objects.get().acknowledged_at is None


def test_nobody_acknowledges_a_partners_own_or_what_is_closed(
    operator: Client, link: Connection
) -> None:
    theirs, ours = calling.theirs(link), calling.ours(link.organization)
    answer = act(operator, theirs, "acknowledge", connection=link.pk)
    assert (answer.status_code, "own certificate" in answer.json()["detail"]) == (409, True)
    act(operator, ours, "cancel")
    answer = act(operator, ours, "acknowledge", connection=link.pk)
    assert (answer.status_code, answer.json()["detail"]) == (409, "It is closed already.")
    assert not Confirmation.objects.exclude(acknowledged_at=None).exists()
