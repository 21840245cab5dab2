"""CompressedData as a stream: RFC 3274, and RFC 5402 for its use in AS2.

Every fault is DecompressionFailed. What comes out is bounded, absolutely and as a multiple of what
went in (threats R8).
"""

import zlib
from collections.abc import Iterable, Iterator

from as2gateway import ber, der
from as2gateway.cms import oids
from as2gateway.cms.content import ContentInfo, Frame, read_oid
from as2gateway.errors import AS2Error, DecompressionFailed
from as2gateway.policy import Limits
from as2gateway.stream import Parser, Source

#: octets taken in and given out in one step: what bounds memory, and the copies zlib makes
_STEP_IN = 64 * 1024
_STEP_OUT = 256 * 1024

#: octets of a version, and of the algorithm with its parameters
_MAX_SMALL = 128

# how zlib is told what it reads: with its own header, with gzip's, with none
_ZLIB, _GZIP, _RAW = 15, 31, -15
_GZIP_MAGIC = b"\x1f\x8b"
_DEFLATE, _METHOD, _CHECK = 8, 0x0F, 31


# --- reading -------------------------------------------------------------------------------------


def decompress(source: Source, limits: Limits, info: ContentInfo) -> Parser[bytes, None]:
    """Give out the unpacked octets; ``info`` is what ``read_content_info`` returned.

    Raises DecompressionFailed and nothing else.
    """
    try:
        yield from _decompress(source, limits)
        yield from info.close(source)
    except DecompressionFailed:
        raise
    except AS2Error as error:
        raise DecompressionFailed(error.reason) from error


def _decompress(source: Source, limits: Limits) -> Parser[bytes, None]:
    outer = (yield from ber.read_header(source)).open(ber.SEQUENCE)
    header = (yield from ber.read_header(source)).expect(ber.INTEGER)
    yield from ber.read_element(source, header, _MAX_SMALL)
    header = (yield from ber.read_header(source)).open(ber.SEQUENCE)
    algorithm = yield from ber.read_element(source, header, _MAX_SMALL)
    name = algorithm.fields().take(ber.OID).oid()
    if name != oids.ZLIB:
        raise DecompressionFailed(f"unknown compression algorithm {name}")
    content = (yield from ber.read_header(source)).open(ber.SEQUENCE)
    # What is inside is MIME, whatever the type says (CMS-34).
    yield from read_oid(source)
    explicit = (yield from ber.read_header(source)).open(ber.CONTEXT)
    string = (yield from ber.read_header(source)).expect(ber.OCTET_STRING)
    inflater = _Inflater(limits)
    for piece in ber.read_octets(source, string):
        if piece is None:
            yield None
        else:
            yield from inflater.feed(piece)
    inflater.finish()
    for opened in (explicit, content, outer):
        yield from ber.read_end(source, opened)


class _Inflater:
    """Unpacks zlib, and what some send in its place: gzip, or deflate without a header (CMS-33)."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._inflate: zlib._Decompress | None = None
        self._head = b""
        self._taken = 0
        self._given = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Unpack more octets. Raises DecompressionFailed."""
        if self._inflate is None:
            data = self._head + data
            if len(data) < len(_GZIP_MAGIC):
                self._head = data
                return
            self._inflate = zlib.decompressobj(_format(data))
        at = 0
        while at < len(data):
            # Steps end where as many octets of the message do, however these were cut before.
            end = at + _STEP_IN - self._taken % _STEP_IN
            yield from self._step(self._inflate, data[at:end])
            at = end

    def _step(self, inflate: "zlib._Decompress", data: bytes) -> Iterator[bytes]:
        if inflate.eof:
            raise DecompressionFailed("octets follow the compressed ones")
        self._taken += len(data)
        full = True
        # zlib may have more to give when it has taken all in, but only if it filled the last step.
        while data or full:
            try:
                piece = inflate.decompress(data, _STEP_OUT)
            except zlib.error as error:
                raise DecompressionFailed(f"the compressed octets are damaged: {error}") from error
            data, full = inflate.unconsumed_tail, len(piece) == _STEP_OUT
            self._check(inflate, len(piece))
            if piece:
                yield piece

    def _check(self, inflate: "zlib._Decompress", count: int) -> None:
        self._given += count
        if inflate.unused_data:
            raise DecompressionFailed("octets follow the compressed ones")
        if self._given > self._limits.decompressed:
            raise DecompressionFailed(f"it unpacks to more than {self._limits.decompressed} octets")
        self._check_ratio(-(-self._taken // _STEP_IN) * _STEP_IN)

    def _check_ratio(self, taken: int) -> None:
        """Refuse a bomb. In the middle of a step all of it counts as taken (see ``feed``)."""
        limits = self._limits
        if self._given > max(limits.ratio_from, limits.ratio * taken):
            raise DecompressionFailed(
                f"it unpacks to more than {limits.ratio} times its size, and to more than "
                f"{limits.ratio_from} octets"
            )

    def finish(self) -> None:
        """DecompressionFailed if the compressed octets are not complete."""
        if self._inflate is None or not self._inflate.eof:
            raise DecompressionFailed("the compressed octets end too early")
        self._check_ratio(self._taken)


def _format(head: bytes) -> int:
    if head.startswith(_GZIP_MAGIC):
        return _GZIP
    # RFC 1950 §2.2: the method, and a check over both octets
    zlib_header = head[0] & _METHOD == _DEFLATE and int.from_bytes(head[:2]) % _CHECK == 0
    return _ZLIB if zlib_header else _RAW


# --- writing -------------------------------------------------------------------------------------


def compress(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Pack octets as zlib does (RFC 1950)."""
    deflate = zlib.compressobj()
    for chunk in chunks:
        piece = deflate.compress(chunk)
        if piece:
            yield piece
    yield deflate.flush()


def compressed_data(chunks: Iterable[bytes], length: int | None) -> Iterator[bytes]:
    """Write a ContentInfo with CompressedData around ``length`` octets of zlib.

    DER if the length is known. Raises ValueError at the end if it was not right.
    """
    return _FRAME.write(chunks, length)


_FRAME = Frame(
    (
        (der.SEQUENCE, der.oid(oids.COMPRESSED_DATA)),
        (der.CONTEXT | der.CONSTRUCTED, b""),
        # parameters of zlib are best absent (RFC 3274 §2)
        (der.SEQUENCE, der.integer(0) + der.sequence(der.oid(oids.ZLIB))),
        (der.SEQUENCE, der.oid(oids.DATA)),
        (der.CONTEXT | der.CONSTRUCTED, b""),
    ),
    der.OCTET_STRING,
)
