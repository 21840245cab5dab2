"""XML that attacks whoever reads it (CEM-05): nothing expands, nothing is fetched, all is small."""

import codecs
import time
import tracemalloc

import pytest

from as2gateway.cem import read
from as2gateway.errors import UnusableExchange
from tests.gateway.cem.written import request, trust
from tests.openssl import identity

NEW = identity("amazon-2").certificate
LIMIT = 1024 * 1024
WHOLE = request(trust(NEW))


def declared(declaration: str, use: str) -> bytes:
    """A good request with a document type declaration, and a use of what it declares."""
    kind = b"<EDIINTCertificateExchangeRequest"
    doctype = f"<!DOCTYPE x [{declaration}]>\n".encode()
    return WHOLE.replace(kind, doctype + kind, 1).replace(b">AMAZON<", f">{use}<".encode())


LAUGHS = "".join(f'<!ENTITY lol{n} "{f"&lol{n - 1};" * 10 if n else "lol"}">' for n in range(10))


@pytest.mark.parametrize(
    "octets",
    [
        declared(LAUGHS, "&lol9;"),
        declared(f'<!ENTITY a "{"a" * 50_000}">', "&a;" * 10_000),
        declared('<!ENTITY a SYSTEM "file:///etc/passwd">', "&a;"),
        declared('<!ENTITY % a SYSTEM "http://127.0.0.1:9/a.dtd"> %a;', "AMAZON"),
        declared('<!ENTITY a SYSTEM "x" NDATA gif>', "AMAZON"),
        declared("<!ELEMENT Name ANY>", "AMAZON"),
        WHOLE.replace(b"?>", b'?><!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">', 1),
        WHOLE.replace(b">AMAZON<", b">&undefined;<"),
    ],
    ids=["laughs", "quadratic", "file", "parameter", "unparsed", "element", "dtd", "undefined"],
)
def test_declarations_and_entities_are_refused_before_they_do_anything(octets: bytes) -> None:
    tracemalloc.start()
    started = time.process_time()
    with pytest.raises(UnusableExchange):
        read(octets, {"new@amazon": [NEW]}, LIMIT)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 5_000_000
    assert time.process_time() - started < 5  # of our own time, however busy the machine is


def test_an_entity_that_would_be_expanded_is_named_as_the_reason() -> None:
    with pytest.raises(UnusableExchange, match="document type declaration"):
        read(declared(LAUGHS, "&lol9;"), {}, LIMIT)


def test_ten_megabytes_are_not_even_looked_at() -> None:
    huge = WHOLE.replace(b">AMAZON<", b">" + b"A" * 10_000_000 + b"<")
    with pytest.raises(UnusableExchange, match="bytes, 1048576 are allowed"):
        read(huge, {}, LIMIT)


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"<",
        b"\0" * 100,
        b"not xml",
        WHOLE[:-1],
        WHOLE + b"x",
        WHOLE + b"\0",
        WHOLE + WHOLE,
        WHOLE.replace(b"UTF-8", b"UTF-7"),
        WHOLE.replace(b"UTF-8", b"base64"),
        WHOLE.replace(b"AMAZON", b"\xff\xfe"),
        b"<a>" * 1000,
        b"<a>" + b"<b/>" * 6000 + b"</a>",
        b"<a b='1' b='2'/>",
        b"<x:a/>",
    ],
)
def test_what_is_no_document_is_refused(octets: bytes) -> None:
    with pytest.raises(UnusableExchange):
        read(octets, {"new@amazon": [NEW]}, LIMIT)


def test_octets_after_the_last_tag_are_refused_and_a_line_end_is_not() -> None:
    with pytest.raises(UnusableExchange, match="junk after document element"):
        read(WHOLE + b"\r\n--x", {"new@amazon": [NEW]}, LIMIT)
    assert read(WHOLE + b"\r\n", {"new@amazon": [NEW]}, LIMIT).sender == "AMAZON"


@pytest.mark.parametrize("encoding", ["utf-16", "iso-8859-1", "us-ascii"])
def test_other_usual_encodings_are_read(encoding: str) -> None:
    octets = WHOLE.decode().replace("UTF-8", encoding).encode(encoding)
    assert read(octets, {"new@amazon": [NEW]}, LIMIT).sender == "AMAZON"


def encoded(name: str) -> bytes:
    """A good request in UTF-8 that says to be in something else."""
    _, end, document = WHOLE.partition(b"?>")
    return f'<?xml version="1.0" encoding="{name}"'.encode() + end + document


@pytest.mark.parametrize("name", ["x-no-such", "cp037", "undefined", "idna", "utf-7", "utf8"])
def test_python_is_asked_for_no_encoding(name: str) -> None:
    asked: list[str] = []
    codecs.register(asked.append)
    with pytest.raises(UnusableExchange, match="send it in UTF-8"):
        read(encoded(name), {"new@amazon": [NEW]}, LIMIT)
    codecs.unregister(asked.append)
    assert asked == []


@pytest.mark.parametrize("name", ["UTF-8", "utf-8", "US-ASCII", "ISO-8859-1", "UTF-16"])
def test_what_expat_reads_by_itself_is_read(name: str) -> None:
    octets = encoded(name)
    if name == "UTF-16":
        octets = octets.decode().encode("utf-16")
    assert read(octets, {"new@amazon": [NEW]}, LIMIT) == read(WHOLE, {"new@amazon": [NEW]}, LIMIT)
