from collections.abc import Callable

import pytest

from as2gateway.errors import LimitExceeded, MalformedMessage
from as2gateway.headers import MAX_BLOCK, MAX_FIELDS, Headers


@pytest.mark.parametrize(
    ("block", "fields"),
    [
        (b"A: 1\r\nB:2\r\n", [("A", "1"), ("B", "2")]),
        (b"A: 1\nB: 2", [("A", "1"), ("B", "2")]),
        (b"A:\r\nB: ", [("A", ""), ("B", "")]),
        (b"A : 1\r\nB\t: 2", [("A", "1"), ("B", "2")]),
        (b"A: one\r\n two\r\n\tthree\r\nB: 2", [("A", "one two three"), ("B", "2")]),
        (b"A:\r\n folded", [("A", "folded")]),
        (b"A: x;\r\nB: y", [("A", "x;"), ("B", "y")]),
        (b"A: m=1; \tb=2", [("A", "m=1;  b=2")]),
        (b"A: a:b: c", [("A", "a:b: c")]),
        (b"A: \x85\x0b\x0c\x1c\x1d\xe2\x80\xa8x", [("A", "\x85\x0b\x0c\x1c\x1d\xe2\x80\xa8x")]),
        (b"A: \xa0x\x85", [("A", "\xa0x\x85")]),
        (b"A: \xc3\xa9\xe9", [("A", "\xc3\xa9\xe9")]),
        (b"\r\nA: 1\r\n\r\n", [("A", "1")]),
        (b"", []),
    ],
)  # fmt: skip
def test_blocks_are_read_line_by_line(block: bytes, fields: list[tuple[str, str]]) -> None:
    assert list(Headers.parse(block)) == fields


@pytest.mark.parametrize("block", [b"no colon", b" fold first", b": 1", b"A B: 1", b"\xe9: 1"])
def test_what_is_no_field_is_refused(block: bytes) -> None:
    with pytest.raises(MalformedMessage):
        Headers.parse(block)


@pytest.mark.parametrize("block", [b"A: " + b"x" * MAX_BLOCK, b"A: 1\r\n" * (MAX_FIELDS + 1)])
def test_too_many_or_too_long_fields_are_refused(block: bytes) -> None:
    with pytest.raises(LimitExceeded):
        Headers.parse(block)


def test_as_many_fields_as_allowed_are_read() -> None:
    assert len(Headers.parse(b"A: 1\r\n" * MAX_FIELDS).fields) == MAX_FIELDS


def test_names_are_found_in_any_case_and_in_order() -> None:
    headers = Headers((("AS2-From", "one"), ("as2-from", "two")))
    assert headers.get("As2-FROM") == "one"
    assert headers.get_all("AS2-From") == ("one", "two")
    assert headers.get("AS2_From") is None
    assert headers.get("X", "default") == "default"
    assert "as2-FROM" in headers
    assert "X" not in headers
    assert 1 not in headers


def test_fields_are_written_on_one_line_each() -> None:
    headers = Headers((("A", "1"),)).with_field("B", "x" * 500)
    assert headers.encode() == b"A: 1\r\nB: " + b"x" * 500 + b"\r\n"
    assert Headers.parse(headers.encode()) == headers


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("A", "x\r\nEvil: 1"),
        ("A", "x\n"),
        ("A", "\x00"),
        ("A", "x\ty"),
        ("A\r\nB", "x"),
        ("", "x"),
        ("A:", "x"),
    ],
)
def test_no_field_breaks_out_of_its_line(name: str, value: str) -> None:
    with pytest.raises(ValueError, match="cannot be sent"):
        Headers(((name, value),)).encode()


def test_folds_that_are_blank_add_nothing() -> None:
    headers = Headers.parse(b"A:\r\n b\r\n \t\r\n  c \r\nB: x\r\n \r\n")
    assert headers.fields == (("A", "b c"), ("B", "x"))


class _Interrupting(str):
    """A name at which another thread comes in, once, while fields are being indexed."""

    __slots__ = ("thread",)

    thread: Callable[[], None]

    def lower(self) -> str:
        thread, self.thread = self.thread, lambda: None
        thread()
        return str.lower(self)


def test_a_thread_that_asks_while_another_one_does_finds_every_field() -> None:
    found: list[str | None] = []
    name = _Interrupting("Second")
    headers = Headers((("First", "1"), (name, "2"), ("Third", "3")))
    name.thread = lambda: found.append(headers.get("Third"))
    assert (headers.get("First"), found) == ("1", ["3"])
