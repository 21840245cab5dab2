"""CompressedData: what is packed comes out again; bombs, damage and lies do not."""

import gzip
import random
import zlib

import pytest

from as2gateway import der
from as2gateway.cms import compressed, oids
from as2gateway.errors import DecompressionFailed, MalformedMessage
from as2gateway.policy import Limits
from tests.gateway.cms.reading import decompress
from tests.gateway.splits import splits

DOCUMENT = b"Content-Type: application/edi-x12\r\n\r\nISA*00*" + b"SEGMENT*1~" * 500


def _packed(octets: bytes, *, definite: bool = True) -> bytes:
    return b"".join(compressed.compressed_data([octets], len(octets) if definite else None))


@pytest.mark.parametrize("definite", [True, False])
@pytest.mark.parametrize("document", [DOCUMENT, b"", b"x"])
def test_what_is_packed_comes_out_again(document: bytes, definite: bool) -> None:
    octets = b"".join(compressed.compress([document[:7], document[7:]]))
    packed = _packed(octets, definite=definite)
    for chunks in splits(packed):
        assert decompress(chunks) == document


def test_a_wrong_length_is_an_error_of_ours() -> None:
    with pytest.raises(ValueError, match="10 octets were announced, 9 came"):
        list(compressed.compressed_data([bytes(9)], 10))


def test_what_is_written_is_as_rfc_3274_has_it() -> None:
    inner = der.sequence(
        der.integer(0),
        der.sequence(der.oid(oids.ZLIB)),
        der.sequence(der.oid(oids.DATA), der.element(0xA0, der.octet_string(b"zz"))),
    )
    message = der.sequence(der.oid(oids.COMPRESSED_DATA), der.element(0xA0, inner))
    assert _packed(b"zz") == message


def _deflate(data: bytes, window: int, dictionary: bytes = b"") -> bytes:
    if dictionary:
        packer = zlib.compressobj(wbits=window, zdict=dictionary)
    else:
        packer = zlib.compressobj(wbits=window)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize("octets", [_deflate(DOCUMENT, -15), gzip.compress(DOCUMENT, mtime=0)])
def test_bare_deflate_and_gzip_are_read(octets: bytes) -> None:
    for chunks in splits(_packed(octets)):
        assert decompress(chunks) == DOCUMENT


GOOD = zlib.compress(DOCUMENT)


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"x",
        GOOD[:-1],
        GOOD + b"x",
        GOOD + GOOD,
        GOOD[:-4] + bytes(4),
        _deflate(DOCUMENT, 15, dictionary=DOCUMENT[:99]),
        gzip.compress(DOCUMENT, mtime=0) + gzip.compress(b"more", mtime=0),
        bytes(range(1, 100)),
    ],
)
def test_damaged_octets_are_refused(octets: bytes) -> None:
    for chunks in splits(_packed(octets)):
        with pytest.raises(DecompressionFailed):
            decompress(chunks)


def test_trailing_octets_far_behind_are_refused() -> None:
    random_octets = random.Random(1).randbytes(100_000)
    with pytest.raises(DecompressionFailed, match="follow"):
        decompress([_packed(zlib.compress(random_octets) + bytes(70_000))])


@pytest.mark.parametrize("definite", [True, False])
def test_a_message_cut_anywhere_is_refused(definite: bool) -> None:
    packed = _packed(GOOD, definite=definite)
    for length in range(len(packed)):
        with pytest.raises((MalformedMessage, DecompressionFailed)):
            decompress([packed[:length]])


def test_octets_after_the_message_are_left_alone() -> None:
    for chunks in splits(_packed(GOOD, definite=False) + b"\r\n"):
        assert decompress(chunks) == DOCUMENT


def test_the_size_of_what_comes_out_is_bounded() -> None:
    for chunks in splits(_packed(GOOD)):
        assert decompress(chunks, Limits(decompressed=len(DOCUMENT))) == DOCUMENT
        with pytest.raises(DecompressionFailed, match="more than"):
            decompress(chunks, Limits(decompressed=len(DOCUMENT) - 1))


def test_the_ratio_is_bounded() -> None:
    bomb = _packed(zlib.compress(bytes(10_000_000), 9))
    assert len(decompress([bomb])) == 10_000_000
    with pytest.raises(DecompressionFailed, match="100 times"):
        decompress([bomb], Limits(ratio=100, ratio_from=0))


def test_a_document_of_any_ratio_may_unpack_to_the_floor_and_no_octet_more() -> None:
    for chunks in splits(_packed(zlib.compress(bytes(1_000_000), 9))):
        assert len(decompress(chunks, Limits(ratio=1, ratio_from=1_000_000))) == 1_000_000
        with pytest.raises(DecompressionFailed, match="1 times its size, and to more than 999999"):
            decompress(chunks, Limits(ratio=1, ratio_from=999_999))


@pytest.mark.parametrize("ratio", [40, 150, 190, 200])
def test_the_verdict_on_a_ratio_does_not_depend_on_the_cut(ratio: int) -> None:
    # Zeros pack to a thousandth and noise not at all, so that the ratio changes on the way.
    noise = random.Random(7).randbytes(50_000)
    packed = _packed(zlib.compress(bytes(12_000_000) + noise, 9))
    verdicts = set()
    for chunks in (*splits(packed), [packed[:60_000], packed[60_000:]]):
        try:
            decompress(chunks, Limits(ratio=ratio, ratio_from=1_000_000))
            verdicts.add("taken")
        except DecompressionFailed as fault:
            verdicts.add(fault.reason)
    assert len(verdicts) == 1


@pytest.mark.parametrize("size", [100_000_000, 300_000_000])
def test_a_bomb_gives_out_little_more_than_the_floor_by_default(size: int) -> None:
    deflate = zlib.compressobj(9)
    packed = b"".join(deflate.compress(bytes(10_000_000)) for _ in range(size // 10_000_000))
    packed += deflate.flush()
    given: list[int] = []
    pieces = compressed._Inflater(Limits()).feed(packed)
    with pytest.raises(DecompressionFailed, match="200 times"):
        given.extend(len(piece) for piece in pieces)
    assert sum(given) < Limits().ratio_from + 200 * len(packed)


def test_a_bomb_is_unpacked_in_small_steps() -> None:
    inflater = compressed._Inflater(Limits())
    pieces = inflater.feed(zlib.compress(bytes(10_000_000), 9))
    assert max(len(piece) for piece in pieces) <= 256 * 1024


def test_another_algorithm_is_refused() -> None:
    packed = _packed(GOOD).replace(der.oid(oids.ZLIB), der.oid(oids.ZLIB[:-1] + "9"))
    with pytest.raises(DecompressionFailed, match="unknown compression algorithm"):
        decompress([packed])


@pytest.mark.parametrize("parameters", [b"", der.NULL])
def test_parameters_of_zlib_may_be_absent_or_null(parameters: bytes) -> None:
    inner = der.sequence(
        der.integer(0),
        der.sequence(der.oid(oids.ZLIB), parameters),
        der.sequence(der.oid(oids.DATA), der.element(0xA0, der.octet_string(GOOD))),
    )
    message = der.sequence(der.oid(oids.COMPRESSED_DATA), der.element(0xA0, inner))
    assert decompress([message]) == DOCUMENT
