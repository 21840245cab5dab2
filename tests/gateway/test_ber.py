"""The BER reader: every form of length, any nesting, any cut; and its bounds."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from as2gateway import ber, der
from as2gateway.errors import LimitExceeded, MalformedMessage
from as2gateway.stream import Parser, Source, Wait
from tests.gateway.splits import run_chunks, splits


def _octets(source: Source) -> Parser[bytes, bytes]:
    header = yield from ber.read_header(source)
    yield from ber.read_octets(source, header)
    return (yield from source.exactly(1))


def _read(data: bytes) -> bytes:
    """The string that ``data`` begins with, read in every cut; one octet must follow it."""
    found = set()
    for chunks in splits(data):
        pieces, after = run_chunks(_octets, chunks)
        assert after == b"!"
        found.add(b"".join(pieces))
    assert len(found) == 1
    return found.pop()


def _nested(depth: int) -> bytes:
    return b"\x24\x80" * depth + der.octet_string(b"deep") + b"\0\0" * depth


@pytest.mark.parametrize(
    ("encoded", "value"),
    [
        ("0403 616263", b"abc"),
        ("0400", b""),
        ("048103 616263", b"abc"),
        ("04880000000000000003 616263", b"abc"),
        ("2480 0403616263 0000", b"abc"),
        ("2480 0000", b""),
        ("2400", b""),
        ("2405 0403616263", b"abc"),
        ("2480 040161 2480 040162 0400 0000 2403 040163 0000", b"abc"),
        ("2480 0402 0000 0402 0000 0000", bytes(4)),
        ("240d 2480 0403616263 0000 2400 2400", b"abc"),
        ("a080 040161 04020062 0000", b"a\0b"),
        ("8003 616263", b"abc"),
    ],
)
def test_a_string_is_read_in_every_encoding(encoded: str, value: bytes) -> None:
    data = bytes.fromhex(encoded)
    assert _read(data + b"!") == value
    assert ber.parse(data + b"!").octets() == value
    assert ber.parse(data + b"!").raw == data


def _cut(data: bytes) -> Iterator[list[bytes]]:
    for size in (1000, 65_536, len(data)):
        yield [data[at : at + size] for at in range(0, len(data), size)]


@pytest.mark.parametrize(
    ("tiny", "most"), [(b"\x04\x01x", 279_620), (b"\x04\x00", 262_143), (b"\x24\x00", 262_143)]
)
def test_a_string_has_not_too_many_tiny_segments(tiny: bytes, most: int) -> None:
    large = b"\x04\x82\x03\xe8" + bytes(1000)
    for count, refused in ((most, False), (most + 2, True)):
        data = b"\x24\x80" + large + tiny * count + large + b"\0\0!"
        for chunks in _cut(data):
            if not refused:
                pieces, _ = run_chunks(_octets, chunks)
                assert sum(map(len, pieces)) == 2000 + count * tiny[1]
                continue
            with pytest.raises(LimitExceeded, match="less than 16 octets"):
                run_chunks(_octets, chunks)


def test_small_segments_among_large_ones_are_read() -> None:
    both = b"\x04\x01x" * 100 + b"\x04\x82\x06\x00" + bytes(1536)
    for chunks in _cut(b"\x24\x80" + both * 3000 + b"\0\0!"):
        pieces, _ = run_chunks(_octets, chunks)
        assert sum(map(len, pieces)) == 3000 * 1636


def test_long_strings_come_out_whole() -> None:
    value = bytes(range(256)) * 600
    segments = b"".join(der.octet_string(value[at : at + 1000]) for at in range(0, 153600, 1000))
    assert _read(der.octet_string(value) + b"!") == value
    assert _read(b"\x24\x80" + segments + b"\0\0!") == value
    assert _read(der.element(0x24, segments) + b"!") == value


@pytest.mark.parametrize("lengths", [(3,), (1, 2), (5,) * 9 + (6,), (2,) * 40 + (0, 200) * 3])
@pytest.mark.parametrize("definite", [True, False])
def test_segments_of_like_and_unlike_lengths_come_out_whole(
    lengths: tuple[int, ...], definite: bool
) -> None:
    """Alike ones are taken together, and none beyond the end of the string around them."""
    values = [bytes((n % 251,)) * lengths[n % len(lengths)] for n in range(300)]
    segments = b"".join(der.octet_string(value) for value in values)
    opened = der.element(0x24, segments) if definite else b"\x24\x80" + segments + b"\0\0"
    after = b"" if definite else der.octet_string(b"and more") * 9 + b"\0\0"
    data = opened if definite else b"\x24\x80" + opened + after
    expected = b"".join(values) + (b"" if definite else b"and more" * 9)
    assert _read(data + b"!") == expected
    assert ber.parse(data).octets() == expected


def test_a_segment_beyond_the_end_of_its_string_is_refused_among_alike_ones() -> None:
    data = der.element(0x24, der.octet_string(b"ab") * 20 + b"\x04\x02a") + b"b!"
    for chunks in splits(data):
        with pytest.raises(MalformedMessage, match="longer than the string"):
            run_chunks(_octets, chunks)


@pytest.mark.parametrize(
    "encoded",
    [
        "0480 00",  # indefinite, but primitive
        "04ff 00",  # the reserved length
        "1f8101 00",  # a long tag
        "2480 020100 0000",  # an INTEGER among the segments
        "2402 040161",  # a segment longer than its string
        "2401 04",  # a segment cut off
        "2402 0000",  # an end in a definite string
        "2480 0001 00",  # an end with a length
        "2480 2000 0000",  # a constructed end
    ],
)
def test_what_is_no_string_is_refused(encoded: str) -> None:
    data = bytes.fromhex(encoded)
    for chunks in splits(data + bytes(8)):
        with pytest.raises(MalformedMessage):
            run_chunks(_octets, chunks)
    with pytest.raises(MalformedMessage):
        ber.parse(data + bytes(8)).octets()


@pytest.mark.parametrize("encoded", ["0403616263", "2480 0403616263 2480 040161 0000 0000"])
def test_a_string_cut_anywhere_is_refused(encoded: str) -> None:
    data = bytes.fromhex(encoded)
    for length in range(len(data)):
        for chunks in splits(data[:length]):
            with pytest.raises(MalformedMessage):
                run_chunks(_octets, chunks)
        with pytest.raises(MalformedMessage):
            ber.parse(data[:length])


def test_nesting_is_bounded() -> None:
    assert _read(_nested(ber.MAX_DEPTH) + b"!") == b"deep"
    assert ber.parse(_nested(ber.MAX_DEPTH)).octets() == b"deep"
    with pytest.raises(LimitExceeded):
        ber.parse(_nested(ber.MAX_DEPTH + 1))
    for chunks in splits(_nested(ber.MAX_DEPTH + 1)):
        with pytest.raises(LimitExceeded):
            run_chunks(_octets, chunks)


def test_depth_without_end_is_refused_before_it_is_followed() -> None:
    with pytest.raises(LimitExceeded):
        ber.parse(b"\x30\x80" * 500_000)
    definite = b""
    for _ in range(100):
        definite = der.element(0x24, definite)
    with pytest.raises(LimitExceeded):
        ber.parse(definite).octets()


@pytest.mark.parametrize("opening", [b"\x30\x80", b"\x30\x84\x00\x00\x4e\x22"])
def test_the_number_of_members_is_bounded(opening: bytes) -> None:
    exact = der.element(der.SEQUENCE, der.NULL * ber.MAX_ELEMENTS)
    assert len(ber.parse(exact).children) == ber.MAX_ELEMENTS
    with pytest.raises(LimitExceeded):
        _ = ber.parse(opening + der.NULL * (ber.MAX_ELEMENTS + 1) + b"\0\0").children


def _element(limit: int) -> Callable[[Source], Wait[ber.Node]]:
    def read(source: Source) -> Wait[ber.Node]:
        header = yield from ber.read_header(source)
        return (yield from ber.read_element(source, header, limit))

    return read


@pytest.mark.parametrize(
    "encoded", ["3006 020101 020102", "3080 020101 3080 0500 0000 0000", "3000", "3080 0000"]
)
def test_an_element_is_read_whole_up_to_its_limit(encoded: str) -> None:
    data = bytes.fromhex(encoded)
    for chunks in splits(data + b"more"):
        assert run_chunks(_element(len(data)), chunks)[1].raw == data
        with pytest.raises(LimitExceeded):
            run_chunks(_element(len(data) - 1), chunks)


def test_a_length_beyond_the_limit_is_refused_at_its_header() -> None:
    with pytest.raises(LimitExceeded):
        run_chunks(_element(1000), [bytes.fromhex("3084ffffffff")])


def test_elements_nested_too_deep_are_refused_as_they_arrive() -> None:
    with pytest.raises(LimitExceeded):
        run_chunks(_element(1000), [b"\x30\x80" * (ber.MAX_DEPTH + 1)])


def test_fields_are_taken_in_order() -> None:
    fields = ber.parse(der.sequence(der.integer(-129), der.oid("2.999.3"), der.NULL)).fields()
    assert fields.optional(ber.OID) is None
    assert fields.take(ber.INTEGER).integer() == -129
    assert fields.take(ber.OID).oid() == "2.999.3"
    with pytest.raises(MalformedMessage, match="too many"):
        fields.end()
    assert fields.any().content == b""
    fields.end()
    with pytest.raises(MalformedMessage, match="too early"):
        fields.any()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (der.integer(1), "not constructed"),
        (b"\x30\x00", "0 ASN.1 members"),
        (der.sequence(der.NULL, der.NULL), "2 ASN.1 members"),
        (b"\x30\x02\x00\x00", "end where none is due"),
        (b"\x30\x02\x04\x05", "within an ASN.1 element"),
    ],
)
def test_members_that_are_not_there_are_refused(data: bytes, words: str) -> None:
    with pytest.raises(MalformedMessage, match=words):
        ber.parse(data).only_child()


@pytest.mark.parametrize(
    "dotted", ["1.2.840.113549.1.7.1", "0.9.2342.19200300.100.1.1", "2.16.840.1.101.3.4.2.1"]
)
def test_object_identifiers_survive_the_way_there_and_back(dotted: str) -> None:
    assert ber.parse(der.oid(dotted)).oid() == dotted


@pytest.mark.parametrize("contents", [b"", b"\x2a\x86", b"\x2a" * 65])
def test_what_is_no_object_identifier_is_refused(contents: bytes) -> None:
    with pytest.raises(MalformedMessage):
        ber.dotted(contents)


@pytest.mark.parametrize("value", [0, 1, -1, 127, 128, -128, -129, 2**64, -(2**159)])
def test_integers_survive_the_way_there_and_back(value: int) -> None:
    assert ber.parse(der.integer(value)).integer() == value


def test_integers_are_bounded() -> None:
    assert ber.parse(der.element(ber.INTEGER, b"\x7f" * 1024)).integer() > 0
    with pytest.raises(MalformedMessage, match="more than 1024 octets"):
        ber.parse(der.element(ber.INTEGER, b"\x7f" * 1025)).integer()


@pytest.mark.parametrize(
    ("tag", "text", "expected"),
    [
        (ber.UTC_TIME, "240229123456Z", datetime(2024, 2, 29, 12, 34, 56, tzinfo=UTC)),
        (ber.UTC_TIME, "5001010000Z", datetime(1950, 1, 1, tzinfo=UTC)),
        (ber.UTC_TIME, "491231235959Z", datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (ber.UTC_TIME, "240101013000+0130", datetime(2024, 1, 1, tzinfo=UTC)),
        (ber.GENERALIZED_TIME, "20500101000000Z", datetime(2050, 1, 1, tzinfo=UTC)),
        (ber.GENERALIZED_TIME, "20231231223000.5-0130", datetime(2024, 1, 1, tzinfo=UTC)),
        (ber.GENERALIZED_TIME, "99991231235959Z", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_times_are_read(tag: int, text: str, expected: datetime) -> None:
    assert ber.parse(der.element(tag, text.encode())).time() == expected


@pytest.mark.parametrize(
    ("tag", "text"),
    [
        (ber.UTC_TIME, ""),
        (ber.UTC_TIME, "20240101000000Z"),
        (ber.UTC_TIME, "241301000000Z"),
        (ber.UTC_TIME, "240101000000+9900"),
        (ber.GENERALIZED_TIME, "240101000000Z"),
        (ber.GENERALIZED_TIME, "00010101000000+0100"),
        (ber.GENERALIZED_TIME, "00000101000000Z"),
        (ber.OCTET_STRING, "240101000000Z"),
    ],
)
def test_what_is_no_time_is_refused(tag: int, text: str) -> None:
    with pytest.raises(MalformedMessage):
        ber.parse(der.element(tag, text.encode())).time()


@pytest.mark.parametrize("year", [1999, 2049, 2050])
def test_times_survive_the_way_there_and_back(year: int) -> None:
    moment = datetime(year, 12, 31, 23, 59, 58, tzinfo=UTC)
    assert ber.parse(der.time(moment)).time() == moment
    assert der.time(moment)[0] == (der.UTC_TIME if year < 2050 else der.GENERALIZED_TIME)


def test_sets_are_sorted() -> None:
    assert der.set_of([der.integer(300), der.integer(2), der.integer(1)]) == bytes.fromhex(
        "310a0201010201020202012c"
    )
