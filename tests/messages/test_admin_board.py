"""The board of connections: what messages and planned changes tell of each."""

import datetime as dt
import re

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from config.access.roles import Role
from messages.models import State
from partners.models import Confirmation, Connection, Rollover, RolloverState
from tests import factories
from tests.config.access import world
from tests.messages import made_up

LIST = "/admin/partners/connection/"
HOUR = dt.timedelta(hours=1)

pytestmark = pytest.mark.django_db


def cells(client: Client) -> dict[str, str]:
    """Return the words of the first row's cells, by column."""
    text = client.get(LIST).content.decode()
    found = re.findall(
        r"field-(next_rollover|last_success|last_failure)\b[^>]*>(.*?)</td>", text, re.S
    )
    return {name: " ".join(re.sub(r"<[^>]+>", " ", cell).split()) for name, cell in found}


def plan(link: Connection, days: int) -> Rollover:
    """Plan the change of the partner's certificate."""
    old = factories.partner_certificate(link)
    start = (timezone.now() + dt.timedelta(days=days)).replace(microsecond=0)
    new = factories.partner_certificate(
        link, factories.certificate(f"NEW{days}"), activates_at=start
    )
    row = Rollover.objects.create(
        old_certificate=old, new_certificate=new, created_by="ann", created_at=timezone.now()
    )
    Confirmation.objects.create(rollover=row, connection=link)
    return row


def test_a_connection_without_messages_has_nothing_to_tell(admin_client: Client) -> None:
    made_up.connection()
    assert cells(admin_client) == {"next_rollover": "-", "last_success": "-", "last_failure": "-"}


@pytest.mark.usefixtures("still_clock")
def test_the_last_success_and_failure_are_told_in_either_direction(admin_client: Client) -> None:
    link = made_up.connection()
    for state, age in ((State.DELIVERED, 5), (State.ACCEPTED, 2), (State.FAILED, 9)):
        made_up.message(link, state, age=age * HOUR)
    found = cells(admin_client)
    now = timezone.now()
    assert found["last_success"].startswith(f"{now - 2 * HOUR:%Y-%m-%d %H:}")
    assert found["last_failure"].startswith(f"{now - 9 * HOUR:%Y-%m-%d %H:}")


@pytest.mark.parametrize(("age", "tone"), [(1, "bad"), (9, "plain")])
def test_a_failure_is_red_until_something_goes_through(
    admin_client: Client, age: int, tone: str
) -> None:
    link = made_up.connection()
    made_up.message(link, State.DELIVERED, age=5 * HOUR)
    made_up.message(link, State.REJECTED, age=age * HOUR)
    text = admin_client.get(LIST).content.decode()
    cell = re.search(r"field-last_failure\b.*?</td>", text, re.S)
    assert cell is not None
    assert f"as2-{tone}" in cell[0]


def test_the_next_change_of_a_certificate_is_told(admin_client: Client) -> None:
    link = factories.bare_connection()
    rollover = plan(link, 20)
    assert cells(admin_client)["next_rollover"] == f"{rollover.starts_at:%Y-%m-%d}, theirs"
    Rollover.objects.update(state=RolloverState.CANCELLED, finished_at=timezone.now())
    assert cells(admin_client)["next_rollover"] == "-"


@pytest.mark.parametrize("count", [1, 25])
def test_the_board_takes_the_same_queries_for_any_number_of_rows(
    admin_client: Client, count: int, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _number in range(count):
        made_up.message(made_up.connection(), State.DELIVERED)
    admin_client.get(LIST)
    with django_assert_max_num_queries(16):
        admin_client.get(LIST)


def test_a_provider_s_board_tells_of_its_own(client: Client) -> None:
    rows = world.build()
    client.force_login(world.user(Role.PROVIDER, scope=rows.own))
    assert world.SECRET not in client.get(LIST).content.decode()
