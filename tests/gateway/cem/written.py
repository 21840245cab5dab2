"""Certificate exchange messages written by hand, with certificates packed by openssl."""

from datetime import UTC, datetime

from as2gateway.certificates import Certificate
from tests.openssl import openssl

NAMES = (
    'xmlns="urn:ietf:params:xml:ns:ediintcertificateexchange" '
    'xmlns:ds="http://www.w3.org/2000/09/xmldsig#"'
)
RESPOND_BY = datetime(2031, 2, 3, 4, 5, 6, tzinfo=UTC)
BOUNDARY = "----=_Part_0_1"


def p7c(*certificates: Certificate) -> bytes:
    """PKCS#7 without a signer, as openssl makes it."""
    pem = "".join(each.pem() for each in certificates).encode()
    return openssl("crl2pkcs7", "-nocrl", "-certfile", "/dev/stdin", "-outform", "DER", stdin=pem)


def trust(
    certificate: Certificate,
    content_id: str = "new@amazon",
    usages: tuple[str, ...] = ("keyEncipherment", "digitalSignature"),
    serial: int | None = None,
) -> str:
    """One TrustRequest."""
    uses = "".join(f"<CertUsage>{usage}</CertUsage>" for usage in usages)
    number = certificate.serial if serial is None else serial
    return f"""
    <TrustRequest>
        {uses}
        <RespondByDate>2031-02-03T05:05:06+01:00</RespondByDate>
        <ResponseURL>http://attacker.example/as2</ResponseURL>
        <EndEntity>
            <CertificateIdentifier>
                <ds:X509IssuerName>O=Amazon, CN=amazon &amp; sons</ds:X509IssuerName>
                <ds:X509SerialNumber>{number}</ds:X509SerialNumber>
            </CertificateIdentifier>
            <CertificateContentID>{content_id}</CertificateContentID>
        </EndEntity>
    </TrustRequest>"""


def request(*trusts: str, request_id: str = "request-1", sender: str = "AMAZON") -> bytes:
    """A request."""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<EDIINTCertificateExchangeRequest {NAMES} requestId="{request_id}">
    <TradingPartnerInfo>
        <Name qualifier="AS2">{sender}</Name>
        <MessageOriginated>2031-01-02T04:05:06Z</MessageOriginated>
    </TradingPartnerInfo>{"".join(trusts)}
</EDIINTCertificateExchangeRequest>""".encode()


def response(
    serial: int,
    status: str = "Accepted",
    reason: str = "",
    request_id: str = "request-1",
    sender: str = "AMAZON",
) -> bytes:
    """A response about one certificate."""
    why = f"<ReasonForRejection><![CDATA[{reason}]]></ReasonForRejection>" if reason else ""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<EDIINTCertificateExchangeResponse {NAMES} requestId="{request_id}">
    <TradingPartnerInfo>
        <Name qualifier="AS2">{sender}</Name>
        <MessageOriginated>2031-01-02T04:05:06Z</MessageOriginated>
    </TradingPartnerInfo>
    <TrustResponse>
        <CertStatus>{status}</CertStatus>{why}
        <CertificateReference>
            <ds:X509IssuerName>CN=VENDOR</ds:X509IssuerName>
            <ds:X509SerialNumber>{serial}</ds:X509SerialNumber>
        </CertificateReference>
    </TrustResponse>
</EDIINTCertificateExchangeResponse>""".encode()


def related(root: bytes, **certificates: bytes) -> tuple[str, bytes]:
    """Content type and body of a multipart/related; names are Content-IDs at ``@amazon``."""
    parts = [_part("application/ediint-cert-exchange+xml", "root@amazon", root)]
    kind = 'application/pkcs7-mime; smime-type=certs-only; name="smime.p7c"'
    parts += [_part(kind, f"{name}@amazon", octets) for name, octets in certificates.items()]
    body = b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()
    kind = 'multipart/related; type="application/ediint-cert-exchange+xml"'
    return f'{kind}; boundary="{BOUNDARY}"', body


def _part(kind: str, content_id: str, octets: bytes) -> bytes:
    head = f"--{BOUNDARY}\r\nContent-Type: {kind}\r\nContent-ID: <{content_id}>\r\n"
    return f"{head}Content-Transfer-Encoding: binary\r\n\r\n".encode() + octets + b"\r\n"
