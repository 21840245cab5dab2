"""Readers that remember what they made of the same octets, and small elements read whole."""

import pytest

from as2gateway import ber, der
from as2gateway.ber import Node
from as2gateway.errors import AS2Error, LimitExceeded, MalformedMessage
from as2gateway.stream import EndOfStream, Source, Wait
from tests.gateway.splits import run_chunks, splits

LIMIT = 200
STRING = der.octet_string(b"contents")
#: the same element in the forms that a sender may choose
FORMS = {
    "short": STRING,
    "long length": b"\x04\x81\x08contents",
    "zeros in the length": b"\x04\x84\x00\x00\x00\x08contents",
    "indefinite": b"\x24\x80" + STRING + b"\x00\x00",
}


def test_the_same_octets_are_read_once() -> None:
    read: list[bytes] = []
    reader = ber.remembered(lambda node: read.append(node.raw))
    for value in (b"one", b"two", b"one", b"two"):
        reader(ber.parse(der.octet_string(value) + b"what follows"))
    assert read == [der.octet_string(b"one"), der.octet_string(b"two")]


def test_long_octets_are_not_kept() -> None:
    read: list[int] = []
    reader = ber.remembered(lambda node: read.append(len(node.raw)))
    for _ in range(2):
        reader(ber.parse(der.octet_string(bytes(500))))
    assert len(read) == 2


def test_a_fault_is_not_kept() -> None:
    read: list[Node] = []

    @ber.remembered
    def reader(node: Node) -> None:
        read.append(node)
        node.expect(ber.OID)

    for _ in range(2):
        with pytest.raises(MalformedMessage):
            reader(ber.parse(STRING))
    assert len(read) == 2


def whole(source: Source) -> Wait[tuple[bytes, bytes]]:
    node = yield from ber.read_whole(source, ber.OCTET_STRING, LIMIT)
    rest = yield from source.some()
    return node.octets(), rest[:1]


@pytest.mark.parametrize("form", FORMS)
def test_a_small_element_is_read_in_every_form(form: str) -> None:
    for pieces in splits(FORMS[form] + b"!"):
        assert run_chunks(whole, pieces) == ([], (b"contents", b"!"))


@pytest.mark.parametrize(
    ("octets", "fault"),
    [
        (der.octet_string(bytes(LIMIT)), LimitExceeded),
        (der.header(der.OCTET_STRING, 1 << 40), LimitExceeded),
        (der.element(der.OID, bytes(LIMIT)), MalformedMessage),
        (STRING[:-1], EndOfStream),
        (STRING[:1], EndOfStream),
        (b"", EndOfStream),
    ],
    ids=[
        "too long",
        "of a length nobody sends",
        "another tag",
        "cut",
        "cut in its header",
        "nothing",
    ],
)
def test_what_is_no_small_element_is_refused(octets: bytes, fault: type[AS2Error]) -> None:
    for pieces in splits(octets):
        with pytest.raises(fault):
            run_chunks(whole, pieces)
