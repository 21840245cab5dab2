from http import HTTPStatus
from typing import Any

import pytest
from django import db
from django.db import IntegrityError, OperationalError
from django.db import connection as database
from pytest_django import Settings

from as2gateway.algorithms import Compression
from messages import failpoints
from messages.models import MDN, Delivery, Message
from messages.store import Store
from partners.models import Connection
from tests import factories
from tests.messages import sender
from tests.messages.arrange import stored_files
from tests.messages.sender import asking_async, message

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("home")]


@pytest.mark.parametrize(
    "point",
    [
        "rx.headers",
        "rx.body",
        "rx.spooled",
        "rx.verify",
        "fs.write",
        "rx.payload_written",
        "fs.fsync",
        "fs.fsync=enospc:2",
        "fs.fsync=enospc:3",
        "rx.renamed",
        "rx.tx_open",
    ],
)
def test_a_full_disk_gives_no_verdict_and_the_message_may_come_again(
    connection: Connection, point: str
) -> None:
    sent = message()
    failpoints.arm(point if "=" in point else f"{point}=enospc")
    reply = sent.send()
    failpoints.arm("")
    assert reply.status == HTTPStatus.SERVICE_UNAVAILABLE
    assert reply.headers.get("Retry-After") == "120"
    assert not Message.objects.exists()
    assert not MDN.objects.exists()
    sender.verify(sent.send(), sent)
    assert Delivery.objects.count() == 1


def test_a_disk_that_is_nearly_full_takes_nothing(
    connection: Connection, settings: Settings
) -> None:
    settings.AS2_MIN_FREE_SPACE = 2**60
    assert message().send().status == HTTPStatus.SERVICE_UNAVAILABLE
    assert stored_files() == []


def test_a_disk_that_fills_while_a_message_is_unpacked_ends_that_before_it_is_full(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []

    def free(store: Store) -> int:
        payloads = [*store.quarantine.glob("*.payload")]
        written.extend(path.stat().st_size for path in payloads)
        return 0 if payloads else 2**60

    sent = message(bytes(60_000_000), compress=Compression.BEFORE_SIGNING)
    monkeypatch.setattr(Store, "free_bytes", free)
    assert sent.send().status == HTTPStatus.SERVICE_UNAVAILABLE
    assert 16_000_000 < max(written) < 20_000_000
    assert stored_files() == []


def test_a_key_that_cannot_be_opened_gives_no_verdict(
    connection: Connection, settings: Settings
) -> None:
    settings.AS2_KEY_RING = ["0" * 43 + "="]
    reply = message().send()
    assert reply.status == HTTPStatus.SERVICE_UNAVAILABLE
    assert not Message.objects.exists()


def test_a_message_that_was_committed_and_not_answered_gets_its_mdn(
    connection: Connection,
) -> None:
    sent = message()
    failpoints.arm("rx.committed=eio")
    assert sent.send().status == HTTPStatus.SERVICE_UNAVAILABLE
    failpoints.arm("")
    sender.verify(sent.send(), sent)
    assert (Message.objects.count(), Delivery.objects.count()) == (1, 1)


def test_a_database_that_is_down_gives_no_verdict(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OperationalError("connection refused")

    sent = message()
    with database.execute_wrapper(refuse):
        assert sent.send().status == HTTPStatus.SERVICE_UNAVAILABLE
    assert stored_files() == []
    sender.verify(sent.send(), sent)


def test_a_row_that_cannot_be_written_gives_no_verdict(connection: Connection) -> None:
    def refuse(execute: Any, sql: str, *rest: Any) -> Any:
        if sql.startswith('INSERT INTO "as2_messages_message"'):
            raise IntegrityError("some other constraint")
        return execute(sql, *rest)

    sent = message()
    with database.execute_wrapper(refuse):
        assert sent.send().status == HTTPStatus.SERVICE_UNAVAILABLE
    assert not Message.objects.exists()


@pytest.fixture
def committed(transactional_db: None) -> Connection:
    return factories.connection()


@pytest.fixture
def lost_commits(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """COMMIT reports a lost connection; the list says for each whether it took place before."""
    takes_place: list[bool] = []
    wrapper_class = type(db.connections["default"])  # Django's, of whichever database
    commit = wrapper_class.commit

    def lose(wrapper: Any) -> None:
        if not takes_place:
            commit(wrapper)
            return
        if takes_place.pop():
            commit(wrapper)
        else:
            wrapper.rollback()
        raise OperationalError("connection lost")

    monkeypatch.setattr(wrapper_class, "commit", lose)
    return takes_place


@pytest.mark.django_db(transaction=True)
def test_a_commit_that_took_place_is_answered_though_its_result_was_lost(
    committed: Connection, lost_commits: list[bool]
) -> None:
    sent = message()
    lost_commits.append(True)
    sender.verify(sent.send(), sent)
    assert (Message.objects.count(), Delivery.objects.count()) == (1, 1)


@pytest.mark.django_db(transaction=True)
def test_a_commit_that_was_lost_gives_no_verdict(
    committed: Connection, lost_commits: list[bool]
) -> None:
    sent = message()
    lost_commits.append(False)
    assert sent.send().status == HTTPStatus.SERVICE_UNAVAILABLE
    assert not Message.objects.exists()
    sender.verify(sent.send(), sent)


@pytest.mark.django_db(transaction=True)
def test_an_async_commit_that_took_place_is_answered(
    committed: Connection, lost_commits: list[bool]
) -> None:
    lost_commits.append(True)
    assert asking_async().send().status == HTTPStatus.OK
    assert Message.objects.get().state == "received"
