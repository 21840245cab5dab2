"""The page: there only where it is switched on, and only for who may."""

import pytest
from django.core.checks import run_checks
from django.test import Client
from pytest_django import Settings

from tests.config.metrics.scrape import TOKEN, ask, scrape

pytestmark = pytest.mark.django_db


def test_there_is_none_by_default(client: Client) -> None:
    assert ask(client, headers={"Authorization": "Bearer "}).status_code == 404


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (f"Bearer {TOKEN}", 200),
        (f"bearer {TOKEN}", 200),
        (f"Bearer {TOKEN}x", 401),
        (f"Basic {TOKEN}", 401),
        ("Bearer", 401),
        ("", 401),
    ],
)
def test_the_token_opens_it(client: Client, settings: Settings, header: str, status: int) -> None:
    settings.AS2_METRICS_TOKEN = TOKEN
    answer = ask(client, headers={"Authorization": header})
    assert answer.status_code == status
    assert (b"as2_" in answer.content) == (status == 200)


@pytest.mark.parametrize(
    ("address", "forwarded", "status"),
    [
        ("192.0.2.7", "", 200),
        ("10.1.2.3", "", 200),
        ("192.0.2.8", "", 401),
        ("2001:db8::1", "", 401),
        ("127.0.0.1", "10.9.9.9", 200),
        ("127.0.0.1", "192.0.2.8", 401),
        ("192.0.2.8", "10.9.9.9", 401),
    ],
)
def test_addresses_open_it_as_trusted_proxies_tell_them(
    client: Client, settings: Settings, address: str, forwarded: str, status: int
) -> None:
    settings.AS2_METRICS_ALLOW = ["192.0.2.7", "10.0.0.0/8"]
    fields = {"X-Forwarded-For": forwarded} if forwarded else {}
    assert ask(client, REMOTE_ADDR=address, headers=fields).status_code == status


def test_it_cannot_be_posted_to(client: Client, settings: Settings) -> None:
    settings.AS2_METRICS_TOKEN = TOKEN
    assert client.post("/metrics").status_code == 405


def test_what_is_no_network_is_told_by_a_check(settings: Settings) -> None:
    settings.AS2_METRICS_ALLOW = ["10.0.0.0/8", "somewhere"]
    assert [each.id for each in run_checks() if each.id == "config.E006"] == ["config.E006"]


def test_names_say_their_unit_and_kind(client: Client, settings: Settings) -> None:
    settings.AS2_METRICS_TOKEN = TOKEN
    names = set(scrape(client))
    assert all(name.startswith("as2_") for name in names)
    timed = {name for name in names if name.endswith(("_age", "_wait", "_free"))}
    assert timed == set()
