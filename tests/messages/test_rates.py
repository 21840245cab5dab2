"""Rates: who comes too often is asked to come again later, and strangers use up nobody's share."""

import itertools
from http import HTTPStatus

import pytest
import redis
from pytest_django import Settings

from audit.addresses import client_address
from audit.models import AuditEvent
from messages.intake import Refused
from messages.models import Message, UnknownSender
from messages.rates import Kind, Limiter, Memory, Shared, get_limiter
from partners.models import Connection
from tests import services
from tests.messages import sender
from tests.messages.sender import message

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("home")]

NAMES = ("NOBODY", "VENDOR")


class Clock:
    """Unix time that a test sets; it begins with a window."""

    def __init__(self) -> None:
        self.now = 60_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(autouse=True)
def one_minute(monkeypatch: pytest.MonkeyPatch, limiter: Limiter, clock: Clock) -> None:
    """All requests of a test come within one window."""
    monkeypatch.setattr(limiter, "_clock", clock)


@pytest.fixture
def own(clock: Clock) -> Limiter:
    """A limiter with a clock of the test's."""
    return Limiter(Memory(), Memory(), clock)


@pytest.fixture(autouse=True)
def limits(settings: Settings) -> None:
    settings.AS2_RATE_STRANGER = 5
    settings.AS2_RATE_UNKNOWN_PAIR = 3
    settings.AS2_RATE_PARTNER = 4


def refused(limiter: Limiter, address: str, names: tuple[str, str] | None = None) -> bool:
    try:
        limiter.check_stranger(address, names)
    except Refused as refusal:
        return refusal.status is HTTPStatus.TOO_MANY_REQUESTS
    return False


def test_a_stranger_that_comes_too_often_is_asked_to_come_later(connection: Connection) -> None:
    names = itertools.count()
    replies = [message(as2_from=f"NOBODY-{next(names)}").send() for _ in range(7)]
    assert [reply.status for reply in replies] == [200] * 5 + [429] * 2
    assert 1 <= int(replies[-1].headers.get("Retry-After") or 0) <= 60
    assert UnknownSender.objects.count() == 5


def test_a_pair_of_unknown_names_has_a_limit_of_its_own(connection: Connection) -> None:
    replies = [message(as2_from="NOBODY").send() for _ in range(4)]
    assert [reply.status for reply in replies] == [200] * 3 + [429]
    assert message(as2_from="ANOTHER").send().status == 200


def test_what_is_no_message_counts_as_a_stranger(connection: Connection) -> None:
    replies = [message().with_fields(AS2_From=None).send() for _ in range(6)]
    assert [reply.status for reply in replies] == [400] * 5 + [429]


def test_a_flood_of_strangers_takes_nothing_from_a_partner(connection: Connection) -> None:
    for _ in range(20):
        message(as2_from="NOBODY").send()
    sent = message()
    sender.verify(sent.send(), sent)


def test_a_partner_has_a_limit_too(connection: Connection) -> None:
    replies = [message().send() for _ in range(5)]
    assert [reply.status for reply in replies] == [200] * 4 + [429]
    assert Message.objects.count() == 1
    event = AuditEvent.objects.get(tag="connection:rate:exceeded")
    assert event.subject_pk == str(connection.pk)


def test_no_limit_is_none(connection: Connection, settings: Settings) -> None:
    settings.AS2_RATE_STRANGER = settings.AS2_RATE_UNKNOWN_PAIR = 0
    assert {message(as2_from="NOBODY").send().status for _ in range(10)} == {200}


def test_a_new_minute_begins_anew(own: Limiter, clock: Clock) -> None:
    assert [refused(own, "192.0.2.1") for _ in range(6)] == [False] * 5 + [True]
    clock.now += 59.4
    with pytest.raises(Refused) as refusal:
        own.check_stranger("192.0.2.1", None)
    assert refusal.value.fields == (("Retry-After", "1"),)
    clock.now += 1
    assert not refused(own, "192.0.2.1")


def test_ipv4_on_a_socket_for_both_kinds_is_counted_apart(own: Limiter) -> None:
    one, other = (
        client_address({"REMOTE_ADDR": each}) for each in ("::ffff:192.0.2.1", "::ffff:192.0.2.2")
    )
    assert one is not None
    assert other is not None
    while not refused(own, one):
        pass
    assert not refused(own, other)


def test_addresses_are_counted_apart_and_those_of_an_ipv6_network_together(own: Limiter) -> None:
    assert not any(refused(own, f"192.0.2.{number}") for number in range(10))
    found = [refused(own, f"2001:db8::{number}") for number in range(6)]
    assert found == [False] * 5 + [True]
    assert not refused(own, "2001:db8:0:1::1")


def test_too_many_are_told_of_once_a_minute(own: Limiter, clock: Clock) -> None:
    for _ in range(3):
        for number in range(10):
            refused(own, "192.0.2.1")
            refused(own, f"192.0.2.{10 + number % 2}")
    events = AuditEvent.objects.filter(tag="sender:rate:exceeded")
    assert events.get().subject_name == "192.0.2.1"
    clock.now += 60
    for _ in range(6):
        refused(own, "192.0.2.2")
    assert events.count() == 2


def test_memory_is_bounded(clock: Clock) -> None:
    memory = Memory()
    for number in range(10_500):
        memory.add(str(number), 1)
    assert len(memory._counts) == 10_000


def test_hosts_that_share_a_redis_count_together(redis_url: str, clock: Clock) -> None:
    clients = [redis.Redis.from_url(redis_url) for _ in range(2)]
    hosts = [Limiter(Shared(client, clock), Memory(), clock) for client in clients]
    found = [refused(hosts[number % 2], "192.0.2.1", NAMES) for number in range(5)]
    assert found == [False] * 3 + [True] * 2
    assert all(1 <= clients[0].ttl(key) <= 120 for key in clients[0].scan_iter())
    for client in clients:
        client.close()


def test_without_its_redis_a_host_counts_alone(clock: Clock) -> None:
    client = redis.Redis.from_url(f"redis://127.0.0.1:{services.free_port()}/0")
    limiter = Limiter(Shared(client, clock), Memory(), clock)
    assert [refused(limiter, "192.0.2.1") for _ in range(6)] == [False] * 5 + [True]


def test_the_redis_of_the_settings_is_used(settings: Settings) -> None:
    settings.AS2_REDIS_URL = "redis://127.0.0.1:9/0"
    get_limiter.cache_clear()
    assert isinstance(get_limiter()._counters[Kind.ADDRESS], Shared)
    get_limiter.cache_clear()
