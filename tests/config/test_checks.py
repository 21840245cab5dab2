"""What is dangerous in an installation is said with an id."""

from typing import Any

import pytest
from django.core.checks import CheckMessage
from pytest_django import Settings

from config import checks


def _ids(found: list[CheckMessage]) -> list[str | None]:
    return [message.id for message in found]


def test_the_defaults_are_fine() -> None:
    assert [check() for check in checks.CHECKS] == [[] for _ in checks.CHECKS]


@pytest.mark.parametrize("name", checks.POSITIVE)
def test_a_number_that_stops_everything_is_refused(settings: Settings, name: str) -> None:
    setattr(settings, name, 0)
    assert _ids(checks.check_values()) == ["config.E001"]


@pytest.mark.parametrize("name", checks.NOT_NEGATIVE)
def test_a_number_that_would_do_the_opposite_is_refused(settings: Settings, name: str) -> None:
    setattr(settings, name, 0)
    assert _ids(checks.check_ranges()) == []
    setattr(settings, name, -1)
    assert _ids(checks.check_ranges()) == ["config.E007"]


@pytest.mark.parametrize("name", [name for name, most in checks.NOT_NEGATIVE.items() if most])
def test_more_time_than_can_be_counted_is_refused(settings: Settings, name: str) -> None:
    setattr(settings, name, 1_000_000_000_000)
    assert _ids(checks.check_ranges()) == ["config.E007"]


@pytest.mark.parametrize(
    ("hour", "expected"), [(None, []), (0, []), (23, []), (24, ["config.E008"])]
)
def test_the_digest_s_hour_is_one_of_the_day(
    settings: Settings, hour: int | None, expected: list[str]
) -> None:
    settings.AS2_DIGEST_HOUR = hour
    assert _ids(checks.check_ranges()) == expected


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        ("", []),
        ("127.0.0.1, ::1, 172.18.0.0/16", []),
        ("172.18.0.1/16", ["config.E009"]),
        ("proxy.example, *", ["config.E009", "config.E009"]),
    ],
)
def test_proxies_are_addresses_and_networks(
    settings: Settings, listed: str, expected: list[str]
) -> None:
    settings.AS2_TRUSTED_PROXIES = listed
    assert _ids(checks.check_words()) == expected


def test_an_unknown_style_of_logs_is_refused(settings: Settings) -> None:
    settings.AS2_LOG = "pretty"
    assert _ids(checks.check_words()) == ["config.E010"]


def test_an_unknown_engine_is_refused(settings: Settings) -> None:
    settings.AS2_ENGINE = "steam"
    assert _ids(checks.check_values()) == ["config.E002"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"AS2_FAILPOINTS": "tx.posted=kill"}, ["config.E003"]),
        ({"AS2_FAILPOINTS": "tx.posted=kill", "DEBUG": True}, ["config.W001"]),
        ({"DEBUG": True}, ["config.W001"]),
    ],
)
def test_tools_for_tests_stay_out_of_production(
    settings: Settings, changes: dict[str, Any], expected: list[str]
) -> None:
    for name, value in changes.items():
        setattr(settings, name, value)
    assert _ids(checks.check_debugging()) == expected


@pytest.mark.parametrize(
    ("bind", "base", "expected"),
    [
        ("0.0.0.0:8000", "http://as2.example", ["config.W002"]),
        ("0.0.0.0:8000", "https://as2.example", []),
        ("unix:/run/as2.sock", "http://as2.example", []),
    ],
)
def test_pages_on_a_network_without_tls_are_warned_about(
    settings: Settings, bind: str, base: str, expected: list[str]
) -> None:
    settings.AS2_BIND, settings.AS2_BASE_URL = bind, base
    assert _ids(checks.check_exposure()) == expected


def test_a_secret_that_others_may_read_is_warned_about(settings: Settings) -> None:
    path = settings.AS2_HOME / "secrets" / "secret_key"
    path.chmod(0o644)
    try:
        assert _ids(checks.check_secrets()) == ["config.W003"]
    finally:
        path.chmod(0o600)
