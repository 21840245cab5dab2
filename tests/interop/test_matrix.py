"""The matrix against other people's products, both ways: bytes, our record, and their verdict.

A default run takes a spread of rows; ``make interop`` takes all of them.
"""

import os
from collections.abc import Iterator, Mapping
from itertools import product as every_combination
from types import MappingProxyType

import pytest

from tests.functional.records import Row as Record
from tests.interop.defects import compares, defect
from tests.interop.matrix import ALL, Row, Way, sends, spread
from tests.interop.meeting import Line, Meeting, Meetings, met_or_left_out
from tests.interop.peer import Product

#: Of an MDN: its state, what it says, whether it is signed, and whether its MIC holds.
Proof = tuple[str, str, bool, bool]

ROWS = ALL if os.environ.get("INTEROP") == "all" else spread(ALL)

#: What a product cannot send is not in its rows; what it does badly is.
RUNS = {
    Way.OUT: list(every_combination(Product, ROWS)),
    Way.IN: [(who, row) for who, row in every_combination(Product, ROWS) if sends(who, row)],
}


def each(runs: list[tuple[Product, Row]]) -> pytest.MarkDecorator:
    names = [f"{who}-{row.name}" for who, row in runs]
    return pytest.mark.parametrize(("product", "row"), runs, ids=names)


def cured(row: Row) -> str:
    """The name of the line on which the same row runs with the setting that helps."""
    return f"{row.name}.cured"


def payload(row: Row) -> bytes:
    """A document that shows every change to it: line ends of all kinds, and no text at all."""
    return f"ISA*00*{row.name}~\r\nGS~\nST~\r".encode() + bytes(range(256)) * 20 + b"\r\n\r\n"


def better(product: Product) -> dict[Row, Mapping[str, object]]:
    """Rows that go wrong, and the setting that helps."""
    found = {row: defect(product, Way.OUT, row) for row in ROWS}
    return {row: known.cure for row, known in found.items() if known and known.cure}


def lines(product: Product) -> Iterator[Line]:
    """Both sides are set up alike, and once more with what helps."""
    for row in ROWS:
        yield Line(row.name, row.ours(), row.theirs(product))
    for row, cure in better(product).items():
        yield Line(cured(row), {**row.ours(), **cure}, row.theirs(product))


def send_everything(met: Meeting) -> None:
    """Let every document go at once: the tests wait for their own."""
    for row in ROWS:
        met.send_out(row.name, f"{row.name}.x12", payload(row))
        if sends(met.product, row):
            met.peer.drop(row.name, f"{row.name}.x12", payload(row))
    for row in better(met.product):
        met.send_out(cured(row), f"{row.name}.x12", payload(row))


@pytest.fixture(scope="module")
def meetings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Meetings]:
    with Meetings(tmp_path_factory.mktemp("matrix"), lines, send_everything) as kept:
        yield kept


@pytest.fixture
def met(meetings: Meetings, product: Product) -> Meeting:
    return met_or_left_out(meetings, product)


def proofs(message: Record) -> list[Proof]:
    """What is kept of the MDNs of a message of ours."""
    return [(m["state"], m["disposition"], bool(m["signed"]), _held(m)) for m in message["mdns"]]


def _held(mdn: Record) -> bool:
    # Products leave the MIC out of an MDN that nobody signs.
    return mdn["mic_matched"] == 1 or (mdn["mic_matched"] is None and not mdn["signed"])


def due(row: Row, cure: Mapping[str, object] = MappingProxyType({})) -> list[Proof]:
    """What is to be kept of them when all is well; a MIC that is only forgiven does not hold."""
    signed, held = bool(cure.get("mdn_signed", row.mdn_signed)), "quirks" not in cure
    return [] if row.mdn == "none" else [("verified", "processed", signed, held)]


@each(RUNS[Way.OUT])
def test_the_peer_takes_what_we_send_once_and_byte_for_byte(met: Meeting, row: Row) -> None:
    message = met.settled(row.name)
    verdict = met.verdict(message["message_id"], "received", "rejected")
    assert (verdict["event"], verdict["disposition"]) == ("received", "processed")
    assert met.peer.received(verdict) == payload(row)
    assert met.peer.events(message["message_id"]) == [verdict]


@each(RUNS[Way.OUT])
def test_the_mdn_of_the_peer_is_verified_and_decides(met: Meeting, row: Row) -> None:
    message = met.settled(row.name)
    known = defect(met.product, Way.OUT, row)
    if known:
        assert (message["state"], message["mdns"][0]["state"]) == ("failed", "refused")
        assert known.told in message["failure_text"]
    else:
        assert (message["state"], message["failure_text"]) == ("delivered", "")
        assert proofs(message) == due(row)


@each([(who, row) for who in Product for row in better(who)])
def test_a_setting_of_ours_bears_the_defect(met: Meeting, row: Row) -> None:
    message = met.settled(cured(row))
    assert (message["state"], message["failure_text"]) == ("delivered", "")
    known = defect(met.product, Way.OUT, row)
    assert known is not None
    assert proofs(message) == due(row, known.cure)
    # What is only forgiven is said beside the MDN.
    told = [mdn["failure_text"] for mdn in message["mdns"]]
    assert ["forgiven" in text for text in told] == ["quirks" in known.cure]
    verdict = met.verdict(message["message_id"], "received", "rejected")
    assert met.peer.received(verdict) == payload(row)


@each(RUNS[Way.IN])
def test_what_the_peer_sends_is_handed_over_once_and_byte_for_byte(met: Meeting, row: Row) -> None:
    message = met.came(row.name)
    assert (message["state"], message["failure_text"]) == ("accepted", "")
    found = (message["signed"], message["encrypted"], bool(message["compressed"]))
    plain = ("" if value == "none" else value for value in (row.sign, row.encrypt))
    assert found == (*plain, row.compress != "none")
    assert met.handed_over(row.name) == [payload(row)]


@each(RUNS[Way.IN])
def test_our_mdn_is_of_the_kind_that_the_peer_asked_for(met: Meeting, row: Row) -> None:
    message = met.came(row.name)
    ours = [(bool(m["signed"]), m["disposition"].split("; ")[1]) for m in message["mdns"]]
    assert ours == ([] if row.mdn == "none" else [(row.mdn_signed, "processed")])
    assert message["mdn_mode"] == row.mdn


@each([(who, row) for who, row in RUNS[Way.IN] if row.mdn != "none"])
def test_the_peer_finds_our_mdn_right(met: Meeting, row: Row) -> None:
    message = met.came(row.name)
    verdict = met.verdict(message["message_id"], "mdn", "send-failed")
    assert (verdict["event"], verdict["disposition"]) == ("mdn", "processed")
    assert verdict["signature_ok"] is (True if row.mdn_signed else None)
    right = not defect(met.product, Way.IN, row)
    assert verdict["mic_matched"] is (right if compares(met.product, row) else None)


@each([(who, row) for who, row in RUNS[Way.IN] if row.mdn == "none"])
def test_a_peer_that_asks_for_no_mdn_is_content_without(met: Meeting, row: Row) -> None:
    message = met.came(row.name)
    assert met.peer.events(message["message_id"]) == []
