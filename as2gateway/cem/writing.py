"""Writing certificate exchange messages: the XML of a request or a response."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from html import escape

from as2gateway.cem.exchange import (
    DSIG_NAMESPACE,
    NAMESPACE,
    CertificateReference,
    Request,
    Response,
    TrustRequest,
    TrustResponse,
)


def write_request(
    request: Request, content_ids: Mapping[str, str], url: str, now: datetime
) -> bytes:
    """Write a request; ``content_ids`` are the parts' by the certificates' fingerprints.

    ``url`` is where we take messages: the answer comes there, as a message like any other.
    """
    body = [
        line
        for each in request.trust_requests
        for line in _trust(each, content_ids[each.certificate.fingerprint], url)
    ]
    kind = "EDIINTCertificateExchangeRequest"
    return _document(kind, request.request_id, [*_info(request.sender, now), *body])


def write_response(response: Response, now: datetime) -> bytes:
    """Write a response."""
    body = [line for each in response.trust_responses for line in _answer(each)]
    kind = "EDIINTCertificateExchangeResponse"
    return _document(kind, response.request_id, [*_info(response.sender, now), *body])


def _document(kind: str, request_id: str, body: list[str]) -> bytes:
    names = f'xmlns="{NAMESPACE}" xmlns:ds="{DSIG_NAMESPACE}"'
    start = f'<{kind} {names} requestId="{escape(request_id)}">'
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', start, *body, f"</{kind}>"]
    # Nothing follows the last tag: some products take even a line end for a fault (CEM-03).
    return "\n".join(lines).encode()


def _info(sender: str, now: datetime) -> Iterator[str]:
    yield "<TradingPartnerInfo>"
    yield f'<Name qualifier="AS2">{escape(sender)}</Name>'
    yield _tag("MessageOriginated", _moment(now))
    yield "</TradingPartnerInfo>"


def _trust(request: TrustRequest, content_id: str, url: str) -> Iterator[str]:
    yield "<TrustRequest>"
    for usage in sorted(request.usages):
        yield _tag("CertUsage", usage.value)
    if request.respond_by is not None:
        yield _tag("RespondByDate", _moment(request.respond_by))
    yield _tag("ResponseURL", url)
    yield "<EndEntity>"
    yield from _reference("CertificateIdentifier", request.reference)
    yield _tag("CertificateContentID", content_id)
    yield "</EndEntity>"
    yield "</TrustRequest>"


def _answer(response: TrustResponse) -> Iterator[str]:
    yield "<TrustResponse>"
    yield _tag("CertStatus", response.status.value)
    if response.reason:
        yield _tag("ReasonForRejection", response.reason)
    yield from _reference("CertificateReference", response.reference)
    yield "</TrustResponse>"


def _reference(name: str, reference: CertificateReference) -> Iterator[str]:
    yield f"<{name}>"
    yield _tag("ds:X509IssuerName", reference.issuer_name)
    yield _tag("ds:X509SerialNumber", reference.serial_number)
    yield f"</{name}>"


def _tag(name: str, text: str) -> str:
    return f"<{name}>{escape(_legal(text))}</{name}>"


def _legal(text: str) -> str:
    """Text as XML can hold it: a reason that somebody typed may have control characters."""
    return "".join(c if c.isprintable() else " " for c in text)


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
