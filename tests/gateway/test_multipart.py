import random
import re
import time

import pytest

from as2gateway import mime
from as2gateway.errors import MalformedMessage
from as2gateway.mime import SignedEntity
from as2gateway.stream import Layer, Source, Wait, collect, run
from tests.gateway.splits import SPLITS, Split, run_chunks

MEGABYTE = 1024 * 1024


class Parts:
    """A parser that reads all parts of a multipart, and what follows them."""

    def __init__(self, boundary: str = "b") -> None:
        self.boundary = boundary

    def __call__(self, source: Source) -> Wait[tuple[list[bytes], bytes]]:
        yield from mime.read_preamble(source, self.boundary)
        parts = []
        last = False
        while not last:
            part, last = yield from collect(mime.read_part(source, self.boundary), 10 * MEGABYTE)
            parts.append(part)
        rest = b""
        while piece := (yield from source.some()):
            rest += piece
        return parts, rest


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
@pytest.mark.parametrize("ends_with", [0, 1, 2])
def test_exactly_one_line_end_belongs_to_the_delimiter(
    split: Split, end: bytes, ends_with: int
) -> None:
    part = b"A: 1" + end + end + b"body" + end * ends_with
    body = b"--b" + end + part + end + b"--b" + end + b"two" + end + b"--b--" + end
    assert run_chunks(Parts(), split(body))[1] == ([part, b"two"], b"")


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize(
    ("body", "parts", "rest"),
    [
        (b"--b\r\none\r\n--b--", [b"one"], b""),
        (b"--b \t\r\none\r\n--b \r\ntwo\r\n--b-- \r\nx", [b"one", b"two"], b"x"),
        (b"Date: x\r\n\r\npre\r\n--b\r\none\r\n--b--\r\n\r\n", [b"one"], b"\r\n"),
        (b"\r\n--b\r\none\r\n--b--\r\n\0epilogue\r\n--b\r\n", [b"one"], b"\0epilogue\r\n--b\r\n"),
        (b"--b\r\n\r\n--b\r\n--b\r\n--b--\r\n", [b"", b"", b""], b""),
        (b"--b\r\n--b", [b""], b""),
        (b"--b\r\n--b-", [b""], b""),
        (b"--b\r\none\r\n--b\r\ntwo\r\n--b", [b"one", b"two"], b""),
        (b"--b\r\none\r\n--b\r\ntwo\r\n--b-", [b"one", b"two"], b""),
        (b"--b\r\none\r\n--b\r\ntwo\r\n--b-\r\n", [b"one", b"two"], b""),
        (b"--b\r\none\r\n--b\r\ntwo\r\n--b--", [b"one", b"two"], b""),
        (b"--b\r\none\r\n--b\r\ntwo\r\n", [b"one", b"two\r\n"], b""),
        (b"--b\r\none\r\n--b\r\ntwo\r\n-", [b"one", b"two\r\n-"], b""),
        (b"--b\r\none\r\n--b-\r\ntwo\r\n--b--", [b"one\r\n--b-\r\ntwo"], b""),
        (b"--b\r\none\r\n--bx\r\n--b0\r\n --b\r\n--b--x\r\n--b--",
         [b"one\r\n--bx\r\n--b0\r\n --b\r\n--b--x"], b""),
        (b"--b\r\nx--b\r\ny\r--b\r\n--b--\r\n", [b"x--b\r\ny\r--b"], b""),
        (b"--b\r\na\r\r\n--b--", [b"a\r"], b""),
        (b"--b\r\n\x85\x0b\xe2\x80\xa8--b\r\n--b--", [b"\x85\x0b\xe2\x80\xa8--b"], b""),
        (b"--b\r\na\r\n--b" + b" " * 128 + b"\r\nc\r\n--b--", [b"a", b"c"], b""),
        (b"--b\r\na\r\n--b" + b" " * 129 + b"\r\nc\r\n--b--",
         [b"a\r\n--b" + b" " * 129 + b"\r\nc"], b""),
    ],
)  # fmt: skip
def test_a_delimiter_is_a_whole_line_and_nothing_else(
    split: Split, body: bytes, parts: list[bytes], rest: bytes
) -> None:
    assert run_chunks(Parts(), split(body))[1] == (parts, rest)


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize(
    ("outer", "inner"),
    [("_Part_1", "_Part_10"), ("_Part_10", "_Part_1"), ("b", "b-"), ("--b", "b"), ("b", "--b")],
)
def test_a_boundary_that_begins_another_is_not_mistaken_for_it(
    split: Split, outer: str, inner: str
) -> None:
    nested = b"\r\n--%b\r\ninner\r\n--%b--\r\n" % (inner.encode(), inner.encode())
    body = b"--%b\r\n%b\r\n--%b--\r\n" % (outer.encode(), nested, outer.encode())
    assert run_chunks(Parts(outer), split(body))[1] == ([nested], b"")


@pytest.mark.parametrize("boundary", ["'()+_,-./:=? x", "_=20574..Sterling..MOKO", "b" * 200])
def test_every_legal_boundary_is_taken_literally(boundary: str) -> None:
    body = f"--{boundary}\r\none\r\n--{boundary}--".encode()
    assert run(Parts(boundary), body)[1] == ([b"one"], b"")


@pytest.mark.parametrize("boundary", ["", "b" * 201])
def test_an_impossible_boundary_is_refused(boundary: str) -> None:
    with pytest.raises(MalformedMessage):
        run(Parts(boundary), b"--\r\n")


@pytest.mark.parametrize("body", [b"", b"no delimiter", b"--b--\r\n", b"x\r\n--b--\r\n", b"--bx"])
def test_a_multipart_without_parts_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedMessage):
        run(Parts(), body)


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize(
    ("rest", "blank"), [(b"", True), (b" \r\n\r\n", True), (b"\0", False), (b"\r\nx\r\n", False)]
)
def test_the_epilogue_is_passed_over(split: Split, rest: bytes, blank: bool) -> None:
    assert run_chunks(mime.read_epilogue, split(rest)) == ([], blank)


def split_by_lines(body: bytes) -> list[bytes]:
    """The same rules, written as slowly and plainly as possible."""
    parts: list[bytes] = []
    current: bytes | None = None
    for line in re.findall(rb"[^\n]*\n|[^\n]+\Z", body):
        bare = line.rstrip(b"\r\n").rstrip(b" \t") if line.endswith(b"\n") else line
        if bare not in {b"--b", b"--b--"} or not re.fullmatch(rb"--b(--)?[ \t]*\r?\n", line):
            current = None if current is None else current + line
            continue
        if current is not None:
            parts.append(re.sub(rb"\r?\n\Z", b"", current))
        if bare == b"--b--":
            return parts
        current = b""
    raise AssertionError("the body has no close delimiter")


TOKENS = (b"\r", b"\n", b"\r\n", b"--", b"-", b"--b", b"--b--", b"\r\n--b", b" ", b"b", b"x")


@pytest.mark.parametrize("seed", range(300))
def test_random_bodies_are_split_as_by_the_plain_rules(seed: int) -> None:
    choose = random.Random(seed)
    middle = b"".join(choose.choices(TOKENS, k=choose.randrange(60)))
    body = b"--b\r\n" + middle + b"\r\n--b--\r\n"
    expected = split_by_lines(body)
    for split in SPLITS:
        parts, _ = run_chunks(Parts(), split(body))[1]
        assert parts == expected


@pytest.mark.parametrize(
    "pattern",
    [b"\r\n", b"\n--bx", b"\r\n--b-", b"\n--b" + b" " * 128 + b"x", b"\n--", b"-"],
    ids=["line ends", "almost delimiters", "one hyphen", "padding", "beginnings", "hyphens"],
)
def test_a_part_made_to_be_slow_costs_no_more_than_its_length(pattern: bytes) -> None:
    part = b"x" + pattern * (4 * MEGABYTE // len(pattern)) + b"x"
    layer = Layer(lambda source: mime.read_part(source, "b"))
    started = time.process_time()
    size = 0
    for piece in (part, b"\r\n--b--\r\n"):
        size += sum(len(data) for data in layer.feed(piece))
    assert time.process_time() - started < 1
    assert (size, layer.result) == (len(part), True)


def test_many_parts_in_one_piece_cost_no_more_than_their_length() -> None:
    body = b"--b\r\n" + b"x\r\n--b\r\n" * 20_000 + b"\r\n--b--"
    started = time.process_time()
    parts, _ = run(Parts(), body)[1]
    assert time.process_time() - started < 10
    assert len(parts) == 20_001


def test_only_what_may_be_a_delimiter_is_held_back() -> None:
    layer = Layer(lambda source: mime.read_part(source, "b"))
    assert list(layer.feed(b"x" * 200 + b"data\r\n--b")) == [b"x" * 200 + b"data"]
    assert list(layer.feed(b"y\r")) == [b"\r\n--by"]
    assert list(layer.feed(b"z\r\n--b--\r\nepilogue")) == [b"\rz"]
    assert layer.result is True


def test_what_is_written_reads_back() -> None:
    frame = SignedEntity(mime.new_boundary(bytes), "sha-256")
    part, signature = b"A: 1\r\n\r\nbody\r\n", b"0\r\n--as2"
    body = frame.opening + part + frame.middle + signature + frame.closing
    content_type = mime.ContentType.parse(frame.content_type)
    (first, second), rest = run(Parts(content_type.boundary), body)[1]
    headers, _, octets = second.partition(b"\r\n\r\n")
    assert (first, octets, rest) == (part, signature, b"")
    assert b"application/pkcs7-signature" in headers
    assert len(body) == len(part) + len(signature) + frame.overhead
    assert content_type.get("protocol") == "application/pkcs7-signature"
    assert content_type.get("micalg") == "sha-256"


def test_boundaries_come_from_the_entropy_given() -> None:
    assert mime.new_boundary(lambda count: b"\x01" * count) == "as2-" + "01" * 16
