"""Attributes: the short form, which is read in one step, and all others say the same."""

import pytest

from as2gateway import ber, der
from as2gateway.errors import AS2Error, LimitExceeded, MalformedMessage
from as2gateway.stream import EndOfStream

NAME = der.oid("1.2.840.113549.1.9.4")
VALUES = der.element(der.SET, der.octet_string(b"digest"))
SHORT = der.sequence(NAME, VALUES)
#: the same attribute in forms that a sender may choose
FORMS = {
    "short": SHORT,
    "long length": b"\x30\x81" + SHORT[1:],
    "long length of the type": der.sequence(b"\x06\x81" + NAME[1:], VALUES),
    "long length of the values": der.sequence(NAME, b"\x31\x82\x00" + VALUES[1:]),
    "indefinite": b"\x30\x80" + NAME + VALUES + b"\x00\x00",
    "indefinite values": der.sequence(NAME, b"\x31\x80" + VALUES[2:] + b"\x00\x00"),
    "something behind the values": der.sequence(NAME, VALUES, der.NULL),
}


def attributes(contents: bytes, tag: int = der.CONTEXT | der.CONSTRUCTED) -> list[bytes]:
    found = ber.parse(der.element(tag, contents)).attributes
    return [name + values.only_child().octets() for name, values in found]


@pytest.mark.parametrize("form", FORMS)
def test_an_attribute_is_read_in_every_form(form: str) -> None:
    assert attributes(SHORT + FORMS[form] + SHORT) == [NAME[2:] + b"digest"] * 3


def test_there_may_be_none() -> None:
    assert attributes(b"") == []


@pytest.mark.parametrize(
    ("contents", "fault"),
    [
        (SHORT[:-1], EndOfStream),
        (SHORT + b"\x30", EndOfStream),
        (der.set_of([NAME, VALUES]), MalformedMessage),
        (der.sequence(der.NULL, VALUES), MalformedMessage),
        (der.sequence(NAME), MalformedMessage),
        (der.sequence(), MalformedMessage),
        (der.sequence(NAME, der.sequence()), MalformedMessage),
        (der.sequence(NAME, VALUES[:-1]), EndOfStream),
        (der.sequence(NAME[:-1]), EndOfStream),
        (der.sequence(NAME, b"\x31"), EndOfStream),
        (SHORT + b"\x00\x00", MalformedMessage),
        (SHORT * (ber.MAX_ELEMENTS + 1), LimitExceeded),
    ],
    ids=[
        "cut",
        "one octet behind",
        "no sequence",
        "no type",
        "no values",
        "nothing in it",
        "values in a sequence",
        "cut values",
        "cut type",
        "values without a length",
        "an end where none is due",
        "too many",
    ],
)
def test_what_is_no_attribute_is_refused(contents: bytes, fault: type[AS2Error]) -> None:
    with pytest.raises(fault):
        attributes(contents)


@pytest.mark.parametrize("contents", [b"", SHORT])
def test_attributes_in_a_primitive_are_refused(contents: bytes) -> None:
    with pytest.raises(MalformedMessage):
        attributes(contents, der.CONTEXT)
