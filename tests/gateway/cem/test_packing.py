"""Certificate exchange messages as payloads: read by the standard library, opened by openssl."""

import os
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import Message
from xml.etree import ElementTree as ET

import pytest

from as2gateway import attachments, mime
from as2gateway.cem import (
    CertificateReference,
    Exchange,
    Request,
    Response,
    Status,
    TrustRequest,
    TrustResponse,
    Usage,
    is_exchange,
    pack,
    unpack,
)
from as2gateway.cem.certificates import read_certificates, write_certificates
from as2gateway.errors import UnusableExchange
from tests.gateway.cem import written
from tests.openssl import identity, openssl

NOW = datetime(2031, 1, 2, 3, 4, 5, tzinfo=UTC)
OLD, NEW = identity("vendor").certificate, identity("vendor-2").certificate
BOTH = frozenset({Usage.SIGNATURE, Usage.ENCRYPTION})
REQUEST = Request(
    "request-7",
    'VENDOR & "SONS"',
    (TrustRequest(NEW, BOTH, CertificateReference.of(NEW), written.RESPOND_BY),),
)
RESPONSE = Response(
    "request-7",
    "VENDOR",
    (TrustResponse(Status.REJECTED, CertificateReference("CN=<x>", "12"), "no\x07 & <never>"),),
)
NS = "{urn:ietf:params:xml:ns:ediintcertificateexchange}"


def parts(exchange: Exchange) -> list[Message]:
    """Pack, and take apart by the standard library."""
    info, body = pack(exchange, "https://vendor.example/as2", NOW, os.urandom)
    assert len(body) == info.size
    boundary = mime.ContentType.parse(info.content_type).boundary
    assert body.startswith(f"--{boundary}\r\n".encode())
    found = message_from_bytes(f"Content-Type: {info.content_type}\r\n\r\n".encode() + body)
    assert found.get_content_type() == "multipart/related"
    assert found.get_param("type") == "application/ediint-cert-exchange+xml"
    payload = found.get_payload()
    assert isinstance(payload, list)
    return [each for each in payload if isinstance(each, Message)]


def unpacked(content_type: str, body: bytes) -> Exchange:
    splitter = attachments.Splitter(mime.ContentType.parse(content_type), 100)
    splitter.feed(body)
    return unpack(body, splitter.end(), 100_000)


def test_the_root_is_xml_that_refers_to_each_certificate() -> None:
    root, certificate = parts(REQUEST)
    assert root.get_content_type() == "application/ediint-cert-exchange+xml"
    assert certificate.get_param("smime-type") == "certs-only"
    octets = root.get_payload(decode=True)
    assert isinstance(octets, bytes)
    assert octets.endswith(b"Request>")
    tree = ET.fromstring(octets)
    assert (tree.tag, tree.get("requestId")) == (
        f"{NS}EDIINTCertificateExchangeRequest",
        "request-7",
    )
    assert tree.findtext(f"{NS}TradingPartnerInfo/{NS}Name") == 'VENDOR & "SONS"'
    content_id = tree.findtext(f"{NS}TrustRequest/{NS}EndEntity/{NS}CertificateContentID")
    assert certificate["Content-ID"] == f"<{content_id}>"
    url = tree.findtext(f"{NS}TrustRequest/{NS}ResponseURL")
    assert url == "https://vendor.example/as2"
    assert tree.findtext(f"{NS}TrustRequest/{NS}RespondByDate") == "2031-02-03T04:05:06Z"


def test_openssl_finds_the_certificate_in_its_part() -> None:
    octets = parts(REQUEST)[1].get_payload(decode=True)
    assert isinstance(octets, bytes)
    arguments = ("pkcs7", "-inform", "DER", "-print_certs")
    assert NEW.pem().encode() in openssl(*arguments, stdin=octets)


def test_a_response_has_one_part_and_is_a_multipart_all_the_same() -> None:
    (root,) = parts(RESPONSE)
    octets = root.get_payload(decode=True)
    assert isinstance(octets, bytes)
    tree = ET.fromstring(octets)
    assert tree.findtext(f"{NS}TrustResponse/{NS}CertStatus") == "Rejected"
    assert tree.findtext(f"{NS}TrustResponse/{NS}ReasonForRejection") == "no  & <never>"


@pytest.mark.parametrize(
    "exchange",
    [
        REQUEST,
        Response("r", "V", (TrustResponse(Status.ACCEPTED, CertificateReference("CN=x", "12")),)),
    ],
)
def test_what_is_packed_is_unpacked(exchange: Exchange) -> None:
    info, body = pack(exchange, "https://vendor.example/as2", NOW, os.urandom)
    assert is_exchange(info.content_type)
    assert unpacked(info.content_type, body) == exchange


def test_a_payload_written_by_hand_is_unpacked() -> None:
    root = written.request(written.trust(NEW))
    found = unpacked(*written.related(root, new=written.p7c(OLD, NEW)))
    assert isinstance(found, Request)
    assert found.trust_requests[0].certificate == NEW


def test_a_payload_without_xml_is_refused() -> None:
    kind, body = written.related(b"x", new=written.p7c(NEW))
    with pytest.raises(UnusableExchange, match="no part of type"):
        unpacked(kind, body.replace(b"ediint-cert-exchange+xml", b"xml"))


def test_an_attachment_that_is_missing_is_refused() -> None:
    root = written.request(written.trust(NEW))
    with pytest.raises(UnusableExchange, match="is not attached"):
        unpacked(*written.related(root))


@pytest.mark.parametrize(
    "octets",
    [b"", b"x", NEW.der, b"\x30\x80\x00\x00", bytes(1000)],
    ids=["nothing", "a letter", "a certificate", "an empty sequence", "zeros"],
)
def test_what_is_no_pkcs7_is_refused(octets: bytes) -> None:
    with pytest.raises(UnusableExchange):
        read_certificates(octets)


def test_a_pkcs7_of_no_certificate_or_of_too_many_is_refused() -> None:
    for number in (0, 21):
        with pytest.raises(UnusableExchange, match=f"of {number} certificates"):
            read_certificates(write_certificates([NEW] * number))


def test_the_pkcs7_that_openssl_makes_is_read() -> None:
    assert set(read_certificates(written.p7c(OLD, NEW))) == {OLD, NEW}


@pytest.mark.parametrize(
    ("content_type", "result"),
    [
        ('multipart/related; type="application/ediint-cert-exchange+xml"; boundary=b', True),
        ("Multipart/Related; TYPE=Application/EDIINT-Cert-Exchange+XML; boundary=b", True),
        ('multipart/related; type="application/xml"; boundary=b', False),
        ('multipart/mixed; type="application/ediint-cert-exchange+xml"; boundary=b', False),
        ("application/ediint-cert-exchange+xml", False),
        ("", False),
    ],
)
def test_an_exchange_message_is_known_by_its_type(content_type: str, result: bool) -> None:
    assert is_exchange(content_type) is result
