"""Partners that take a connection and never answer: messages to others go out all the same."""

import socket
from collections.abc import Iterator

import pytest

from tests import factories
from tests.functional import client
from tests.functional.pair import PATIENCE, apply, connection, records_of
from tests.functional.records import Records
from tests.gateway_process import Gateway, wait_for
from tests.messages.partner import Partner
from tests.messages.servers import Peer, serve

#: Messages for the one that never answers; one worker would be busy with them for minutes.
BACKLOG = 30


@pytest.fixture(scope="module")
def silent() -> Iterator[str]:
    """A server that accepts, since the system does, and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=2 * BACKLOG) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/as2"


@pytest.fixture(scope="module")
def quick() -> Iterator[Peer]:
    with serve(Partner().answers) as peer:
        yield peer


@pytest.fixture(scope="module")
def vendor(tmp_path_factory: pytest.TempPathFactory, silent: str, quick: Peer) -> Iterator[Gateway]:
    """VENDOR with one worker; SILENT is waited for as long as the test lasts, thrice."""
    with Gateway(tmp_path_factory.mktemp("silent") / "vendor") as gateway:
        settings = {"response_timeout": 10, "parallel": 8}
        connections = [
            connection("VENDOR", "SILENT", silent, settings),
            connection("VENDOR", "AMAZON", quick.url, settings),
        ]
        ours, theirs = factories.identity("VENDOR"), factories.identity("AMAZON")
        apply(gateway, ["VENDOR"], ours, connections, theirs)
        yield gateway


def drop(gateway: Gateway, partner: str, name: str) -> None:
    folder = gateway.outbox / "VENDOR" / partner
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.tmp").write_bytes(client.document())
    (folder / f"{name}.tmp").rename(folder / name)


def states(records: Records, beginning: str) -> list[str]:
    found = records.states("outbound").items()
    return [state for name, state in found if name.startswith(beginning)]


def test_messages_to_others_overtake_those_for_a_partner_that_never_answers(
    vendor: Gateway,
) -> None:
    records = records_of(vendor)
    for number in range(BACKLOG):
        drop(vendor, "SILENT", f"silent-{number}.edi")
    wait_for(lambda: len(states(records, "silent")) == BACKLOG, PATIENCE, "the backlog")
    for number in range(5):
        drop(vendor, "AMAZON", f"quick-{number}.edi")
    wait_for(
        lambda: states(records, "quick") == ["delivered"] * 5, PATIENCE, "the messages to AMAZON"
    )
    # The backlog is far from being worked through: it did not have to wait for that.
    attempts = records.rows("SELECT count(*) AS n FROM as2_messages_attempt")[0]["n"]
    assert attempts < BACKLOG
    assert set(states(records, "silent")) <= {"queued", "sending"}
