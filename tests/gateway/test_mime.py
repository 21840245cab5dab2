import time

import pytest

from as2gateway import mime
from as2gateway.errors import LimitExceeded, MalformedMessage
from as2gateway.mime import ContentType
from as2gateway.stream import Source, Wait, run
from tests.gateway.splits import SPLITS, Split, run_chunks

SIGNED = 'multipart/signed; protocol="application/pkcs7-signature"; '


@pytest.mark.parametrize(
    ("value", "media_type", "parameters"),
    [
        ("Application/EDI-X12", "application/edi-x12", {}),
        ("text/plain; charset=us-ascii", "text/plain", {"charset": "us-ascii"}),
        (SIGNED + "micalg=sha256;  boundary=\"x\"", "multipart/signed",
         {"protocol": "application/pkcs7-signature", "micalg": "sha256", "boundary": "x"}),
        ("multipart/mixed; BOUNDARY = abc ", "multipart/mixed", {"boundary": "abc"}),
        ("multipart/mixed; boundary=boundarykmWBAw==", "multipart/mixed",
         {"boundary": "boundarykmWBAw=="}),
        ("multipart/mixed; boundary=a:b/c?d", "multipart/mixed", {"boundary": "a:b/c?d"}),
        ("multipart/mixed; boundary=\"'()+_,-./:=? \"", "multipart/mixed",
         {"boundary": "'()+_,-./:=? "}),
        ('multipart/mixed; boundary="_=..Sterling..MOKO";', "multipart/mixed",
         {"boundary": "_=..Sterling..MOKO"}),
        ('a/b; x="q;uo\\"te\\\\d"; y=2', "a/b", {"x": 'q;uo"te\\d', "y": "2"}),
        ('a/b; name="C:\\dir\\file.edi"', "a/b", {"name": "C:\\dir\\file.edi"}),
        ('a/b; name=""x""; y=""', "a/b", {"name": "x", "y": ""}),
        ('a/b; name="open', "a/b", {"name": "open"}),
        ("a/b; name=my file.edi; y=1", "a/b", {"name": "my file.edi", "y": "1"}),
        ("a/b; x=1; X=2", "a/b", {"x": "1"}),
        ("a/b boundary=x", "a/b", {"boundary": "x"}),
        ('a/b; x="1" junk; y=2', "a/b", {"x": "1", "y": "2"}),
        ("a/b;;; =; x; y=2;", "a/b", {"y": "2"}),
        (None, "text/plain", {}),
        ("", "application/octet-stream", {}),
        ("edi", "application/octet-stream", {}),
        ("edi; name=x", "application/octet-stream", {"name": "x"}),
        ("application/application/EDIFACT", "application/octet-stream", {}),
        ("/", "application/octet-stream", {}),
        ("application/xml;", "application/xml", {}),
    ],
)  # fmt: skip
def test_content_types_are_read_as_they_are_written(
    value: str | None, media_type: str, parameters: dict[str, str]
) -> None:
    read = ContentType.parse(value)
    assert (read.type, dict(read.parameters)) == (media_type, parameters)
    assert str(read) == media_type
    assert read.get("name") == parameters.get("name")
    assert read.boundary == parameters.get("boundary", "")


@pytest.mark.parametrize("value", ["a" * 60_000, "a/b;" + 'x="' * 20_000, "a/b;" + "x=" * 30_000])
def test_a_hostile_content_type_costs_no_more_than_its_length(value: str) -> None:
    started = time.process_time()
    ContentType.parse(value)
    assert time.process_time() - started < 0.5


@pytest.mark.parametrize(
    ("value", "disposition", "encrypted", "signature"),
    [
        ("application/pkcs7-mime", None, True, False),
        ("Application/X-PKCS7-MIME; smime-type=x", None, True, False),
        ("application/octet-stream; name=SMIME.P7M", None, True, False),
        ("application/octet-stream", 'attachment; filename="a.p7z"', True, False),
        ("application/pkcs7-signature", None, False, True),
        ("application/x-pkcs7-signature", None, False, True),
        ("application/pkcs-7-signature; name=x", None, False, True),
        ("application/octet-stream; name=smime.p7s", None, False, True),
        ("application/octet-stream", "attachment; filename=a.edi", False, False),
        ("application/edi-x12; name=smime.p7m", None, False, False),
        ("multipart/signed", None, False, False),
    ],
)
def test_security_layers_are_known_by_their_type(
    value: str, disposition: str | None, encrypted: bool, signature: bool
) -> None:
    content_type = ContentType.parse(value)
    assert mime.is_pkcs7_mime(content_type, disposition) is encrypted
    assert mime.is_pkcs7_signature(content_type, disposition) is signature


def headers_and_rest(source: Source) -> Wait[tuple[list[tuple[str, str]], bytes, bytes]]:
    headers, block = yield from mime.read_headers(source)
    rest = yield from source.some()
    while piece := (yield from source.some()):
        rest += piece
    return list(headers), block, rest


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize(
    ("block", "fields"),
    [
        (b"A: 1\r\nB: 2\r\n\r\n", [("A", "1"), ("B", "2")]),
        (b"A: 1\nB: 2\n\n", [("A", "1"), ("B", "2")]),
        (b"A: 1;\r\n\tx=2\r\n\r\n", [("A", "1; x=2")]),
        (b"A: 1\x85\x0b\x1c2\r\n\r\n", [("A", "1\x85\x0b\x1c2")]),
        (b"\r\n", []),
        (b"\n", []),
    ],
)
def test_a_header_block_is_read_with_its_own_octets(
    split: Split, block: bytes, fields: list[tuple[str, str]]
) -> None:
    body = b"\r\nbody: x\r\n\r\n"
    _, read = run_chunks(headers_and_rest, split(block + body))
    assert read == (fields, block, body)


def test_an_entity_may_end_after_its_fields() -> None:
    _, (fields, block, rest) = run(headers_and_rest, b"A: 1\r\n")
    assert (fields, block, rest) == ([("A", "1")], b"A: 1\r\n", b"")


@pytest.mark.parametrize(
    ("block", "fault"),
    [
        (b"ISA*00*\r\n\r\n", MalformedMessage),
        (b" fold: first\r\n\r\n", MalformedMessage),
        (b"A: " + b"x" * 70_000, LimitExceeded),
        (b"A: x\r\n" * 20_000, LimitExceeded),
        (b"A: x\r\n" * 101 + b"\r\n", LimitExceeded),
    ],
)
def test_no_header_block_is_refused(block: bytes, fault: type[Exception]) -> None:
    with pytest.raises(fault):
        run(mime.read_headers, block)


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize(
    ("data", "headers"),
    [
        (b"Content-Type: x", True),
        (b"X-A :", True),
        (b"\r\nbody", True),
        (b"\nbody", True),
        (b"UNB+UNOA:2+A:1", False),
        (b"UNA:+.? 'UNB+UNOA:2", False),
        (b"ISA*00*", False),
        (b"UNH+1+ORDERS\r\nA: 1", False),
        (b"", False),
        (b"a" * 100 + b":", False),
    ],
)
def test_bare_data_is_told_from_headers_by_a_glance(
    split: Split, data: bytes, headers: bool
) -> None:
    def look(source: Source) -> Wait[tuple[bool, bytes]]:
        seen = yield from mime.begins_with_headers(source)
        return seen, (yield from source.peek(1000))

    _, (seen, left) = run_chunks(look, split(data))
    assert (seen, left) == (headers, data)
