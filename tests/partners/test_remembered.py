"""Rows are remembered, and never longer than they are true."""

from collections.abc import Callable

import pytest
from django.db import connection as database
from django.db import transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from partners import triggers
from partners.models import Connection, KeyPair, Organization, PartnerCertificate, Revision
from partners.remembered import Rows
from tests import factories
from tests.factories import identity

pytestmark = pytest.mark.django_db


@pytest.fixture
def connection() -> Connection:
    return factories.connection()


@pytest.fixture
def rows() -> Rows:
    return Rows()


def url(rows: Rows) -> str:
    connection = rows.connection("AMAZON", "VENDOR")
    assert connection is not None
    return connection.url


def test_rows_are_read_once(connection: Connection, rows: Rows) -> None:
    url(rows)
    with CaptureQueriesContext(database) as queries:
        url(rows)
    assert [query["sql"] for query in queries] == ["SELECT token FROM partners_revision"]


def _raw(sql: str) -> None:
    with database.cursor() as cursor:
        cursor.execute(sql)


def _save(connection: Connection) -> None:
    connection.url = "http://new/"
    connection.save()


@pytest.mark.parametrize(
    "change",
    [
        _save,
        lambda _: Connection.objects.update(url="http://new/"),
        lambda _: _raw("UPDATE partners_connection SET url = 'http://new/'"),
    ],
    ids=["save", "update", "sql"],
)
def test_a_change_is_seen_however_it_was_made(
    connection: Connection, rows: Rows, change: Callable[[Connection], None]
) -> None:
    url(rows)
    change(connection)
    assert url(rows) == "http://new/"


def test_a_change_that_was_rolled_back_is_not_seen(connection: Connection, rows: Rows) -> None:
    before = url(rows)
    with transaction.atomic():
        Connection.objects.update(url="http://new/")
        assert url(rows) == "http://new/"
        transaction.set_rollback(True)
    assert url(rows) == before


def test_a_new_certificate_counts_at_once(connection: Connection, rows: Rows) -> None:
    assert len(rows.certificates(connection)) == 1
    factories.partner_certificate(connection, identity("AMAZON-2").certificate)
    assert len(rows.certificates(connection)) == 2


def test_what_was_deleted_is_gone_at_once(connection: Connection, rows: Rows) -> None:
    rows.certificates(connection)
    rows.pairs(connection.organization)
    PartnerCertificate.objects.all().delete()
    KeyPair.objects.all().delete()
    assert rows.certificates(connection) == ()
    assert rows.pairs(connection.organization) == ()


def test_the_name_of_an_organization_is_part_of_its_connections(
    connection: Connection, rows: Rows
) -> None:
    url(rows)
    Organization.objects.update(as2_id="RENAMED")
    assert rows.connection("AMAZON", "VENDOR") is None
    assert rows.connection("AMAZON", "RENAMED") is not None


def test_what_a_caller_sets_stays_with_the_caller(connection: Connection, rows: Rows) -> None:
    mine = rows.connection("AMAZON", "VENDOR")
    assert mine is not None
    mine.url = "http://mine/"
    assert url(rows) == connection.url


def test_strangers_are_not_remembered(connection: Connection, rows: Rows) -> None:
    url(rows)
    before = dict(rows._memory.values)
    assert rows.connection("STRANGER", "VENDOR") is None
    assert rows._memory.values == before


def test_without_a_token_nothing_is_remembered(connection: Connection, rows: Rows) -> None:
    url(rows)
    Revision.objects.all().delete()
    with CaptureQueriesContext(database) as queries:
        url(rows)
        url(rows)
    assert len(queries) == 4


def test_every_change_makes_another_token(connection: Connection) -> None:
    tokens = set()
    for model in (Connection, KeyPair, Organization, PartnerCertificate):
        model._default_manager.update(created_at=timezone.now())
        tokens.add(Revision.objects.get().token)
    connection.partner.save()
    tokens.add(Revision.objects.get().token)
    assert len(tokens) == 5


def test_triggers_can_be_installed_again(connection: Connection, rows: Rows) -> None:
    triggers.install(using="default")
    url(rows)
    Connection.objects.update(url="http://new/")
    assert url(rows) == "http://new/"


def test_installing_waits_for_the_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database.introspection, "table_names", lambda _cursor: [])
    with CaptureQueriesContext(database) as queries:
        triggers.install(using="default")
    assert not [query for query in queries if " ON partners_" in query["sql"]]


def test_a_block_asks_once_whether_anything_has_changed(connection: Connection, rows: Rows) -> None:
    url(rows)
    with CaptureQueriesContext(database) as queries, rows.held():
        url(rows)
        rows.certificates(connection)
        rows.certificates(connection)
    assert sum("partners_revision" in query["sql"] for query in queries) == 1


def test_what_changes_during_a_block_is_seen_after_it(connection: Connection, rows: Rows) -> None:
    with rows.held():
        before = url(rows)
        Connection.objects.update(url="http://new/")
        assert url(rows) == before
    assert url(rows) == "http://new/"


def test_what_changed_before_a_block_is_seen_in_it(connection: Connection, rows: Rows) -> None:
    url(rows)
    Connection.objects.update(url="http://new/")
    with rows.held():
        assert url(rows) == "http://new/"
