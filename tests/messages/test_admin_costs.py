"""What the pages cost: queries, and none of them more the more there is; headers once a page.

The numbers may be lowered, and are raised only with a reason.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from unfold.templatetags import unfold_list as theme

from messages.models import DeliveryState, MDNState, State
from tests import factories
from tests.messages import made_up

MESSAGES = "/admin/as2_messages/message/"
BOARD = "/admin/partners/connection/"
START = "/admin/"

pytestmark = pytest.mark.django_db


def trade(connections: int) -> None:
    """Make connections of each of which a message of every kind needs a look."""
    for _ in range(connections):
        link = made_up.connection(profile="amazon-vendor-as2", acknowledge_hours=1, silent_days=1)
        factories.partner_certificate(link)
        for state in State:
            row = made_up.message(link, state)
            made_up.mdn(row, MDNState.VERIFIED)
        made_up.delivery(row, DeliveryState.HELD, failure_text="The inbox is full.")


def queries(client: Client, page: str) -> list[str]:
    client.get(page)  # what a process keeps is not counted
    with CaptureQueriesContext(database) as found:
        assert client.get(page).status_code == 200
    return [each["sql"] for each in found]


@pytest.mark.parametrize(("page", "most"), [(MESSAGES, 10), (BOARD, 12), (START, 36)])
def test_a_page_costs_the_same_queries_for_any_number_of_rows(
    admin_client: Client, page: str, most: int
) -> None:
    trade(2)
    few = queries(admin_client, page)
    trade(20)
    many = queries(admin_client, page)
    assert len(few) <= most, "\n".join(few)
    assert len(many) == len(few), "\n".join(many)


@pytest.mark.parametrize("page", [MESSAGES, BOARD])
def test_a_list_makes_its_headers_once(
    admin_client: Client, page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trade(3)
    made: list[str] = []
    headers = theme.result_headers

    def noted(changelist: Any) -> Iterator[Any]:
        made.append(page)
        return headers(changelist)  # type: ignore[no-any-return]  # the theme has no types

    monkeypatch.setattr(theme, "result_headers", noted)
    text = admin_client.get(page).content.decode()
    assert text.count("data-row") >= 3
    assert made == [page]


def test_what_a_row_says_is_escaped(admin_client: Client) -> None:
    link = made_up.connection()
    made_up.message(link, State.DELIVERED, filename="<b>&.edi", partner_name="<i>'")
    text = admin_client.get(MESSAGES).content.decode()
    assert "&lt;b&gt;&amp;.edi" in text
    assert "&lt;i&gt;&#x27;" in text
    assert "<b>&" not in text


def test_each_check_box_names_its_row(admin_client: Client) -> None:
    rows = [made_up.message(made_up.connection(), State.FAILED) for _ in range(3)]
    text = admin_client.get(MESSAGES).content.decode()
    for row in rows:
        assert text.count(f'name="_selected_action" value="{row.pk}"') == 1


def test_a_list_that_is_chosen_from_is_the_theme_s(admin_client: Client) -> None:
    made_up.connection()
    text = admin_client.get("/admin/partners/partner/?_popup=1").content.decode()
    assert "data-popup-opener" in text
