"""A backup of a gateway at work, restored to a second home: it verifies, and goes on."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import services
from tests.functional import client
from tests.functional.client import message, request
from tests.functional.pair import PATIENCE, records_of
from tests.gateway_process import Gateway, GatewayFailed, wait_for
from tests.messages.partner import Partner
from tests.messages.sender import Sent, disposition, verify
from tests.messages.servers import Peer, serve


@pytest.fixture
def partner() -> Iterator[Peer]:
    with serve(Partner().answers) as peer:
        yield peer


def receive(gateway: Gateway, sent: Sent) -> None:
    reply = client.send(gateway, request(sent))
    assert disposition(reply) == "processed"
    verify(reply, sent)


def send(gateway: Gateway, folder: Path, document: bytes) -> None:
    file = folder / "order.edi"
    file.write_bytes(document)
    gateway.manage("send", str(file), "--from", "VENDOR", "--to", "AMAZON", "--wait", "60")


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_a_restored_gateway_verifies_and_goes_on(
    tmp_path: Path, partner: Peer, database: str, postgres_server: str
) -> None:
    old_url, new_url = (
        ({"DATABASE_URL": services.create_database(postgres_server)} for _ in range(2))
        if database == "postgres"
        else ({}, {})
    )
    sent, document = message(client.document()), client.document()
    with Gateway(tmp_path / "old", env=old_url) as old:
        client.set_up(old, AMAZON=partner.url)
        receive(old, sent)
        send(old, tmp_path, document)
        assert "database to" in old.manage("backup", str(tmp_path / "copy"))
        ring = old.env["AS2_KEY_RING"]
    shutil.rmtree(tmp_path / "old")

    shutil.copytree(tmp_path / "copy", tmp_path / "new")
    if new_url:
        restore(tmp_path / "copy" / "database.dump", new_url["DATABASE_URL"])
    with Gateway(tmp_path / "new", env={**new_url, "AS2_KEY_RING": ring}) as new:
        assert "0 missing, 0 changed, 0 orphans" in new.manage("verify_store")
        assert "Nothing was altered" in new.manage("verify_audit")
        # The partner's copy is known, and nothing is handed over twice.
        receive(new, sent)
        receive(new, message(client.document()))
        send(new, tmp_path, client.document())
        inbox = new.inbox / "VENDOR" / "AMAZON"
        wait_for(lambda: len([*inbox.glob("[!.]*")]) == 2, PATIENCE, "the second document")
        assert records_of(new).count("message") == 4


def restore(dump: Path, url: str) -> None:
    program = services.find_program("pg_restore")
    subprocess.run([program, "--no-owner", f"--dbname={url}", str(dump)], check=True)


def test_a_second_backup_copies_what_is_new(tmp_path: Path) -> None:
    def payloads() -> set[tuple[Path, int]]:
        return {(each, each.stat().st_ino) for each in store.rglob("*.payload")}

    store = tmp_path / "copy" / "store"
    with Gateway(tmp_path / "home") as gateway:
        client.set_up(gateway)
        receive(gateway, message(client.document()))
        gateway.manage("backup", str(tmp_path / "copy"))
        first = payloads()
        receive(gateway, message(client.document()))
        gateway.manage("backup", str(tmp_path / "copy"))
    assert len(first) == 1
    assert first < payloads()


def test_a_backup_into_the_home_is_refused(tmp_path: Path) -> None:
    gateway = Gateway(tmp_path / "home")
    gateway.manage("migrate")
    with pytest.raises(GatewayFailed, match="belongs on another disk"):
        gateway.manage("backup", str(tmp_path / "home" / "copy"))
