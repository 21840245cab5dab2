"""Two hosts of one gateway: each with its own folder and processes; PostgreSQL, Redis, a bucket and
the inbox and outbox folders are shared. One host dies under load, and nobody notices.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException
from itertools import cycle
from pathlib import Path
from threading import Event

import pytest
from cryptography.fernet import Fernet

from tests import services
from tests.functional import client
from tests.functional.client import message, request
from tests.functional.pair import PATIENCE, records_of
from tests.functional.records import Records
from tests.gateway_process import Gateway, wait_for
from tests.messages.partner import Partner
from tests.messages.sender import disposition
from tests.messages.servers import serve

DOCUMENTS = 30


@dataclass(frozen=True, slots=True)
class Hosts:
    """Both hosts, and what they share."""

    first: Gateway
    second: Gateway
    inbox: Path
    outbox: Path

    @property
    def records(self) -> Records:
        return records_of(self.first)

    def handed_over(self) -> list[bytes]:
        """Every document that the business side finds."""
        folder = self.inbox / "VENDOR" / "AMAZON"
        return [path.read_bytes() for path in folder.glob("[!.]*")]


@pytest.fixture
def hosts(tmp_path: Path, redis_url: str, postgres_url: str, s3_url: str) -> Iterator[Hosts]:
    inbox, outbox = tmp_path / "inbox", tmp_path / "outbox"
    inbox.mkdir()
    outbox.mkdir()
    env = {
        "DATABASE_URL": postgres_url,
        "REDIS_URL": redis_url,
        "AS2_STORE_URL": s3_url,
        "AS2_INBOX": str(inbox),
        "AS2_OUTBOX": str(outbox),
        "AS2_KEY_RING": Fernet.generate_key().decode(),
        "AS2_SEND_LEASE": "15",  # until another host takes over what a dead one was at
        "SECRET_KEY": "the same on every host " * 3,
        **services.S3_CREDENTIALS,
    }
    first = Gateway(tmp_path / "first", env=env)
    with first, Gateway(tmp_path / "second", env=env) as second:
        yield Hosts(first, second, inbox, outbox)


@pytest.fixture
def s3_url() -> Iterator[str]:
    with services.s3_server() as server:
        yield services.create_bucket(server)


def hand_in(hosts: Hosts, document: bytes, turn: int, dead: Event) -> str:
    """Be a partner that sends until it has its MDN, to whichever host answers; the MDN's words."""
    octets = request(message(document))
    for host in cycle([hosts.first, hosts.second][:: 1 if turn % 2 else -1]):
        if host is hosts.second and dead.is_set():
            continue
        with suppress(OSError, HTTPException):
            reply = client.send(host, octets)
            if reply.status == 200:
                return disposition(reply)
    raise AssertionError("no host answered")


def test_a_host_dies_under_load_and_every_document_arrives_once(hosts: Hosts) -> None:
    client.set_up(hosts.first)
    documents = [client.document() for _ in range(DOCUMENTS)]
    dead = Event()
    with ThreadPoolExecutor(4) as pool:
        answers = [
            pool.submit(hand_in, hosts, document, turn, dead)
            for turn, document in enumerate(documents)
        ]
        answers[DOCUMENTS // 3].result(PATIENCE)
        hosts.second.crash()
        dead.set()
        words = {answer.result(PATIENCE) for answer in answers}
    assert words == {"processed"}
    wait_for(lambda: len(hosts.handed_over()) >= DOCUMENTS, PATIENCE, "every document")
    assert sorted(hosts.handed_over()) == sorted(documents)
    states = hosts.records.rows("SELECT state, count(*) AS n FROM as2_messages_message GROUP BY 1")
    assert [*states] == [{"state": "accepted", "n": DOCUMENTS}]


def test_what_one_host_took_over_another_one_sends(hosts: Hosts) -> None:
    with serve(Partner().answers) as peer:
        client.set_up(hosts.first, AMAZON=peer.url)
        folder = hosts.outbox / "VENDOR" / "AMAZON"
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(DOCUMENTS):
            draft = folder / f".{number}.edi"
            draft.write_bytes(client.document())
            draft.rename(folder / f"{number}.edi")
        query = "SELECT count(*) AS n FROM as2_messages_message WHERE state = 'delivered'"

        def delivered() -> int:
            return int(hosts.records.rows(query)[0]["n"])

        wait_for(lambda: delivered() >= DOCUMENTS // 3, PATIENCE, "the first documents")
        hosts.second.crash()
        wait_for(lambda: delivered() == DOCUMENTS, PATIENCE, "every document")
    ids = {
        line
        for octets in peer.requests
        for line in octets.partition(b"\r\n\r\n")[0].split(b"\r\n")
        if line.lower().startswith(b"message-id:")
    }
    assert len(ids) == DOCUMENTS
    assert list(folder.glob("*.edi")) == []


def test_two_beats_do_no_harm(hosts: Hosts) -> None:
    client.set_up(hosts.first)
    document = client.document()
    assert hand_in(hosts, document, 0, Event()) == "processed"
    assert hosts.first.pid("beat") != hosts.second.pid("beat")
    wait_for(hosts.handed_over, PATIENCE, "the document")
    assert hosts.handed_over() == [document]
