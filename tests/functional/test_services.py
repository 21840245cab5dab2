"""Two gateways on PostgreSQL and Redis, and what they do when Redis forgets, or is gone."""

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from uuid import uuid4

import pytest
import redis

from tests import services
from tests.functional import client
from tests.functional.client import request
from tests.functional.pair import PATIENCE, Pair, running_pair
from tests.functional.permutations import ASYNC, USUAL
from tests.gateway_process import wait_for
from tests.messages import sender
from tests.messages.partner import Partner
from tests.messages.servers import Peer, serve

DIRECTIONS = ("a to b", "b to a")
RELATIONS = (USUAL.name, ASYNC.name)


class RedisSwitch:
    """A Redis that can be turned off and on again; it forgets everything meanwhile."""

    def __init__(self) -> None:
        self.port = services.free_port()
        self._running = ExitStack()

    def on(self) -> None:
        self._running.enter_context(services.redis_server(self.port))

    def off(self) -> None:
        self._running.close()

    def url(self, number: int) -> str:
        return f"redis://127.0.0.1:{self.port}/{number}"

    @contextmanager
    def forgetting(self) -> Iterator[None]:
        """Empty it five times a second while the block runs."""
        end = threading.Event()
        thread = threading.Thread(target=self._forget, args=(end,))
        thread.start()
        try:
            yield
        finally:
            end.set()
            thread.join()

    def _forget(self, end: threading.Event) -> None:
        with closing(redis.Redis.from_url(self.url(0))) as server:
            while not end.wait(0.2):
                server.flushall()


@pytest.fixture(scope="module")
def switch(redis_server: str) -> Iterator[RedisSwitch]:
    """Needs a Redis as ``redis_server`` does, but one of its own."""
    switch = RedisSwitch()
    switch.on()
    yield switch
    switch.off()


class SlowPartner:
    """A partner of VENDOR's, who answers when told to."""

    def __init__(self) -> None:
        self.may_answer = threading.Event()

    def __call__(self, connection: socket.socket, octets: bytes) -> None:
        self.may_answer.wait(PATIENCE)
        Partner().answers(connection, octets)


@pytest.fixture(scope="module")
def slow() -> SlowPartner:
    return SlowPartner()


@pytest.fixture(scope="module")
def slow_server(slow: SlowPartner) -> Iterator[Peer]:
    with serve(slow) as peer:
        yield peer


@pytest.fixture(scope="module")
def pair(
    tmp_path_factory: pytest.TempPathFactory,
    switch: RedisSwitch,
    postgres_server: str,
    slow_server: Peer,
) -> Iterator[Pair]:
    relations = [USUAL.relation, ASYNC.relation]
    env_a, env_b = (
        {"REDIS_URL": switch.url(n), "DATABASE_URL": services.create_database(postgres_server)}
        for n in (0, 1)
    )
    with running_pair(tmp_path_factory.mktemp("services"), relations, env_a, env_b) as pair:
        client.set_up(pair.b.gateway, SLOW=slow_server.url)
        yield pair


def drop_everywhere(pair: Pair, documents: dict[str, bytes]) -> None:
    for name, payload in documents.items():
        pair.ends(direction(name))[0].drop(relation(name), name, payload)


def check_all_arrive_once(pair: Pair, documents: dict[str, bytes]) -> None:
    for name, payload in documents.items():
        sender_side, receiver = pair.ends(direction(name))
        message = pair.wait_until_sent(sender_side, name)
        assert (message["state"], message["mdns"][0]["state"]) == ("delivered", "verified")
        assert pair.wait_until_handed_over(receiver, relation(name), name) == [payload]
        assert receiver.records.message(name, "inbound")["state"] == "accepted"


def new_documents(count: int) -> dict[str, bytes]:
    mark = uuid4().hex[:6]
    return {f"{mark}-{number}.edi": client.document() for number in range(count)}


def direction(name: str) -> str:
    return DIRECTIONS[int(name[-5]) % 2]


def relation(name: str) -> str:
    return RELATIONS[int(name[-5]) // 2 % 2]


def test_documents_go_both_ways_with_both_kinds_of_mdn(pair: Pair) -> None:
    documents = new_documents(4)
    drop_everywhere(pair, documents)
    check_all_arrive_once(pair, documents)


def test_background_work_is_seen(pair: Pair) -> None:
    for side in (pair.a, pair.b):
        wait_for(lambda: side.gateway.readiness()["status"] == "ready", PATIENCE, "a heartbeat")  # noqa: B023 - used up within the turn


def test_a_redis_that_forgets_all_the_time_loses_nothing(pair: Pair, switch: RedisSwitch) -> None:
    documents = new_documents(8)
    with switch.forgetting():
        drop_everywhere(pair, documents)
        check_all_arrive_once(pair, documents)


def test_without_redis_messages_are_taken_and_go_on_when_it_is_back(
    pair: Pair, switch: RedisSwitch
) -> None:
    payload, documents = client.document(), new_documents(4)
    sent = client.message(payload)
    switch.off()
    try:
        sender.verify(client.send(pair.b.gateway, request(sent)), sent)
        drop_everywhere(pair, documents)
        assert client.copies(pair.b.gateway, payload) == 0
    finally:
        switch.on()
    check_all_arrive_once(pair, documents)
    wait_for(lambda: client.copies(pair.b.gateway, payload), PATIENCE, "the document")
    assert client.copies(pair.b.gateway, payload) == 1


def test_a_worker_that_was_busy_when_redis_went_goes_on_when_it_is_back(
    pair: Pair, switch: RedisSwitch, slow: SlowPartner, slow_server: Peer
) -> None:
    name, documents = f"{uuid4().hex[:6]}.edi", new_documents(4)
    folder = pair.b.gateway.outbox / "VENDOR" / "SLOW"
    folder.mkdir(parents=True, exist_ok=True)  # the scan may not have made it yet
    (folder / name).write_bytes(client.document())
    pair.wait_for(lambda: slow_server.requests, "a worker that is busy")
    switch.off()
    try:
        slow.may_answer.set()
        # The task ends now, and the worker cannot tell the broker.
        assert pair.wait_until_sent(pair.b, name)["state"] == "delivered"
    finally:
        switch.on()
    drop_everywhere(pair, documents)
    check_all_arrive_once(pair, documents)
