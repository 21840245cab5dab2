"""Open things: one list of what partners leave to be done, empty when all is well."""

import datetime as dt

import pytest
from django.contrib.auth.models import Group, User
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from partners import api_keys, renewals, suspending
from partners.models import (
    APIKeyPair,
    APIKeyState,
    Compliance,
    Connection,
    FailedHandshake,
    Scope,
    TLSProbe,
)
from partners.open_things import OpenThing, open_things
from partners.rollover.recording import By
from tests import factories

pytestmark = pytest.mark.django_db
DAY = dt.timedelta(days=1)


@pytest.fixture
def root() -> User:
    return User.objects.create_superuser("root")


@pytest.fixture
def connection() -> Connection:
    return factories.connection(url="https://as2.amazon.example/", environment="production")


def judged(connection: Connection, verdict: str, days: int | None) -> None:
    today = timezone.now().date()
    Compliance.objects.create(
        connection=connection,
        verdict=verdict,
        profile="acme 2",
        deadline=None if days is None else today + days * DAY,
        evaluated_at=timezone.now(),
    )


def fill(connection: Connection) -> None:
    """One of each kind."""
    now = timezone.now()
    renewals.announce(connection.partner, now + 5 * DAY, "", now, By("ann"))
    suspending.propose(connection, 5, "no", now)
    judged(connection, "error", -3)
    key = APIKeyPair(
        partner=connection.partner,
        name="pay",
        state=APIKeyState.ACTIVE,
        activated_at=now - 89 * DAY,
    )
    api_keys.fill(key)
    key.save()
    TLSProbe.objects.create(
        host="as2.amazon.example",
        started_at=now,
        ended_at=now,
        requested_by="schedule",
        facts={"sending": {"error": "no shared cipher"}},
    )
    failed_handshake(now)


def failed_handshake(moment: dt.datetime) -> None:
    FailedHandshake.objects.create(
        address="192.0.2.7", reason="stops", first_seen=moment, last_seen=moment
    )


def kinds(found: list[OpenThing]) -> list[str]:
    return [each.kind for each in found]


def test_when_all_is_well_the_list_is_empty(root: User, connection: Connection) -> None:
    judged(connection, "ok", None)
    assert open_things(root, timezone.now()) == []


def test_the_worst_comes_first_then_what_is_due(root: User, connection: Connection) -> None:
    fill(connection)
    found = open_things(root, timezone.now())
    assert kinds(found)[:1] == ["compliance"]
    assert set(kinds(found)[1:3]) == {"suspension", "tls"}
    assert kinds(found)[3:] == ["api-key", "renewal", "handshakes"]


def test_each_leads_to_a_page(root: User, connection: Connection, client: object) -> None:
    fill(connection)
    assert all(
        each.link.startswith("/admin/partners/") for each in open_things(root, timezone.now())
    )


@pytest.mark.parametrize(("days", "shown"), [(29, ["deadline"]), (31, [])])
def test_a_deadline_is_shown_a_month_before(
    root: User, connection: Connection, days: int, shown: list[str]
) -> None:
    judged(connection, "warning", days)
    assert kinds(open_things(root, timezone.now())) == shown


def test_a_later_test_that_works_takes_it_off(root: User, connection: Connection) -> None:
    fill(connection)
    TLSProbe.objects.create(
        host="as2.amazon.example",
        started_at=timezone.now() + DAY / 24,
        ended_at=timezone.now() + DAY / 24,
        requested_by="ann",
        facts={"sending": {"error": ""}},
    )
    assert "tls" not in kinds(open_things(root, timezone.now()))


def test_handshakes_of_the_day_before_yesterday_are_no_news(root: User) -> None:
    failed_handshake(timezone.now() - 2 * DAY)
    assert open_things(root, timezone.now()) == []


def test_a_provider_sees_only_what_is_of_its_partner(connection: Connection) -> None:
    user = User.objects.create_user("van", is_staff=True)
    user.groups.add(Group.objects.get(name="provider"))
    fill(connection)
    assert open_things(user, timezone.now()) == []
    Scope.objects.create(user=user).partners.add(connection.partner)
    assert set(kinds(open_things(user, timezone.now()))) == {"compliance", "suspension", "renewal"}


def test_many_connections_cost_no_more_queries(
    root: User, connection: Connection, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    fill(connection)
    for number in range(5):
        other = factories.bare_connection(
            connection.organization,
            connection.partner,
            as2_id=f"A{number}",
            url=f"https://h{number}/",
        )
        suspending.propose(other, 5, "no", timezone.now())
        judged(other, "error", -3)
    root.has_perm("partners.see_everything")
    with django_assert_max_num_queries(8):
        open_things(root, timezone.now())
