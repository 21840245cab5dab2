"""Alive means serving; ready means that a message could be taken and kept."""

import datetime as dt
import shutil
from collections import namedtuple

import pytest
from django.db import DatabaseError, connection
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from config import health
from config.models import Heartbeat
from config.tasks import BACKGROUND, heartbeat
from messages.models import Message
from messages.sending import enqueue
from tests import factories

Usage = namedtuple("Usage", "total used free")


def test_alive_asks_no_database(client: Client) -> None:
    # Without a mark, pytest-django refuses any query.
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "alive"})


@pytest.mark.django_db
def test_all_well_is_ready(client: Client) -> None:
    heartbeat()
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (200, "ready")
    assert set(answer.json()["checks"]) == {"database", "store", "background", "backlog"}


@pytest.mark.django_db
@pytest.mark.parametrize("age", [None, dt.timedelta(minutes=1)])
def test_silent_background_work_degrades_and_keeps_receiving(
    client: Client, age: dt.timedelta | None
) -> None:
    if age:
        Heartbeat.objects.create(name=BACKGROUND, at=timezone.now() - age)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
    assert not answer.json()["checks"]["background"]["ok"]


@pytest.mark.django_db
@pytest.mark.parametrize(("state", "ok"), [("active", False), ("paused", True)])
def test_work_that_no_worker_takes_is_told_of_unless_it_is_parked(
    client: Client, state: str, ok: bool
) -> None:
    enqueue(factories.bare_connection(state=state), [b"order"])
    Message.objects.update(due_at=timezone.now() - dt.timedelta(hours=1))
    assert client.get("/readyz").json()["checks"]["backlog"]["ok"] is ok


@pytest.mark.django_db
def test_a_full_disk_is_not_ready(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage(10, 10, 0))
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (503, "unavailable")
    assert answer.json()["checks"]["store"]["detail"].startswith("0 bytes free")


@pytest.mark.django_db
def test_a_store_that_is_gone_is_not_ready(client: Client, settings: Settings) -> None:
    settings.AS2_STORE = settings.AS2_HOME / "unmounted"
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["checks"]["store"]["ok"]) == (503, False)


def test_no_database_is_not_ready(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object) -> None:
        raise DatabaseError("connection refused")

    monkeypatch.setattr(connection, "cursor", refuse)
    monkeypatch.setattr(connection, "chunked_cursor", refuse)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (503, "unavailable")
    assert "connection refused" in answer.json()["checks"]["database"]["detail"]


@pytest.mark.parametrize("proxied", [False, True])
def test_what_is_wrong_is_for_insiders_and_the_log(
    client: Client,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    proxied: bool,
) -> None:
    def refuse(*_args: object) -> None:
        raise DatabaseError("no password for db.internal")

    monkeypatch.setattr(connection, "cursor", refuse)
    monkeypatch.setattr(connection, "chunked_cursor", refuse)
    monkeypatch.setattr(health, "_told", set())
    settings.AS2_METRICS_ALLOW = ["198.51.100.0/24"]

    def asked(address: str) -> dict[str, object]:
        near = {"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": address}
        where = near if proxied else {"REMOTE_ADDR": address}
        found: dict[str, object] = client.get("/readyz", **where).json()["checks"]["database"]  # type: ignore[arg-type]  # fields of the environment
        return found

    assert asked("203.0.113.9") == {"ok": False}
    assert "db.internal" in str(asked("198.51.100.7")["detail"])
    told = [each for each in caplog.records if "db.internal" in each.getMessage()]
    assert len(told) == 1


def test_health_changes_nothing(client: Client) -> None:
    assert [client.post(path).status_code for path in ("/healthz", "/readyz")] == [405, 405]
