"""What certificate exchange messages say, as values."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from as2gateway.certificates import Certificate
from as2gateway.mime import ContentType

#: of the XML that is the root of a CEM message's multipart/related
CONTENT_TYPE = "application/ediint-cert-exchange+xml"
#: of each certificate beside it: PKCS#7 without a signer (RFC 8551 §3.8)
CERTIFICATE_TYPE = "application/pkcs7-mime"

NAMESPACE = "urn:ietf:params:xml:ns:ediintcertificateexchange"
#: of issuer and serial number
DSIG_NAMESPACE = "http://www.w3.org/2000/09/xmldsig#"


class Usage(StrEnum):
    """What a certificate is meant for."""

    SIGNATURE = "digitalSignature"
    ENCRYPTION = "keyEncipherment"
    TLS_SERVER = "tlsServer"
    TLS_CLIENT = "tlsClient"


class Status(StrEnum):
    """What the receiver says to a certificate."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"


@dataclass(frozen=True, slots=True)
class CertificateReference:
    """Which certificate is meant: issuer and serial number as the partner spells them."""

    issuer_name: str
    serial_number: str

    @classmethod
    def of(cls, certificate: Certificate) -> "CertificateReference":
        """Refer to a certificate."""
        return cls(certificate.issuer, str(certificate.serial))

    def means(self, certificate: Certificate) -> bool:
        """Whether it is that certificate, by the number: issuers are spelt in too many ways."""
        return int(self.serial_number) == certificate.serial


@dataclass(frozen=True, slots=True)
class TrustRequest:
    """One certificate that its sender wants to use, and for what."""

    certificate: Certificate
    usages: frozenset[Usage]
    reference: CertificateReference
    #: from then on the sender may use it, answered or not
    respond_by: datetime | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """Certificates that a partner asks to trust."""

    request_id: str
    #: the AS2 name of who asks
    sender: str
    trust_requests: tuple[TrustRequest, ...]


@dataclass(frozen=True, slots=True)
class TrustResponse:
    """What is said to one certificate."""

    status: Status
    reference: CertificateReference
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Response:
    """The answer to a request."""

    request_id: str
    sender: str
    trust_responses: tuple[TrustResponse, ...]


Exchange = Request | Response


def is_exchange(content_type: str) -> bool:
    """Whether a payload of that type is a certificate exchange message, by its ``type``."""
    found = ContentType.parse(content_type)
    kind = (found.get("type") or "").strip().lower()
    return found.type == "multipart/related" and kind == CONTENT_TYPE
