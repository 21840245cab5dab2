"""AS2 names with all that the grammar allows (G14), quoted as others quote them."""

import pytest

from as2gateway.request import read_request
from tests.gateway.matrix.rows import Row, run
from tests.gateway.matrix.runs import X12, addressed, check_run, inbound, outbound, receive, send
from tests.gateway.matrix.wire import open_message, write_mdn
from tests.gateway.wrapping import OURS, THEIRS, document, signed

#: the name, and how it is written
FORMS = {
    "1 character": ("A", "A"),
    "128 characters": (128 * "x", 128 * "x"),
    "blank inside": ("My Company  Ltd", '"My Company  Ltd"'),
    "blanks at both ends": ("  as2Name  ", '"  as2Name  "'),
    "blank at third place": ("AS 2", '"AS 2"'),
    "comma": ("Smith,Jones", "Smith,Jones"),
    "#": ("#1", "#1"),
    "! at end": ("Yahoo!", "Yahoo!"),
    "; at end": ("semi;", "semi;"),
    "[ ]": ("[test]", "[test]"),
    "< >": ("<test>", "<test>"),
    "escaped quote and backslash": ('"a\\b"', r'"\"a\\b\""'),
}


@run("G14", "send")
def test_a_name_is_written_as_the_grammar_asks(row: Row) -> None:
    name, written = FORMS[row.variant]
    sent = send(outbound(row, as2_to=name))
    assert sent.wire["AS2-To"] == written
    opened = open_message(sent.wire, THEIRS, OURS.certificate)
    assert opened.payload == X12
    # Their MDN repeats the field as it came.
    mdn = sent.take(write_mdn(sent.wire.headers, (opened.mic(), "sha-256")))
    assert (mdn.as2_from, mdn.disposition.positive) == (name, True)


@pytest.mark.parametrize("quoted", [False, True])
@run("G14", "recv")
def test_a_name_is_read_and_repeated_as_it_was_written(row: Row, quoted: bool) -> None:
    name, written = FORMS[row.variant]
    if quoted and not written.startswith('"'):
        written = f'"{written}"'
    fields = {"AS2_From": written, "AS2_To": written.replace("a", "b")}
    wire = addressed(signed(document(X12)), row.asks, **fields)
    received = receive(wire, inbound(row, as2_from=name))
    request = received.request
    assert (request.as2_from, request.as2_to) == (name, name.replace("a", "b"))
    check_run(received, X12, document(X12).octets)  # the names of the MDN are the fields swapped


@pytest.mark.parametrize("direction", ["AS2-From", "AS2-To"])
@run("G14", "recv")
def test_a_name_that_is_sent_is_the_name_that_is_read(row: Row, direction: str) -> None:
    name, _ = FORMS[row.variant]
    sent = send(outbound(row, as2_from=name, as2_to=name))
    request = read_request(sent.wire.headers)
    assert (request.as2_from if direction == "AS2-From" else request.as2_to) == name
