"""Certificate exchange messages are read as partners write them, and refused where they lack."""

import pytest

from as2gateway.cem import Request, Response, Status, Usage, read
from as2gateway.certificates import Certificate
from as2gateway.errors import UnusableExchange
from tests.gateway.cem.written import RESPOND_BY, request, response, trust
from tests.openssl import identity

LIMIT = 100_000
NEW = identity("amazon-2").certificate
ENCLOSED = {"new@amazon": [NEW]}


def read_one(octets: bytes) -> Request:
    found = read(octets, ENCLOSED, LIMIT)
    assert isinstance(found, Request)
    return found


def test_a_request_says_who_asks_for_which_certificate() -> None:
    found = read_one(request(trust(NEW)))
    assert (found.request_id, found.sender) == ("request-1", "AMAZON")
    (asked,) = found.trust_requests
    assert asked.certificate == NEW
    assert asked.usages == {Usage.ENCRYPTION, Usage.SIGNATURE}
    assert asked.respond_by == RESPOND_BY
    assert asked.reference.issuer_name == "O=Amazon, CN=amazon & sons"
    assert asked.reference.serial_number == str(NEW.serial)


def test_a_request_may_ask_for_several_certificates() -> None:
    other = identity("amazon-tls").certificate
    octets = request(trust(NEW), trust(other, "tls@amazon", ("tlsServer",)))
    found = read(octets, {**ENCLOSED, "tls@amazon": [other]}, LIMIT)
    assert isinstance(found, Request)
    assert [each.certificate for each in found.trust_requests] == [NEW, other]
    assert found.trust_requests[1].usages == {Usage.TLS_SERVER}


def test_an_authority_may_stand_beside_the_certificate() -> None:
    authority = identity("authority").certificate
    found = read(request(trust(NEW)), {"new@amazon": [authority, NEW]}, LIMIT)
    assert isinstance(found, Request)
    assert found.trust_requests[0].certificate == NEW


@pytest.mark.parametrize("content_id", ["&lt;new@amazon&gt;", "cid:new@amazon", " new@amazon "])
def test_a_content_id_may_be_written_in_several_ways(content_id: str) -> None:
    assert read_one(request(trust(NEW, content_id))).trust_requests[0].certificate == NEW


def test_unknown_uses_are_passed_over_beside_known_ones() -> None:
    found = read_one(request(trust(NEW, usages=("timeStamping", "digitalSignature"))))
    assert found.trust_requests[0].usages == {Usage.SIGNATURE}


def test_the_date_is_optional() -> None:
    octets = request(trust(NEW)).replace(b"RespondByDate>", b"Respond>")
    assert read_one(octets).trust_requests[0].respond_by is None


def test_a_date_without_a_zone_is_utc() -> None:
    octets = request(trust(NEW)).replace(b"05:05:06+01:00", b"04:05:06")
    assert read_one(octets).trust_requests[0].respond_by == RESPOND_BY


@pytest.mark.parametrize(
    ("status", "reason"), [("Accepted", ""), ("Rejected", "The <key> is too short")]
)
def test_a_response_says_what_became_of_each(status: str, reason: str) -> None:
    found = read(response(4711, status, reason), {}, LIMIT)
    assert isinstance(found, Response)
    assert (found.request_id, found.sender) == ("request-1", "AMAZON")
    (said,) = found.trust_responses
    assert (said.status, said.reason) == (Status(status), reason)
    assert said.reference.serial_number == "4711"


WHOLE = request(trust(NEW)).decode()
SERIAL = str(NEW.serial)
DATE = "2031-02-03T05:05:06+01:00"


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (' requestId="request-1"', "", "requestId of 0"),
        ("request-1", " ", "requestId of 0"),
        ("request-1", "x" * 256, "requestId of 256"),
        ("ns:ediintcertificateexchange", "ns:another", "neither request nor response"),
        ("EDIINTCertificateExchangeRequest", "Another", "neither request nor response"),
        ("TradingPartnerInfo", "Info", "0 elements TradingPartnerInfo"),
        ("Name>", "Nom>", "cannot be read"),  # the start tag stays
        ("TrustRequest>", "Ask>", "0 elements TrustRequest"),
        ("EndEntity", "End", "0 elements EndEntity"),
        ("CertificateIdentifier", "Identifier", "0 elements CertificateIdentifier"),
        ("CertificateContentID", "ID", "0 elements CertificateContentID"),
        ("ds:X509SerialNumber", "ds:Number", "0 elements X509SerialNumber"),
        ("X509IssuerName", "Issuer", "0 elements X509IssuerName"),
        ("O=Amazon, CN=amazon &amp; sons", " ", "issuer or serial number"),
        pytest.param(SERIAL, "0x1", "issuer or serial number", id="hexadecimal serial"),
        pytest.param(SERIAL, "9" * 61, "issuer or serial number", id="long serial"),
        pytest.param(SERIAL, "1", "no certificate of number 1", id="other serial"),
        ("new@amazon", "another@amazon", "'another@amazon' is not attached"),
        (DATE, "tomorrow", "RespondByDate that is none"),
        (DATE, "0001-01-01T00:00:00+14:00", "RespondByDate that is none"),
        ("<CertUsage>", "<Usage>", "cannot be read"),
    ],
)
def test_a_request_that_lacks_something_is_refused(old: str, new: str, reason: str) -> None:
    with pytest.raises(UnusableExchange, match=reason):
        read(WHOLE.replace(old, new).encode(), ENCLOSED, LIMIT)


@pytest.mark.parametrize("usages", [(), ("cRLSign",)])
def test_a_certificate_for_no_known_use_is_refused(usages: tuple[str, ...]) -> None:
    with pytest.raises(UnusableExchange, match="no use that is known"):
        read(request(trust(NEW, usages=usages)), ENCLOSED, LIMIT)


@pytest.mark.parametrize("number", [0, 21])
def test_a_request_for_nothing_or_for_too_much_is_refused(number: int) -> None:
    with pytest.raises(UnusableExchange, match=f"{number} elements TrustRequest"):
        read(request(*[trust(NEW)] * number), ENCLOSED, LIMIT)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("Accepted", "Perhaps", "CertStatus that is not known here"),
        ("TrustResponse>", "Said>", "0 elements TrustResponse"),
        ("CertificateReference", "Reference", "0 elements CertificateReference"),
        ("CertStatus", "Status", "0 elements CertStatus"),
    ],
)
def test_a_response_that_lacks_something_is_refused(old: str, new: str, reason: str) -> None:
    with pytest.raises(UnusableExchange, match=reason):
        read(response(4711).decode().replace(old, new).encode(), {}, LIMIT)


def test_a_missing_attachment_is_named() -> None:
    with pytest.raises(UnusableExchange, match="'new@amazon' is not attached"):
        read(request(trust(NEW)), {}, LIMIT)


def test_of_two_certificates_with_one_number_none_is_meant() -> None:
    twin: list[Certificate] = [NEW, NEW]
    with pytest.raises(UnusableExchange, match="no certificate of number"):
        read(request(trust(NEW)), {"new@amazon": twin}, LIMIT)
