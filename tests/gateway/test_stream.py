"""The form of all parsers: what ``Source`` and ``Layer`` promise, and that the hard case fits it.

The hard case (decision 3) is a delimiter that may be cut anywhere, before a signature that comes
after the data it is over.
"""

import hashlib
import hmac
import random
import time
import tracemalloc
from collections.abc import Iterator

import pytest

from as2gateway import mime
from as2gateway.errors import IntegrityCheckFailed, LimitExceeded, MalformedMessage
from as2gateway.stream import (
    EndOfStream,
    Layer,
    Parser,
    Source,
    Wait,
    collect,
    gather,
    run,
    skip,
)
from tests.gateway.splits import SPLITS, Split, run_chunks

KEY = b"key"
MEGABYTE = 1024 * 1024

# --- the hard case -------------------------------------------------------------------------------


def read_signed(source: Source) -> Parser[bytes, str]:
    """Give out the body of the first part as it comes; the second says whether it is true."""
    yield from mime.read_preamble(source, "b")
    digest = hmac.new(KEY, digestmod=hashlib.sha256)
    body: Layer[bytes, str] = Layer(read_body)
    part = mime.read_part(source, "b")
    while True:
        try:
            octets = next(part)
        except StopIteration as stop:
            last = stop.value
            break
        if octets is None:
            yield None
            continue
        digest.update(octets)
        yield from body.feed(octets)
    yield from body.end()
    signature, last = yield from collect(mime.read_part(source, "b"), 100)
    if not last or not hmac.compare_digest(signature, digest.hexdigest().encode()):
        raise IntegrityCheckFailed("the part is not what was signed")
    return body.result


def read_body(source: Source) -> Parser[bytes, str]:
    """Pass the body of an entity on, behind its header block."""
    headers, _ = yield from mime.read_headers(source)
    while piece := (yield from source.some()):
        yield piece
    return headers.get("Content-Type") or ""


def signed(part: bytes) -> bytes:
    signature = hmac.new(KEY, part, hashlib.sha256).hexdigest().encode()
    return b"\r\n--b\r\n" + part + b"\r\n--b\r\n" + signature + b"\r\n--b--\r\n"


class Masked:
    """Another layer around the hard case, as encryption is: each octet is exclusive-ored."""

    TABLE = bytes(octet ^ 0x55 for octet in range(256))

    def __call__(self, source: Source) -> Parser[bytes, str]:
        inner: Layer[bytes, str] = Layer(read_signed)
        while piece := (yield from source.some()):
            yield from inner.feed(piece.translate(self.TABLE))
        yield from inner.end()
        return inner.result


HEAD = b"Content-Type: a/b\r\n\r\n"
BODIES = [
    b"",
    b"\r\n",
    b"text\r\n\r\n",
    b"\r\n--",
    b"\r\n--b-\r\n--bb\r\n",
    b"\n" * 300,
    random.Random(1).randbytes(3000),
    b"".join(random.Random(2).choices([b"\r\n", b"--", b"bb", b"-", b" "], k=500)) + b"x",
]


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("body", BODIES)
def test_a_signature_after_its_data_is_checked_whatever_the_cuts(split: Split, body: bytes) -> None:
    pieces, result = run_chunks(read_signed, split(signed(HEAD + body)))
    assert (b"".join(pieces), result) == (body, "a/b")


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("body", BODIES)
def test_layers_nest(split: Split, body: bytes) -> None:
    message = signed(HEAD + body).translate(Masked.TABLE)
    pieces, result = run_chunks(Masked(), split(message))
    assert (b"".join(pieces), result) == (body, "a/b")


@pytest.mark.parametrize("split", SPLITS)
def test_a_fault_rises_through_all_layers(split: Split) -> None:
    message = signed(HEAD + b"data").replace(b"data", b"date").translate(Masked.TABLE)
    with pytest.raises(IntegrityCheckFailed):
        run_chunks(Masked(), split(message))


@pytest.mark.parametrize("at", range(len(HEAD) + 60))
def test_a_message_cut_short_is_never_whole(at: int) -> None:
    with pytest.raises((MalformedMessage, IntegrityCheckFailed)):
        run(read_signed, signed(HEAD + b"data")[:at])


def test_octets_come_out_before_the_signature_has_come() -> None:
    layer: Layer[bytes, str] = Layer(read_signed)
    data = b"data" * 100
    assert b"".join(layer.feed(b"--b\r\n" + HEAD + data + b"\r\n--")) == data
    assert not layer.done


def pieces_of(total: int) -> Iterator[bytes]:
    lines = b"ISA*00*          *00*          ~\r\n" * 2000
    for _ in range(total // len(lines)):
        yield lines


def test_memory_does_not_grow_with_the_message() -> None:
    layer = Layer(Masked())
    tracemalloc.start()
    try:
        seen = 0
        for piece in (b"--b\r\n" + HEAD, *([*pieces_of(70_000)] * 300)):
            seen += sum(map(len, layer.feed(piece.translate(Masked.TABLE))))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert seen > 15 * MEGABYTE
    assert peak < MEGABYTE


# --- Source --------------------------------------------------------------------------------------


def read_all(source: Source) -> Wait[list[bytes]]:
    """Use every way of reading once."""
    one = yield from source.exactly(3)
    two = yield from source.peek(4)
    three = yield from source.line(10)
    four = yield from source.exactly(0)
    five = yield from source.line(10)
    source.put_back(five)
    six = yield from source.line(10)
    seven = b""
    while piece := (yield from source.some(2)):
        seven += piece
    return [one, two, three, four, five, six, seven, (yield from source.peek(9))]


@pytest.mark.parametrize("split", SPLITS)
def test_each_way_of_reading_gives_the_same_for_any_cut(split: Split) -> None:
    _, read = run_chunks(read_all, split(b"abcdef\r\n\nrest of it"))
    assert read == [b"abc", b"def\r", b"def\r\n", b"", b"\n", b"\n", b"rest of it", b""]


@pytest.mark.parametrize("split", SPLITS)
def test_the_end_of_the_octets_is_seen(split: Split) -> None:
    def read(source: Source) -> Wait[tuple[bytes, bytes, bytes]]:
        seen = yield from source.peek(10)
        line = yield from source.line(10)
        return seen, line, (yield from source.line(10))

    assert run_chunks(read, split(b"abc"))[1] == (b"abc", b"abc", b"")


@pytest.mark.parametrize("split", SPLITS)
def test_octets_that_never_come_are_missed(split: Split) -> None:
    with pytest.raises(EndOfStream, match="2 too early"):
        run_chunks(lambda source: source.exactly(5), split(b"abc"))


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("data", [b"x" * 11, b"x" * 10 + b"\n", b"x" * 100_000])
def test_a_line_over_its_limit_is_refused(split: Split, data: bytes) -> None:
    with pytest.raises(LimitExceeded):
        run_chunks(lambda source: source.line(10), split(data))


def test_a_line_at_its_limit_is_read() -> None:
    assert run(lambda source: source.line(10), b"x" * 9 + b"\n")[1] == b"x" * 9 + b"\n"


@pytest.mark.parametrize("extra", [b"", b"new"])
def test_octets_put_back_come_again(extra: bytes) -> None:
    source = Source()
    source.feed(b"abc")
    source.feed(b"defgh")
    source.end()

    def read(count: int) -> bytes:
        with pytest.raises(StopIteration) as stop:
            next(source.exactly(count))
        octets: bytes = stop.value.value
        return octets

    assert read(4) == b"abcd"
    source.put_back(b"d")  # what was read last: the position moves
    source.put_back(extra)  # other octets: they are put in front
    assert read(len(extra) + 5) == extra + b"defgh"
    assert len(source) == 0


def test_a_piece_that_is_read_whole_is_not_copied() -> None:
    piece = b"x" * 1000
    layer = Layer(mirror)
    assert next(iter(layer.feed(piece))) is piece


def mirror(source: Source) -> Parser[bytes, None]:
    while piece := (yield from source.some()):
        yield piece


def test_octets_that_were_read_are_let_go_of() -> None:
    sources = []

    def blocks(source: Source) -> Parser[bytes, None]:
        sources.append(source)
        while len((yield from source.peek(1024))) == 1024:
            yield (yield from source.exactly(1024))

    data = random.Random(3).randbytes(1024 * 1000)
    layer = Layer(blocks)
    read = b""
    for at in range(0, len(data), 1500):  # something is always left over
        read += b"".join(layer.feed(data[at : at + 1500]))
        assert len(sources[0].octets) < 3 * 64 * 1024
    assert read == data


def read_lines(source: Source) -> Wait[int]:
    count = 0
    while (yield from source.line(MEGABYTE)):
        count += 1
    return count


@pytest.mark.parametrize("data", [b"x" * 300_000 + b"\n", b"\n" * 300_000, b"xy\r\n" * 75_000])
@pytest.mark.parametrize("size", [1, 300, 300_001])
def test_lines_cost_no_more_than_their_length(data: bytes, size: int) -> None:
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    started = time.process_time()
    _, count = run_chunks(read_lines, pieces)
    assert time.process_time() - started < 10  # 300 000 steps; their square would take hours
    assert count == data.count(b"\n")


# --- Layer and its helpers -----------------------------------------------------------------------


def read_three(source: Source) -> Parser[bytes, int]:
    """Give three octets, each alone, and return how many are left."""
    for _ in range(3):
        yield (yield from source.exactly(1))
    return len(source)


def test_a_layer_gives_what_has_been_made_and_keeps_the_result() -> None:
    layer = Layer(read_three)
    assert list(layer.feed(b"ab")) == [b"a", b"b"]
    assert not layer.done
    with pytest.raises(IndexError):
        _ = layer.result
    assert list(layer.feed(b"cde")) == [b"c"]
    assert (layer.done, layer.result) == (True, 2)
    assert list(layer.feed(b"dropped")) == list(layer.end()) == []


def test_what_is_not_iterated_is_not_read() -> None:
    layer = Layer(read_three)
    layer.feed(b"abc")
    assert list(layer.feed(b"xyz")) == [b"x", b"y", b"z"]


def test_a_parser_fails_where_it_stands() -> None:
    layer = Layer(read_three)
    assert list(layer.feed(b"ab")) == [b"a", b"b"]
    with pytest.raises(EndOfStream):
        list(layer.end())


@pytest.mark.parametrize("split", SPLITS)
def test_collecting_keeps_the_result_and_a_limit(split: Split) -> None:
    def within(source: Source) -> Wait[tuple[bytes, int]]:
        return (yield from collect(read_three(source), 3))

    def beyond(source: Source) -> Wait[bytes]:
        return (yield from gather(read_three(source), 2))

    assert run_chunks(within, split(b"abc")) == ([], (b"abc", 0))
    assert run_chunks(lambda source: gather(mirror(source), 3), split(b"abc")) == ([], b"abc")
    with pytest.raises(LimitExceeded):
        run_chunks(beyond, split(b"abc"))


@pytest.mark.parametrize("split", SPLITS)
def test_skipping_passes_over_everything_but_the_result(split: Split) -> None:
    assert run_chunks(lambda source: skip(read_three(source)), split(b"abc")) == ([], 0)
