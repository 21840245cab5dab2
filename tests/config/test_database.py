"""A commit that was answered survives; writers wait for each other."""

import datetime as dt
import threading
from pathlib import Path

import pytest
from django.db import connection, connections, transaction

from config import checks, database
from config.home import Home
from config.models import Heartbeat

EPOCH = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
ONE = dt.timedelta(microseconds=1)


def test_the_default_is_a_file_in_the_home_folder(tmp_path: Path) -> None:
    found = database.configure("", 60, Home(tmp_path))
    assert found["NAME"] == str(tmp_path / "db.sqlite3")


def test_postgresql_waits_for_the_disk_whatever_its_server_says(tmp_path: Path) -> None:
    url = "postgres://ada:secret@db:5433/as2?sslmode=require"
    found = database.configure(url, 60, Home(tmp_path))
    assert (found["HOST"], found["PORT"], found["CONN_MAX_AGE"]) == ("db", 5433, 60)
    assert found["OPTIONS"] == {
        "options": "-c synchronous_commit=on",
        "connect_timeout": 10,
        "sslmode": "require",
    }


@pytest.mark.django_db
def test_the_database_under_test_is_durable() -> None:
    assert checks.check_durability(databases=["default"]) == []


@pytest.mark.django_db(transaction=True)
def test_a_database_that_forgets_commits_is_refused() -> None:
    sqlite = connection.vendor == "sqlite"
    weaken = "PRAGMA synchronous = NORMAL" if sqlite else "SET synchronous_commit = off"
    try:
        with connection.cursor() as cursor:
            cursor.execute(weaken)
        found = checks.check_durability(databases=["default"])
    finally:
        connection.close()
    assert [message.id for message in found] == ["config.E004"]


@pytest.mark.django_db(transaction=True)
def test_writers_wait_for_each_other() -> None:
    Heartbeat.beat("writer")
    threads = [threading.Thread(target=_read_then_write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Heartbeat.objects.get(name="counter").at.microsecond == 80


def _read_then_write() -> None:
    try:
        for _ in range(10):
            with transaction.atomic():
                Heartbeat.objects.select_for_update().get(name="writer")
                row, _ = Heartbeat.objects.get_or_create(name="counter", defaults={"at": EPOCH})
                row.at += ONE
                row.save()
    finally:
        connections.close_all()
