"""Fuzz targets: what any octets may do to our parsers, as functions that fail on a finding.

A finding is an exception that is none of a parser's own, a result that depends on how the octets
were cut into pieces, or a fault of ours that receiving covered up. The same functions replay the
stored corpus in every test run and are driven by ``make fuzz``.
"""

import random
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import MappingProxyType

from as2gateway import ber, edi, features, mime, names
from as2gateway.certificates import Certificate
from as2gateway.errors import AS2Error, MalformedRequest
from as2gateway.events import Reading, Rejected, Verdict
from as2gateway.headers import Headers
from as2gateway.mdn import Expected, is_mdn, read_mdn, verify_mdn
from as2gateway.native import NativeEngine
from as2gateway.policy import MODERN_DIGESTS, DecryptionKey, InboundPolicy, Limits
from as2gateway.receive import MessageReceiver
from as2gateway.request import MDNRequest, read_request
from as2gateway.stream import Layer, Parser, Source
from tests.gateway import recordings
from tests.gateway.test_vectors import private_key

Target = Callable[[bytes], None]

#: small, so that they are met
LIMITS = Limits(
    depth=4, signature=8192, recipients_size=4096, attachments=10, decompressed=200_000, mdn=16_384
)
_BOUNDARY = "b"
_OURS = "an exception of ours was covered up: "
_COVERED = re.compile(r"[A-Z]\w*(?:Error|Exception|Warning|Iteration|Exit): ?")


def ber_reader(data: bytes) -> None:
    """ASN.1: as a tree, as a stream of octets, and as a certificate."""
    with suppress(AS2Error):
        _walk(ber.parse(data), 0)
    with suppress(ValueError):
        Certificate.from_der(data)
    _same_however_cut(data, _octet_string)


def mime_entities(data: bytes) -> None:
    """Header blocks, and the parts of a multipart with the boundary ``b``."""
    _same_however_cut(data, _parts)
    _same_however_cut(data, _entity)


def header_fields(data: bytes) -> None:
    """A header block, and every field of it that is read further."""
    try:
        headers = Headers.parse(data)
    except AS2Error:
        return
    with suppress(MalformedRequest):
        read_request(headers)
    for _, value in headers:
        mime.ContentType.parse(value)
        features.read(value)
        names.first_word(value)
        with suppress(ValueError):
            names.unquote(value)
    mime.filename(headers)


def mdn_reader(data: bytes) -> None:
    """An MDN with its header fields; what can be read is verified against a message of ours."""
    block, _, body = data.partition(b"\r\n\r\n")
    try:
        headers = Headers.parse(block)
        is_mdn(headers, body[:1024])
        mdn = read_mdn(headers, body, LIMITS)
    except AS2Error:
        return
    expected = Expected(
        message_id=mdn.original_message_id or "<1@us>",
        as2_from=mdn.as2_to,
        as2_to=mdn.as2_from,
        mics={},
        signed=mdn.signed,
        certificates=(_partner(),),
        allowed=MODERN_DIGESTS,
    )
    with suppress(AS2Error):
        verify_mdn(mdn, expected)


def whole_receive(data: bytes) -> None:
    """A request through the engine, however cut: one verdict, one payload."""
    block, _, body = data.partition(b"\r\n\r\n")
    try:
        headers = Headers.parse(block)
        request = read_request(headers).mdn
    except (AS2Error, MalformedRequest):
        request, headers = None, Headers((("Content-Type", "multipart/signed; boundary=b"),))
    for policy in _POLICIES:
        first = _receive(headers, request, policy, [body])
        second = _receive(headers, request, policy, _cut(body))
        assert _words(first[1]) == _words(second[1]), "the verdict depends on the cut"
        # What is given out before a fault goes to quarantine and no further.
        refused = isinstance(first[1], Rejected)
        assert refused or first[0] == second[0], "the payload depends on the cut"


def edi_facts(data: bytes) -> None:
    """The beginning of a document."""
    edi.sniff(data)


TARGETS: Mapping[str, Target] = MappingProxyType(
    {
        "ber": ber_reader,
        "mime": mime_entities,
        "headers": header_fields,
        "mdn": mdn_reader,
        "receive": whole_receive,
        "edi": edi_facts,
    }
)


def _receive(
    headers: Headers, request: MDNRequest | None, policy: InboundPolicy, pieces: list[bytes]
) -> tuple[bytes, Verdict]:
    receiver = NativeEngine().receiver(headers, policy, request, LIMITS, Reading())
    assert isinstance(receiver, MessageReceiver)
    payload = b"".join(part.data for piece in pieces for part in receiver.feed(piece))
    last, verdict = receiver.close()
    return payload + b"".join(part.data for part in last), verdict


def _words(verdict: Verdict) -> str:
    if not isinstance(verdict, Rejected):
        return f"accepted {verdict.facts}"
    reason = verdict.error.reason
    assert not _COVERED.match(reason), _OURS + reason
    # How far the inside had been read when an outer layer broke is not part of the verdict.
    return type(verdict.error).__name__


def _walk(node: ber.Node, depth: int) -> None:
    if depth < ber.MAX_DEPTH and node.tag & 0x20:
        for child in node.children:
            _walk(child, depth + 1)


def _octet_string(source: Source) -> Parser[bytes, None]:
    header = (yield from ber.read_header(source)).expect(ber.OCTET_STRING)
    yield from ber.read_octets(source, header)


def _parts(source: Source) -> Parser[bytes, None]:
    yield from mime.read_preamble(source, _BOUNDARY)
    last = False
    while not last:
        last = yield from mime.read_part(source, _BOUNDARY)
        yield b"\0|\0"
    yield from mime.read_epilogue(source)


def _entity(source: Source) -> Parser[bytes, None]:
    headers, block = yield from mime.read_headers(source)
    yield block
    mime.filename(headers)
    decoder = mime.decoder(headers.get("Content-Transfer-Encoding"))
    while data := (yield from source.some()):
        if decoded := decoder.update(data):
            yield decoded
    yield decoder.finish()


def _same_however_cut(data: bytes, parser: Callable[[Source], Parser[bytes, None]]) -> None:
    assert _run(parser, [data]) == _run(parser, _cut(data)), "the result depends on the cut"


def _run(parser: Callable[[Source], Parser[bytes, None]], pieces: list[bytes]) -> tuple[str, bytes]:
    layer: Layer[bytes, None] = Layer(parser)
    made = bytearray()
    try:
        for piece in pieces:
            for item in layer.feed(piece):
                made += item
        for item in layer.end():
            made += item
    except AS2Error as fault:
        # Which of two faults is seen first and what was given out before it may differ.
        return type(fault).__name__, b""
    return "", bytes(made)


def _cut(data: bytes) -> list[bytes]:
    choose = random.Random(data)
    at, pieces = 0, []
    while at < len(data):
        size = choose.choice((1, 1, 2, 3, 5, 17, 300))
        pieces.append(data[at : at + size])
        at += size
    return pieces


def _partner() -> Certificate:
    return recordings.certificate("openas2")


_POLICIES = (
    InboundPolicy("A", "B", require_signature=False, require_encryption=False),
    InboundPolicy(
        "A",
        "B",
        require_signature=True,
        require_encryption=False,
        verify_with=(_partner(),),
        decrypt_with=(DecryptionKey(private_key("phase2"), recordings.certificate("phase2")),),
    ),
)
