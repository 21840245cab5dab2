"""Reading certificate exchange messages: a root of XML, and certificates that it refers to."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from as2gateway.cem import document
from as2gateway.cem.document import Element
from as2gateway.cem.exchange import (
    DSIG_NAMESPACE,
    NAMESPACE,
    CertificateReference,
    Exchange,
    Request,
    Response,
    Status,
    TrustRequest,
    TrustResponse,
    Usage,
)
from as2gateway.certificates import Certificate
from as2gateway.errors import UnusableExchange

#: The certificates of one part, by its Content-ID without brackets.
Enclosed = Mapping[str, Sequence[Certificate]]

#: Certificates of one request; a company has two or three.
_MOST = 20
_MAX_ID = 255
_MAX_TEXT = 1000
_NUMBER = re.compile(r"[0-9]{1,60}")


def read(root: bytes, enclosed: Enclosed, limit: int) -> Exchange:
    """Read a request or a response; ``limit`` is of the XML, in bytes.

    Raises UnusableExchange for what is not well-formed, lacks something, or refers to a certificate
    that is not attached (CEM-03).
    """
    element = document.read(root, limit)
    kind = _KINDS.get(element.name) if element.namespace == NAMESPACE else None
    if kind is None:
        raise UnusableExchange(f"XML that is neither request nor response: {element.name[:60]}")
    return kind(element, enclosed)


def _read_request(element: Element, enclosed: Enclosed) -> Request:
    requests = _several(element, "TrustRequest")
    return Request(
        _request_id(element), _sender(element), tuple(_trust(each, enclosed) for each in requests)
    )


def _read_response(element: Element, _enclosed: Enclosed) -> Response:
    responses = _several(element, "TrustResponse")
    return Response(
        _request_id(element), _sender(element), tuple(_answer(each) for each in responses)
    )


_KINDS: Mapping[str, Callable[[Element, Enclosed], Exchange]] = {
    "EDIINTCertificateExchangeRequest": _read_request,
    "EDIINTCertificateExchangeResponse": _read_response,
}


def _several(element: Element, name: str) -> list[Element]:
    found = list(element.all(NAMESPACE, name))
    if not 1 <= len(found) <= _MOST:
        raise UnusableExchange(f"{len(found)} elements {name}; 1 to {_MOST} are allowed")
    return found


def _request_id(element: Element) -> str:
    value = element.attributes.get("requestId", "").strip()
    if not 1 <= len(value) <= _MAX_ID or not value.isprintable():
        raise UnusableExchange(f"a requestId of {len(value)} characters")
    return value


def _sender(element: Element) -> str:
    return element.one(NAMESPACE, "TradingPartnerInfo").one(NAMESPACE, "Name").text


def _trust(element: Element, enclosed: Enclosed) -> TrustRequest:
    entity = element.one(NAMESPACE, "EndEntity")
    reference = _reference(entity.one(NAMESPACE, "CertificateIdentifier"))
    content_id = _bare(entity.one(NAMESPACE, "CertificateContentID").text)
    usages = [each.text for each in element.all(NAMESPACE, "CertUsage")]
    known = frozenset(usage for usage in Usage if usage.value in usages)
    if not known:
        raise UnusableExchange(f"a certificate for no use that is known here: {usages!r:.200}")
    return TrustRequest(
        _find(reference, content_id, enclosed), known, reference, _respond_by(element)
    )


def _find(reference: CertificateReference, content_id: str, enclosed: Enclosed) -> Certificate:
    if content_id not in enclosed:
        raise UnusableExchange(f"the certificate {content_id[:100]!r} is not attached")
    meant = [each for each in enclosed[content_id] if reference.means(each)]
    if len(meant) != 1:  # an authority's certificates may stand beside
        number = reference.serial_number
        raise UnusableExchange(f"{content_id[:100]!r} holds no certificate of number {number}")
    return meant[0]


def _answer(element: Element) -> TrustResponse:
    said = element.one(NAMESPACE, "CertStatus").text
    status = next((each for each in Status if each.value == said), None)
    if status is None:
        raise UnusableExchange(f"a CertStatus that is not known here: {said[:60]!r}")
    reasons = [each.text for each in element.all(NAMESPACE, "ReasonForRejection")]
    reference = _reference(element.one(NAMESPACE, "CertificateReference"))
    return TrustResponse(status, reference, " ".join(reasons)[:_MAX_TEXT])


def _reference(element: Element) -> CertificateReference:
    issuer = element.one(DSIG_NAMESPACE, "X509IssuerName").text
    serial = element.one(DSIG_NAMESPACE, "X509SerialNumber").text
    if not 1 <= len(issuer) <= _MAX_TEXT or not _NUMBER.fullmatch(serial):
        raise UnusableExchange("a certificate's issuer or serial number that cannot be read")
    return CertificateReference(issuer, serial)


def _respond_by(element: Element) -> datetime | None:
    found = list(element.all(NAMESPACE, "RespondByDate"))
    if not found:
        return None
    try:
        moment = datetime.fromisoformat(found[0].text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise UnusableExchange(f"a RespondByDate that is none: {found[0].text[:40]!r}") from error


def _bare(content_id: str) -> str:
    """A Content-ID as parts are found by it: without brackets, and as a URL has it."""
    return content_id.removeprefix("cid:").removeprefix("<").removesuffix(">")
