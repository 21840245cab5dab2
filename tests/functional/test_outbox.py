"""The outbox folder as the business side uses it, of a gateway that runs."""

import time
from pathlib import Path
from uuid import uuid4

from messages.outbox import QUIET
from tests.functional.pair import Pair
from tests.functional.permutations import ASYNC, USUAL


def new_name() -> str:
    return f"{uuid4().hex[:8]}.edi"


def test_a_file_that_is_renamed_into_the_outbox_arrives_and_is_gone(pair: Pair) -> None:
    name = new_name()
    pair.a.drop(USUAL.name, name, b"UNB+order")
    assert pair.wait_until_sent(pair.a, name)["state"] == "delivered"
    assert pair.wait_until_handed_over(pair.b, USUAL.name, name) == [b"UNB+order"]
    assert list(pair.a.outbox(USUAL.name).glob(f"*{name}*")) == []


def test_a_file_in_progress_is_not_taken_until_it_is_closed(pair: Pair) -> None:
    name, after = new_name(), new_name()
    path: Path = pair.a.outbox(USUAL.name) / name
    with path.open("wb") as file:
        file.write(b"UNB+first half")
        file.flush()
        # Quiet for long enough that a file which nobody writes would be taken, as the other one is.
        time.sleep(QUIET)
        pair.a.drop(USUAL.name, after, b"UNB+another")
        pair.wait_until_sent(pair.a, after)
        assert pair.a.records.messages(name) == []
        file.write(b", second half")
    assert pair.wait_until_sent(pair.a, name)["state"] == "delivered"
    copies = pair.wait_until_handed_over(pair.b, USUAL.name, name)
    assert copies == [b"UNB+first half, second half"]


def test_a_file_with_an_unfinished_name_is_left_alone(pair: Pair) -> None:
    after = new_name()
    path = pair.a.outbox(USUAL.name) / f"{new_name()}.part"
    path.write_bytes(b"UNB+half")
    pair.a.drop(USUAL.name, after, b"UNB+another")
    pair.wait_until_sent(pair.a, after)
    assert path.exists()
    assert pair.a.records.messages(path.name) == []


def test_the_same_file_sent_again_is_another_message(pair: Pair) -> None:
    name = new_name()
    for count in (1, 2):
        pair.a.drop(ASYNC.name, name, b"UNB+same")
        wait_for_copies(pair, name, count)
    first, second = pair.a.records.messages(name, "outbound")
    assert first["message_id"] != second["message_id"]
    assert pair.b.handed_over(ASYNC.name, name) == [b"UNB+same", b"UNB+same"]


def wait_for_copies(pair: Pair, name: str, count: int) -> None:
    """Wait until that many messages of a file are proven, and handed over."""

    def proven() -> int:
        messages = pair.a.records.messages(name, "outbound")
        return sum(message["state"] == "delivered" for message in messages)

    pair.wait_for(lambda: proven() == count, f"{count} proven messages")
    pair.wait_for(lambda: len(pair.b.handed_over(ASYNC.name, name)) == count, f"{count} documents")


def test_the_command_sends_a_file_and_prints_its_proof(pair: Pair, tmp_path: Path) -> None:
    path = tmp_path / new_name()
    path.write_bytes(b"UNB+by hand")
    ends = ["--from", pair.a.as2_id(USUAL.name), "--to", pair.b.as2_id(USUAL.name)]
    printed = pair.a.gateway.manage("send", str(path), *ends)
    signer = pair.b.identity.certificate.fingerprint[:16]
    assert "state    delivered" in printed
    assert f"MDN      processed (signed by {signer}, MIC matched)" in printed
    assert pair.wait_until_handed_over(pair.b, USUAL.name, path.name) == [b"UNB+by hand"]
