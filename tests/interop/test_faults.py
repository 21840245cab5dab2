"""Large documents, repetitions, strangers and damage, between us and other people's products.

Where something has to go wrong on the way, a proxy does it; all else is real on both sides.
"""

import hashlib
import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.interop.defects import compares
from tests.interop.matrix import Row
from tests.interop.meeting import Line, Meeting, Meetings, met_or_left_out, visible
from tests.interop.peer import PEER, Event, Product
from tests.interop.proxy import (
    LosesFirstAnswer,
    Meddler,
    Proxy,
    altered,
    flipped,
    passed_on,
    proxy,
    twice,
)

products = pytest.mark.parametrize("product", list(Product), ids=str)
damages = pytest.mark.parametrize("name", ["ALTERED", "FLIPPED"])

ENCRYPTED = Row("sha-256", "aes-128-cbc", "none", "sync-signed")
SIGNED = Row("sha-256", "none", "none", "sync-signed")
PLAIN = Row("none", "none", "none", "sync-signed")

#: Relations with something in between: how they pack, and who meddles on the way out and in.
MEDDLED: dict[str, tuple[Row, Callable[[], Meddler], Meddler]] = {
    "REPEATED": (ENCRYPTED, LosesFirstAnswer, twice),
    "ALTERED": (SIGNED, lambda: altered, altered),
    "FLIPPED": (ENCRYPTED, lambda: flipped, flipped),
    "OTHER-MIC": (PLAIN, lambda: altered, altered),
    "STRANGER": (ENCRYPTED, lambda: passed_on, passed_on),
}

DOCUMENT = b"ISA*00*          *00*~\r\nGS~\nST~\r" + bytes(range(256)) * 20
#: What ``altered`` makes of it.
ANOTHER = DOCUMENT.replace(b"ISA*00*", b"ISA*01*", 1)

#: Products that deliver a document again when the same message comes again.
DELIVER_TWICE = (Product.OPENAS2, Product.AS2_LIB)


class Doors:
    """The proxies of the meeting that is on, by relation."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self.out: dict[str, Proxy] = {}
        self.back: dict[str, Proxy] = {}

    def lines(self, product: Product) -> Iterator[Line]:
        """Open new ones; a stranger is known to neither side under the name that it comes by."""
        patient = {**ENCRYPTED.ours(), "response_timeout": 600}
        yield Line("LARGE", patient, ENCRYPTED.theirs(product))
        yield Line("UNKNOWN-THERE", ENCRYPTED.ours(), None)
        for name, (row, out, back) in MEDDLED.items():
            self.out[name] = self._stack.enter_context(proxy(out()))
            self.back[name] = self._stack.enter_context(proxy(back))
            ours = None if name == "STRANGER" else row.ours()
            urls = self.out[name].url, self.back[name].url
            yield Line(name, ours, row.theirs(product), *urls)

    def begin(self, met: Meeting) -> None:
        """Show them where the two sides are."""
        for name in MEDDLED:
            self.out[name].target = met.peer.url
            self.back[name].target = f"{met.gateway.url}/as2"


@pytest.fixture(scope="module")
def doors() -> Iterator[Doors]:
    with ExitStack() as stack:
        yield Doors(stack)


@pytest.fixture(scope="module")
def meetings(doors: Doors, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Meetings]:
    folder = tmp_path_factory.mktemp("faults")
    with Meetings(folder, doors.lines, doors.begin) as kept:
        yield kept


@pytest.fixture
def met(meetings: Meetings, product: Product) -> Meeting:
    return met_or_left_out(meetings, product)


@pytest.fixture(scope="module")
def large() -> bytes:
    """50 MB that do not compress, the same in every run."""
    return random.Random(50).randbytes(50_000_000)


def sha256(octets: bytes) -> str:
    """Short enough for a failure to show."""
    return hashlib.sha256(octets).hexdigest()


def inbox(met: Meeting, name: str) -> list[Path]:
    return visible(met.gateway.inbox / name / PEER)


def judged(met: Meeting, message_id: str) -> Event:
    """What the peer thinks of our MDN."""
    return met.verdict(message_id, "mdn", "send-failed")


@products
def test_50_mb_go_to_the_peer(met: Meeting, large: bytes) -> None:
    met.send_out("LARGE", "large.bin", large)
    message = met.settled("LARGE")
    assert (message["state"], message["failure_text"]) == ("delivered", "")
    assert [(m["disposition"], m["mic_matched"]) for m in message["mdns"]] == [("processed", 1)]
    verdict = met.verdict(message["message_id"], "received", "rejected")
    assert verdict["event"] == "received"
    assert sha256(met.peer.received(verdict)) == sha256(large)


@products
def test_50_mb_come_from_the_peer(met: Meeting, large: bytes) -> None:
    met.peer.drop("LARGE", "large.bin", large)
    message = met.came("LARGE")
    assert (message["state"], message["failure_text"]) == ("accepted", "")
    assert [sha256(each) for each in met.handed_over("LARGE")] == [sha256(large)]
    verdict = judged(met, message["message_id"])
    assert (verdict["disposition"], verdict["signature_ok"]) == ("processed", True)
    assert verdict["mic_matched"] is (True if compares(met.product, ENCRYPTED) else None)


@products
def test_a_message_whose_answer_was_lost_goes_again_octet_for_octet(
    met: Meeting, doors: Doors
) -> None:
    met.send_out("REPEATED", "once.x12", DOCUMENT)
    met.wait_for(lambda: tried(met, "REPEATED"), "the first attempt")
    met.records.turn_clock()
    message = met.settled("REPEATED")
    assert (message["state"], message["attempts"]) == ("delivered", 2)
    first, second = doors.out["REPEATED"].forwarded
    assert first == second
    met.wait_for(lambda: len(met.peer.events(message["message_id"])) == 2, "two verdicts")
    told = [event["event"] for event in met.peer.events(message["message_id"])]
    again = "received" if met.product in DELIVER_TWICE else "rejected"
    assert told == ["received", again]


@products
def test_a_message_that_comes_twice_is_handed_over_once(met: Meeting, doors: Doors) -> None:
    met.peer.drop("REPEATED", "once.x12", DOCUMENT)
    message = met.came("REPEATED")
    verdict = judged(met, message["message_id"])
    assert (verdict["event"], verdict["disposition"]) == ("mdn", "processed")
    first, second = doors.back["REPEATED"].answers
    assert first.body == second.body
    assert met.handed_over("REPEATED") == [DOCUMENT]


@products
@damages
def test_the_peer_refuses_what_was_damaged_and_we_take_its_word(met: Meeting, name: str) -> None:
    met.send_out(name, "damaged.x12", DOCUMENT)
    message = met.settled(name)
    assert message["state"] == "failed"
    assert [m["disposition"].split(":")[0].lower() for m in message["mdns"]] == ["processed/error"]
    assert met.verdict(message["message_id"], "received", "rejected")["event"] == "rejected"


@products
@damages
def test_we_refuse_what_was_damaged_and_the_peer_takes_our_word(met: Meeting, name: str) -> None:
    met.peer.drop(name, "damaged.x12", DOCUMENT)
    message = met.came(name)
    assert message["state"] == "rejected"
    assert message["failure_code"] in {"integrity-check-failed", "decryption-failed"}
    assert inbox(met, name) == []
    verdict = judged(met, message["message_id"])
    told = verdict.get("disposition") or verdict["reason"]
    assert "processed" not in (verdict["event"], verdict.get("disposition"))
    assert message["failure_code"] in told


@products
def test_a_signed_mdn_for_another_document_is_no_proof(met: Meeting) -> None:
    met.send_out("OTHER-MIC", "swapped.x12", DOCUMENT)
    message = met.settled("OTHER-MIC")
    verdict = met.verdict(message["message_id"], "received", "rejected")
    assert met.peer.received(verdict) == ANOTHER
    assert message["state"] == "failed"
    assert "another content than we sent" in message["failure_text"]
    assert [(m["state"], m["mic_matched"]) for m in message["mdns"]] == [("refused", 0)]


@products
def test_our_mdn_tells_the_peer_that_another_document_came(met: Meeting) -> None:
    met.peer.drop("OTHER-MIC", "swapped.x12", DOCUMENT)
    message = met.came("OTHER-MIC")
    assert met.handed_over("OTHER-MIC") == [ANOTHER]
    verdict = judged(met, message["message_id"])
    assert (verdict["event"], verdict["signature_ok"]) == ("mdn", True)
    assert verdict["mic_matched"] is (False if compares(met.product, PLAIN) else None)


@products
def test_a_peer_that_does_not_know_us_delivers_nothing(met: Meeting) -> None:
    met.send_out("UNKNOWN-THERE", "stranger.x12", DOCUMENT)
    met.wait_for(lambda: tried(met, "UNKNOWN-THERE"), "the first attempt")
    (message,) = met.outbound("UNKNOWN-THERE")
    assert message["state"] != "delivered"
    assert message["failure_text"]
    met.wait_for(lambda: met.peer.events(kind="rejected"), "its verdict")
    assert met.peer.events(message["message_id"], "received") == []


@products
def test_a_peer_that_we_do_not_know_is_told_and_hands_over_nothing(
    met: Meeting, doors: Doors
) -> None:
    door = doors.back["STRANGER"]
    met.peer.drop("STRANGER", "stranger.x12", DOCUMENT)
    met.wait_for(lambda: door.answers, "our answer")
    assert (door.answers[0].status, met.inbound("STRANGER")) == (200, [])
    assert b"processed/error" in door.answers[0].body.lower()
    assert not (met.gateway.inbox / "STRANGER").exists()
    verdict = judged(met, door.message_ids[0])
    assert verdict.get("disposition") != "processed"


def tried(met: Meeting, name: str) -> bool:
    """Say whether an attempt was made and is over."""
    return any(m["attempts"] and m["state"] != "sending" for m in met.outbound(name))
