"""What is written reads back, for whatever there is to write, and however it is cut on the way."""

import base64
import quopri
from dataclasses import replace

import pytest
from asn1crypto.core import OctetString
from hypothesis import assume, given
from hypothesis import strategies as st

from as2gateway import ber, der, mime, names
from as2gateway.algorithms import (
    CipherAlgorithm,
    Compression,
    DigestAlgorithm,
    KeyTransport,
    SignatureScheme,
)
from as2gateway.disposition import Disposition, DispositionType, Level
from as2gateway.engine import Stamp
from as2gateway.engines import ENGINES, get_engine
from as2gateway.headers import Headers
from as2gateway.mdn import MDNReport, read_mdn, verify_mdn
from as2gateway.mic import MIC
from as2gateway.policy import Limits, MDNMode, OutboundPolicy, PayloadInfo, SigningKey
from as2gateway.quirks import NO_QUIRKS, Quirks
from as2gateway.request import SUPPORTED_DIGESTS, read_request
from as2gateway.stream import Parser, Source
from tests.gateway.mdns import EXPECTED, NOW
from tests.gateway.properties import Cut, as2_names, cuts, examples, file_names, lines, payloads
from tests.gateway.reading import LEGACY, accepted, read
from tests.gateway.splits import run_chunks
from tests.gateway.test_differential import CIPHERS, NATIVE, NOT_BUILT_BY_PYAS2LIB, SHAPES
from tests.gateway.wrapping import OURS, THEIRS
from tests.openssl import identity

CURVED = identity("curved", "p256")
DIGESTS = sorted(SUPPORTED_DIGESTS)

# Messages ------------------------------------------------------------------------------------

KEY = SigningKey(THEIRS.private_key, THEIRS.certificate)
signers = st.sampled_from(
    [
        KEY,
        SigningKey(THEIRS.private_key, THEIRS.certificate, SignatureScheme.RSA_PSS),
        SigningKey(CURVED.private_key, CURVED.certificate),
    ]
)
RECEIVER = replace(LEGACY, verify_with=(THEIRS.certificate, CURVED.certificate))


quirks = st.builds(Quirks, base64=st.booleans(), omit_certificates=st.booleans())

#: packaging, who composes, who reads
EVERY = [
    (packaging, composer, reader)
    for packaging in SHAPES
    for composer in ENGINES
    for reader in ENGINES
    if composer == NATIVE or packaging not in NOT_BUILT_BY_PYAS2LIB
]


def policies(packaging: str, engines: set[str]) -> st.SearchStrategy[OutboundPolicy]:
    """Every way of building a packaging that these engines know."""
    is_signed, compress, is_encrypted = SHAPES[packaging]
    both = engines == {NATIVE}
    return st.builds(
        OutboundPolicy,
        as2_from=as2_names,
        as2_to=as2_names,
        sign=st.sampled_from(DIGESTS) if is_signed else st.none(),
        encrypt=st.sampled_from([*CipherAlgorithm] if both else CIPHERS)
        if is_encrypted
        else st.none(),
        compress=st.just(compress),
        mdn=st.sampled_from(MDNMode),
        mdn_signed=st.booleans(),
        mdn_url=st.just("http://us.example/mdn"),
        sign_with=signers if both else st.just(KEY),
        encrypt_to=st.just(OURS.certificate),
        key_transport=st.sampled_from([*KeyTransport] if both else [KeyTransport.RSA_V15]),
        quirks=quirks if both else st.just(NO_QUIRKS),
    )


@pytest.mark.parametrize("run", EVERY, ids=" ".join)
@examples(8)
@given(data=st.data(), payload=payloads, name=file_names, cut=cuts)
def test_what_is_composed_is_received(
    run: tuple[str, str, str], data: st.DataObject, payload: bytes, name: str, cut: Cut
) -> None:
    packaging, composer, reader = run
    policy = data.draw(policies(packaging, {composer, reader}))
    info = PayloadInfo(len(payload), "application/EDI-X12", name)
    sent = get_engine(composer).compose(cut(payload), info, policy, Stamp("<1@us.example>", NOW))
    body = b"".join(sent)
    request = read_request(Headers.parse(sent.headers.encode()))
    assert (request.as2_from, request.as2_to) == (policy.as2_from, policy.as2_to)
    found = read(sent.headers, cut(body), RECEIVER, request=request.mdn, engine=reader)
    facts = accepted(found[1]).facts
    assert found[0] == payload
    assert facts.mic is not None
    assert sent.mics[facts.mic.algorithm] == facts.mic.digest
    shape = SHAPES[packaging]
    assert (facts.signed, facts.encrypted) == (shape[0], shape[2])
    assert facts.compressed is (shape[1] is not Compression.NONE)
    if composer == NATIVE:
        assert facts.filename == name


# MDNs ----------------------------------------------------------------------------------------

dispositions = st.one_of(
    st.just(Disposition(DispositionType.PROCESSED)),
    st.builds(
        Disposition,
        st.sampled_from(DispositionType),
        st.sampled_from(Level),
        st.from_regex(r"[a-z][a-z -]{0,30}[a-z]", fullmatch=True),
    ),
)
mics = st.sampled_from(DIGESTS).flatmap(
    lambda digest: st.binary(min_size=digest.size, max_size=digest.size).map(
        lambda octets: MIC(octets, digest)
    )
)
message_ids = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1)
reports = st.builds(
    MDNReport,
    as2_from=as2_names,
    as2_to=as2_names,
    original_message_id=message_ids,
    final_recipient=as2_names,
    disposition=dispositions,
    mic=st.none() | mics,
    text=st.text(max_size=200),
    reporting_ua=lines,
    original_subject=st.text(max_size=80),
)


@pytest.mark.parametrize("engine", ENGINES)
@examples(80)
@given(report=reports, key=st.none() | signers, digest=st.sampled_from(DIGESTS))
def test_an_mdn_reads_back(
    engine: str, report: MDNReport, key: SigningKey | None, digest: DigestAlgorithm
) -> None:
    stamp = Stamp("<2@us.example>", NOW, report.original_subject)
    built = get_engine(engine).compose_mdn(report, stamp, key, digest)
    mdn = read_mdn(Headers.parse(built.headers.encode()), built.body, Limits())
    assert (mdn.as2_from, mdn.as2_to) == (report.as2_from, report.as2_to)
    assert mdn.original_message_id == report.original_message_id
    assert (mdn.disposition, mdn.mic) == (report.disposition, report.mic)
    assert mdn.signed is (key is not None)
    if key and (report.mic or not report.disposition.positive):
        expected = replace(
            EXPECTED,
            message_id=report.original_message_id or "",
            as2_from=report.as2_to,
            as2_to=report.as2_from,
            mics={report.mic.algorithm: report.mic.digest} if report.mic else {},
            certificates=(key.certificate,),
            allowed=frozenset({digest}),
        )
        verify_mdn(mdn, expected)


@examples(200)
@given(disposition=dispositions)
def test_a_disposition_reads_back(disposition: Disposition) -> None:
    assert Disposition.parse(str(disposition)) == disposition


@examples(200)
@given(mic=mics, spelling=st.sampled_from(["SHA256", "sha_256", "Sha-256"]))
def test_a_mic_reads_back(mic: MIC, spelling: str) -> None:
    assert MIC.parse(mic.field()) == mic
    if mic.algorithm is DigestAlgorithm.SHA256:
        assert MIC.parse(mic.field(spelling)) == mic


# Header fields and names ---------------------------------------------------------------------

field_names = st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,20}", fullmatch=True)


@examples(200)
@given(fields=st.lists(st.tuples(field_names, lines), max_size=20), line_end=st.booleans())
def test_header_fields_read_back(fields: list[tuple[str, str]], line_end: bool) -> None:
    headers = Headers(tuple((name, value.strip(" ")) for name, value in fields))
    block = headers.encode()
    assert block.count(b"\r\n") == len(fields)
    assert Headers.parse(block if line_end else block.replace(b"\r\n", b"\n")) == headers


@examples(200)
@given(name=field_names, value=st.text(st.characters(max_codepoint=0xFF), min_size=1))
def test_no_value_makes_a_line_of_its_own(name: str, value: str) -> None:
    try:
        block = Headers(((name, value),)).encode()
    except ValueError:
        return
    assert len(Headers.parse(block).fields) == 1


@examples(300)
@given(name=as2_names)
def test_an_as2_name_reads_back(name: str) -> None:
    assert names.unquote(names.quote(name)) == name


@examples(300)
@given(name=file_names)
def test_a_file_name_reads_back(name: str) -> None:
    written = mime.disposition(name)
    assert written.isascii()
    fields = Headers(((("Content-Disposition", written)),)).encode()
    assert mime.filename(Headers.parse(fields)) == name


# MIME ----------------------------------------------------------------------------------------

BOUNDARY = "----=_Part_1"


def parts(source: Source) -> Parser[tuple[int, bytes], int]:
    """The parts of a multipart: numbers and octets; how many there were."""
    yield from mime.read_preamble(source, BOUNDARY)
    count, last = 0, False
    while not last:
        reader = mime.read_part(source, BOUNDARY)
        while True:
            try:
                piece = next(reader)
            except StopIteration as stop:
                last = stop.value
                break
            yield None if piece is None else (count, piece)
        count += 1
    yield from mime.read_epilogue(source)
    return count


@examples(150)
@given(bodies=st.lists(payloads, min_size=1, max_size=4), cut=cuts, around=payloads)
def test_the_parts_of_a_multipart_read_back(bodies: list[bytes], cut: Cut, around: bytes) -> None:
    line = b"--" + BOUNDARY.encode()
    assume(all(line not in octets for octets in (*bodies, around)))
    wire = around + b"\r\n" + b"".join(line + b"\r\n" + body + b"\r\n" for body in bodies)
    pieces, count = run_chunks(parts, cut(wire + line + b"--\r\n" + around))
    found = [b"".join(octets for at, octets in pieces if at == n) for n in range(count)]
    assert found == bodies


@examples(150)
@given(payload=payloads, cut=cuts, line_end=st.sampled_from([b"\r\n", b"\n", b""]))
def test_base64_reads_back(payload: bytes, cut: Cut, line_end: bytes) -> None:
    encoded = base64.encodebytes(payload).replace(b"\n", line_end)
    assert _decoded("base64", cut(encoded)) == payload


@examples(150)
@given(payload=payloads, cut=cuts)
def test_quoted_printable_reads_back(payload: bytes, cut: Cut) -> None:
    encoded = quopri.encodestring(payload.replace(b"\n", b"\r"), quotetabs=True)
    assert _decoded("quoted-printable", cut(encoded)) == payload.replace(b"\n", b"\r")


def _decoded(encoding: str, pieces: list[bytes]) -> bytes:
    decoder = mime.decoder(encoding)
    return b"".join([*map(decoder.update, pieces), decoder.finish()])


# ASN.1 ---------------------------------------------------------------------------------------


def nested(octets: bytes, cut: Cut, depth: int) -> bytes:
    """An OCTET STRING in BER: segments of indefinite length, some of them segmented again."""
    if depth == 0:
        return der.octet_string(octets)
    inner = b"".join(nested(piece, cut, depth - 1) for piece in cut(octets))
    if depth % 2 == 0:
        return der.element(0x24, inner)
    return b"\x24\x80" + inner + der.END_OF_CONTENTS


def string(source: Source) -> Parser[bytes, bytes]:
    header = yield from ber.read_header(source)
    yield from ber.read_octets(source, header)
    return (yield from source.exactly(1))


@examples(150)
@given(octets=payloads, inner=cuts, cut=cuts, depth=st.integers(0, 3))
def test_an_octet_string_reads_back(octets: bytes, inner: Cut, cut: Cut, depth: int) -> None:
    few = Cut(inner.places[:3])
    encoded = nested(octets, few, depth)
    pieces, after = run_chunks(string, cut(encoded + b"!"))
    assert (b"".join(pieces), after) == (octets, b"!")
    assert ber.parse(encoded).octets() == octets
    if depth < 2:
        assert OctetString.load(encoded).native == octets  # as others read it


trees = st.recursive(
    st.one_of(
        st.integers(-(2**70), 2**70).map(der.integer),
        st.binary(max_size=300).map(der.octet_string),
        st.just(der.NULL),
    ),
    lambda inner: st.lists(inner, max_size=5).map(lambda members: der.sequence(*members)),
    max_leaves=20,
)


def tree_of(node: ber.Node) -> bytes:
    """Write an element again from what was read of it."""
    if node.tag == ber.SEQUENCE:
        return der.sequence(*map(tree_of, node.children))
    if node.tag == ber.INTEGER:
        return der.integer(node.integer())
    if node.tag == ber.OCTET_STRING:
        return der.octet_string(node.octets())
    return der.NULL


def element(source: Source) -> Parser[bytes, ber.Node]:
    header = yield from ber.read_header(source)
    return (yield from ber.read_element(source, header, 100_000))


@examples(150)
@given(encoded=trees, cut=cuts)
def test_a_value_reads_back(encoded: bytes, cut: Cut) -> None:
    _, node = run_chunks(element, cut(encoded + b"more"))
    assert node.raw == encoded
    assert tree_of(node) == encoded
