"""Twice the octets cost at most twice the work, whatever shape they have (threats R1, R9).

Work is counted, not timed: each call, of a function of ours or of the interpreter's, and the octets
of the string that a method of the interpreter's is called on, such as a strip or a split. Where a
search begins is not seen, so that searches count as one; ``test_stream`` has a test for them.
"""

import base64
import sys
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from types import FrameType
from typing import Final

import pytest
from asn1crypto import cms as asn1_cms
from asn1crypto import core

from as2gateway import ber, der
from as2gateway.headers import Headers
from as2gateway.mdn import read_mdn
from as2gateway.policy import Limits
from as2gateway.request import read_request
from as2gateway.stream import Parser, Source
from bench.segments import in_segments
from tests.gateway import mdns
from tests.gateway.reading import OPEN, read
from tests.gateway.splits import run_chunks
from tests.gateway.wrapping import (
    THEIRS,
    Entity,
    compressed_data,
    document,
    multipart,
    opaque,
    pkcs7,
    signature,
)
from tests.openssl import cms_sign

#: octets that come at a time
PIECE: Final = 1000
#: what twice the octets may cost: what is the same for each message only lessens it
MOST: Final = 2.1

#: searches from somewhere on, and what only adds at the end
_OF_PARTS: Final = frozenset({"find", "rfind", "startswith", "extend"})

#: Makes what grows with a number, and says how it is read.
Shape = Callable[[int], Callable[[], object]]


class Meter:
    """Counts the work of what runs meanwhile."""

    def __init__(self) -> None:
        self.work = 0

    def __call__(self, _frame: FrameType, event: str, called: object) -> None:
        """Count one event of the interpreter's profiler."""
        if event in {"call", "c_call"}:
            self.work += 1
            if getattr(called, "__name__", "") not in _OF_PARTS:
                of = getattr(called, "__self__", None)
                self.work += len(of) if isinstance(of, bytes | bytearray | str) else 0


def work_of(action: Callable[[], object]) -> int:
    """Run it and count."""
    meter, before = Meter(), sys.getprofile()
    sys.setprofile(meter)
    try:
        action()
    finally:
        sys.setprofile(before)
    return meter.work


def pieces(octets: bytes) -> Iterator[bytes]:
    return (octets[at : at + PIECE] for at in range(0, len(octets), PIECE))


# Messages ------------------------------------------------------------------------------------


def message(entity: Entity) -> Callable[[], object]:
    """Read it as the gateway does, to its verdict."""
    return lambda: read(entity.headers, pieces(entity.body), OPEN)


def related(part: bytes, boundary: bytes = b"A") -> Entity:
    line = b"--" + boundary
    kind = f'Content-Type: multipart/related; boundary="{boundary.decode()}"'
    return Entity((kind,), line + b"\r\n" + part + b"\r\n" + line + b"--\r\n")


@cache
def small() -> Entity:
    octets = document().octets
    return multipart(octets, signature(octets))


def many_fields(count: int) -> Callable[[], object]:
    fields = b"".join(b"X-%d: %s\r\n" % (number, b"y" * count) for number in range(90))
    return message(related(fields + b"\r\nx"))


def long_fold(count: int) -> Callable[[], object]:
    return message(related(b"X: y" + b"\r\n z" * count * 50 + b"\r\n\r\nx"))


def fields_without_end(count: int) -> Callable[[], object]:
    return message(related(b"X:y\r\n" * count * 40 + b"\r\nx"))


def many_parts(count: int) -> Callable[[], object]:
    part = b"Content-Type: text/plain\r\n\r\nx\r\n--A\r\n"
    return message(related(part * (count // 5) + b"\r\nx"))


def parts_beyond_the_limit(count: int) -> Callable[[], object]:
    return message(related(b"\r\nx\r\n--A\r\n" * count * 10 + b"\r\nx"))


def lines_like_delimiters(count: int) -> Callable[[], object]:
    boundary = b"A" * 60
    return message(related(b"\r\n" + (b"\r\n--" + boundary + b"x") * count * 10, boundary))


def delimiters_padded_without_end(count: int) -> Callable[[], object]:
    return message(related(b"\r\n" + (b"\r\n--A" + b" " * 120 + b"x") * count * 10))


def line_ends(count: int) -> Callable[[], object]:
    return message(related(b"\r\n" + b"\r\n" * count * 50))


def long_preamble(count: int) -> Callable[[], object]:
    return message(Entity(small().fields, b"\r\n--no\r\n" * count * 20 + small().body))


def long_epilogue(count: int) -> Callable[[], object]:
    return message(Entity(small().fields, small().body + b"\r\n--no\r\n" * count * 20))


def short_lines_of_base64(count: int) -> Callable[[], object]:
    text = (base64.b64encode(b"abc") + b"\r\n") * count * 50
    return message(Entity(("Content-Type: text/plain", "Content-Transfer-Encoding: base64"), text))


def soft_line_breaks(count: int) -> Callable[[], object]:
    fields = ("Content-Type: text/plain", "Content-Transfer-Encoding: quoted-printable")
    return message(Entity(fields, b"=41= \r\n=" * count * 20))


def empty_blocks_of_deflate(count: int) -> Callable[[], object]:
    packer = zlib.compressobj()
    packed = packer.compress(b"\r\n") + packer.flush(zlib.Z_FULL_FLUSH)
    empty = b"\x00\x00\x00\xff\xff"  # a stored block of no octets
    return message(pkcs7("compressed-data", compressed_data(packed + empty * count * 50)))


def many_zeros_compressed(count: int) -> Callable[[], object]:
    packed = zlib.compress(b"\r\n" + bytes(count * 10_000), 9)
    return message(pkcs7("compressed-data", compressed_data(packed)))


def signed_in_segments(count: int) -> Callable[[], object]:
    signed = opaque(document(b"x" * count * 2000)).body
    return message(pkcs7("signed-data", in_segments(signed, 100)))


def _signed_with(der: bytes) -> Callable[[], object]:
    """The small message with another signature."""
    octets = document().octets
    head = b"Content-Type: application/pkcs7-signature\r\n\r\n"
    return message(multipart(octets, head + der))


def many_attributes(count: int) -> Callable[[], object]:
    info = asn1_cms.ContentInfo.load(cms_sign(document().octets, [THEIRS]))
    attributes = info["content"]["signer_infos"][0]["signed_attrs"]
    for number in range(count * 2):
        attributes.append({"type": f"1.2.{number}", "values": [core.Integer(number)]})
    return _signed_with(info.dump(force=True))


def nested_certificates(count: int) -> Callable[[], object]:
    deep = b"\x30\x80" * 20 + bytes(2) * 20
    head = b"\x30\x80" + der.oid("1.2.840.113549.1.7.2") + b"\xa0\x80\x30\x80" + der.integer(1)
    data = b"\x31\x00" + der.sequence(der.oid("1.2.840.113549.1.7.1"))
    whole = head + data + b"\xa0\x80" + deep * (count // 2) + bytes(2) + b"\x31\x00" + bytes(2) * 3
    return _signed_with(whole)


def recipients_without_end(count: int) -> Callable[[], object]:
    info = b"\x30\x80" + der.octet_string(b"x") + bytes(2)
    head = b"\x30\x80" + der.oid("1.2.840.113549.1.7.3") + b"\xa0\x80\x30\x80" + der.integer(0)
    return message(pkcs7("enveloped-data", head + b"\x31\x80" + info * count * 10))


# Strings of segments -------------------------------------------------------------------------


def string(segments: bytes) -> Callable[[], object]:
    """Read a string of these segments, and no more."""

    def parser(source: Source) -> Parser[bytes, None]:
        header = yield from ber.read_header(source)
        yield from ber.read_octets(source, header)

    octets = b"\x24\x80" + segments + bytes(2)
    return lambda: run_chunks(parser, pieces(octets))


def tiny_segments(count: int) -> Callable[[], object]:
    return string(b"\x04\x01x" * count * 50)


def empty_segments(count: int) -> Callable[[], object]:
    return string(b"\x04\x00" * count * 50)


def segments_of_two_lengths(count: int) -> Callable[[], object]:
    return string(b"\x04\x01x\x04\x02xx" * count * 30)


def segments_that_grow_unlike(count: int) -> Callable[[], object]:
    """Runs of alike segments, each followed by another one: what looking ahead is worst at."""
    return string((b"\x04\x01x" * 9 + b"\x04\x02xx") * count * 5)


def segments_with_long_lengths(count: int) -> Callable[[], object]:
    return string((b"\x04\x88" + bytes(7) + b"\x01x") * count * 20)


def nested_segments(count: int) -> Callable[[], object]:
    deep = b"\x24\x80" * 30 + b"\x04\x01x" + bytes(2) * 30
    return string(deep * count)


# Header fields and MDNs ----------------------------------------------------------------------


def request(name: str, value: str) -> Callable[[], object]:
    fields = (("AS2-From", "THEM"), ("AS2-To", "US"), ("Disposition-Notification-To", "x"))
    return lambda: read_request(Headers((*fields, (name, value))))


def many_parameters(count: int) -> Callable[[], object]:
    return request("Content-Type", "a/b" + "".join(f'; p{n}="x\\"y"' for n in range(count * 10)))


def quotes_without_end(count: int) -> Callable[[], object]:
    return request("Content-Type", "a/b" + '; p="x' * count * 10)


def many_options(count: int) -> Callable[[], object]:
    value = "signed-receipt-micalg=optional" + ", sha-0" * count * 10
    return request("Disposition-Notification-Options", value)


def many_features(count: int) -> Callable[[], object]:
    return request("EDIINT-Features", "a, " * count * 10)


def disposition(value: str) -> Callable[[], object]:
    field = ("Content-Disposition", f"attachment{value}")
    entity = Entity(("Content-Type: text/plain", ": ".join(field)), b"x")
    return message(entity)


def continuations(count: int) -> Callable[[], object]:
    return disposition("".join(f"; filename*{n}*=%41%" for n in range(count * 10)))


def encoded_words(count: int) -> Callable[[], object]:
    return disposition('; filename="' + "=?utf-8?q?=41?= =?a?b?" * count * 5 + '"')


def mdn(fields: bytes) -> Callable[[], object]:
    body = mdns.multipart(mdns.TEXT, mdns.machine(mdns.FIELDS + fields))
    return lambda: read_mdn(mdns.http(), body, Limits())


def stray_lines_in_an_mdn(count: int) -> Callable[[], object]:
    return mdn(b"no field\r\n" * count * 10)


def folds_in_an_mdn(count: int) -> Callable[[], object]:
    return mdn(b"X: y\r\n" + b" z\r\n" * count * 20)


def comments_in_an_mdn(count: int) -> Callable[[], object]:
    comments = b"(" * count * 10 + b"(x)" * count * 10
    value = mdns.FIELDS.replace(b"; processed", b"; " + comments + b"processed")
    body = mdns.multipart(mdns.TEXT, mdns.machine(value))
    return lambda: read_mdn(mdns.http(), body, Limits())


#: each is of some kilobytes, so that the limits on header fields and the like do not end it early
SHAPES: Final[tuple[Shape, ...]] = (
    many_fields,
    long_fold,
    fields_without_end,
    many_parts,
    parts_beyond_the_limit,
    lines_like_delimiters,
    delimiters_padded_without_end,
    line_ends,
    long_preamble,
    long_epilogue,
    short_lines_of_base64,
    soft_line_breaks,
    empty_blocks_of_deflate,
    many_zeros_compressed,
    signed_in_segments,
    many_attributes,
    nested_certificates,
    recipients_without_end,
    tiny_segments,
    empty_segments,
    segments_of_two_lengths,
    segments_that_grow_unlike,
    segments_with_long_lengths,
    nested_segments,
    many_parameters,
    quotes_without_end,
    many_options,
    many_features,
    continuations,
    encoded_words,
    stray_lines_in_an_mdn,
    folds_in_an_mdn,
    comments_in_an_mdn,
)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
def test_twice_the_octets_cost_at_most_twice_the_work(shape: Shape) -> None:
    once, twice = (work_of(shape(count)) for count in (100, 200))
    assert twice <= MOST * once, (once, twice)
