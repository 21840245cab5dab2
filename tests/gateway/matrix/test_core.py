"""The core of the matrix (G0): ten packagings by five receipts, both ways, with three peers."""

import pytest

from as2gateway.errors import IntegrityCheckFailed
from tests.gateway.matrix.peers import PEERS
from tests.gateway.matrix.rows import Row, run
from tests.gateway.matrix.runs import LAYERS, SHA256, X12, check_answer, inbound, outbound, receive
from tests.gateway.matrix.runs import send as compose
from tests.gateway.matrix.wire import open_message
from tests.gateway.wrapping import OURS, THEIRS

each_peer = pytest.mark.parametrize("peer", PEERS)


@each_peer
@run("G0", "send")
def test_what_we_send_is_read_and_its_receipt_proven(row: Row, peer: str) -> None:
    sent = compose(outbound(row), X12)
    opened = open_message(sent.wire, THEIRS, OURS.certificate)
    assert (opened.payload, opened.layers) == (X12, LAYERS[row.packaging])
    assert sent.mics[SHA256] == opened.mic()
    reaction = PEERS[peer].react(row, sent.wire)
    assert reaction.payload == X12
    assert (reaction.mdn is not None) is row.asks.asked
    if reaction.mdn is None:
        return
    if lacks_mic(row, peer):
        with pytest.raises(IntegrityCheckFailed, match="carries no Received-content-MIC"):
            sent.take(reaction.mdn)
        return
    mdn = sent.take(reaction.mdn)
    assert (mdn.disposition.positive, mdn.signed) == (True, row.asks.signed)


def lacks_mic(row: Row, peer: str) -> bool:
    """pyas2lib by itself signs MDNs without a MIC for what is not signed (against MIC-14).

    The engine that is built on it adds the MIC: see ``pyas2/test_holes.py``.
    """
    return peer == "pyas2lib" and row.asks.signed and "sign" not in LAYERS[row.packaging]


@each_peer
@run("G0", "recv")
def test_what_we_receive_is_read_and_answered(row: Row, peer: str) -> None:
    wire = PEERS[peer].send(row)
    opened = open_message(wire, OURS, THEIRS.certificate)
    received = receive(wire, inbound(row))
    assert received.payload == opened.payload == X12
    assert received.facts.mic is not None
    assert (received.facts.mic.algorithm, received.facts.mic.digest) == (SHA256, opened.mic())
    assert (received.request.mdn is not None) is row.asks.asked
    if row.asks.asked:
        found = check_answer(received)
        assert found.mic is not None
        assert found.mic[0] == opened.mic()
        PEERS[peer].take(row, wire, received.answer())
