"""Documents that wait: given until they are acknowledged, whole or not at all."""

import hashlib
import os
from pathlib import Path

import pytest
from django.db.models import QuerySet
from django.test import Client
from django.utils import timezone

from as2gateway.attachments import Attachment
from audit.models import AuditEvent
from config.access.roles import Role
from messages import delivering, retention, sweeping
from messages.admin import attention
from messages.delivering import DeliveryHeld
from messages.models import Delivery, DeliveryState, Message, State
from messages.store import CHUNK, get_store
from partners.models import Connection, Route
from tests import factories
from tests.config.access import world
from tests.config.api import calling
from tests.messages import made_up

pytestmark = pytest.mark.django_db

DELIVERIES = f"{calling.ROOT}deliveries"
ORDER = b"UNB+order'"


@pytest.fixture
def link() -> Connection:
    return factories.connection(delivery=Route.PULL)


@pytest.fixture
def program(link: Connection) -> Client:
    return calling.client_of(world.user(Role.BUSINESS_SYSTEM, scope=link))


def acknowledge(program: Client, row: Delivery) -> int:
    return program.generic("POST", f"{DELIVERIES}/{row.pk}/acknowledge").status_code


def waiting_ids(program: Client) -> list[int]:
    page = program.get(DELIVERIES, {"state": "waiting"}).json()
    return [row["id"] for row in page["items"]]


def test_what_waits_is_listed_the_oldest_first_until_it_is_acknowledged(
    program: Client, link: Connection
) -> None:
    first, second = calling.waiting(link), calling.waiting(link)
    assert waiting_ids(program) == [first.pk, second.pk]
    assert acknowledge(program, first) == 200
    assert waiting_ids(program) == [second.pk]


def test_a_document_is_given_as_often_as_it_is_asked_for(program: Client, link: Connection) -> None:
    row = calling.waiting(link, ORDER)
    told = program.get(f"{DELIVERIES}/{row.pk}").json()
    given = [b"".join(program.get(f"{DELIVERIES}/{row.pk}/payload")) for _ in range(2)]
    assert given == [ORDER, ORDER]
    assert (told["sha256"], told["size"]) == (hashlib.sha256(ORDER).hexdigest(), len(ORDER))
    assert AuditEvent.objects.filter(tag="message:payload:downloaded", actor="user0").count() == 2


def test_to_acknowledge_twice_does_no_harm(program: Client, link: Connection) -> None:
    row = calling.waiting(link)
    assert [acknowledge(program, row) for _ in range(2)] == [200, 200]
    row.refresh_from_db()
    assert (row.state, row.finished_at is not None) == (DeliveryState.DONE, True)
    event = AuditEvent.objects.get(tag="delivery:pull:acknowledged")
    assert (event.actor, event.data, event.subject_pk) == (
        "user0",
        {"token": "erp"},
        str(row.message_id),
    )


def test_octets_that_have_changed_are_never_given_whole(program: Client, link: Connection) -> None:
    data = os.urandom(2 * CHUNK)
    row = calling.waiting(link, data)
    path = Path(get_store().root) / row.message.payload_key
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    answer = program.get(f"{DELIVERIES}/{row.pk}/payload")
    got: list[bytes] = []
    with pytest.raises(DeliveryHeld, match="SHA-256 has changed"):
        got.extend(answer)
    assert answer["Content-Length"] == str(len(data))
    assert len(b"".join(got)) < len(data)


def test_each_attachment_is_a_document_of_its_own(program: Client, link: Connection) -> None:
    places = {"1.txt": 2, "2.txt": 7}
    parts = [Attachment("text/plain", n, "", "binary", at, 3) for n, at in places.items()]
    row = calling.waiting(link, b"--one--two--")
    fields = [{name: getattr(part, name) for name in Attachment.__slots__} for part in parts]
    Message.objects.update(attachments=fields)
    Delivery.objects.filter(pk=row.pk).update(attachment=2)
    told = program.get(f"{DELIVERIES}/{row.pk}").json()
    answer = program.get(f"{DELIVERIES}/{row.pk}/payload")
    assert b"".join(answer) == b"two"
    assert (told["original_filename"], told["size"], told["sha256"]) == ("2.txt", None, "")
    assert not answer.has_header("Content-Length")


@pytest.mark.parametrize("act", ["payload", "acknowledge"])
def test_what_goes_into_a_folder_does_not_wait(program: Client, link: Connection, act: str) -> None:
    row = made_up.delivery(made_up.message(link, State.ACCEPTED))
    method = "GET" if act == "payload" else "POST"
    assert program.generic(method, f"{DELIVERIES}/{row.pk}/{act}").status_code == 409


def test_what_is_held_is_given_once_it_is_released(program: Client, link: Connection) -> None:
    row = calling.waiting(link, ORDER)
    Delivery.objects.update(state=DeliveryState.HELD, failure_text="It came before.")
    answer = program.get(f"{DELIVERIES}/{row.pk}/payload")
    assert (answer.status_code, answer.json()["detail"]) == (409, "It came before.")
    assert acknowledge(program, row) == 409
    operator = calling.client_of(world.user(Role.OPERATOR))
    retried = operator.generic("POST", f"{DELIVERIES}/{row.pk}/retry")
    assert (retried.status_code, retried.json()["state"]) == (202, "waiting")
    assert b"".join(program.get(f"{DELIVERIES}/{row.pk}/payload")) == ORDER


def test_only_what_is_held_is_retried(link: Connection) -> None:
    operator, row = calling.client_of(world.user(Role.OPERATOR)), calling.waiting(link)
    assert operator.generic("POST", f"{DELIVERIES}/{row.pk}/retry").status_code == 409


@pytest.mark.parametrize("lost", [True, False], ids=["lost", "purged"])
def test_octets_that_are_gone_are_told(program: Client, link: Connection, lost: bool) -> None:
    row = calling.waiting(link)
    if lost:
        get_store().delete(row.message.payload_key)
    else:
        Message.objects.update(payload_key="")
    assert program.get(f"{DELIVERIES}/{row.pk}/payload").status_code == 410


# ------------------------------------------------------------------------- what else knows of it


def test_no_worker_touches_what_waits(link: Connection) -> None:
    row = calling.waiting(link)
    delivering.deliver_due()
    sweeping.sweep()
    row.refresh_from_db()
    assert (row.state, row.attempts) == (DeliveryState.WAITING, 0)


def test_what_waits_is_not_purged(link: Connection) -> None:
    row, now = calling.waiting(link), timezone.now()
    Message.objects.update(finished_at=now)
    later: QuerySet[Message] = retention.purgeable(link, timezone.now())
    assert [*later] == []
    Delivery.objects.update(state=DeliveryState.DONE)
    assert [*later.all()] == [row.message]


def test_what_nobody_fetches_for_a_day_is_shown(link: Connection) -> None:
    row = calling.waiting(link)
    assert [*attention.undelivered(timezone.now())] == []
    assert [*attention.undelivered(timezone.now() + attention.FETCHED)] == [row]


def test_an_operator_acknowledges_for_a_program_that_cannot(
    client: Client, link: Connection
) -> None:
    row = calling.waiting(link)
    client.force_login(world.user(Role.OPERATOR))
    data = {"action": "acknowledge_selected", "_selected_action": [str(row.pk)]}
    client.post("/admin/as2_messages/delivery/", data)
    row.refresh_from_db()
    assert row.state == DeliveryState.DONE
