"""Packing: a certificate exchange message as one payload, multipart/related (CEM-01)."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from as2gateway import mime
from as2gateway.attachments import Attachment, content_id, related
from as2gateway.cem.certificates import read_certificates, write_certificates
from as2gateway.cem.exchange import CERTIFICATE_TYPE, CONTENT_TYPE, Exchange, Request
from as2gateway.cem.reading import read
from as2gateway.cem.writing import write_request, write_response
from as2gateway.errors import UnusableExchange
from as2gateway.policy import PayloadInfo

Entropy = Callable[[int], bytes]


def pack(
    exchange: Exchange, url: str, now: datetime, entropy: Entropy
) -> tuple[PayloadInfo, bytes]:
    """Make the payload of a request, with its certificates, or of a response.

    ``url`` is where the answer to a request comes to.
    """
    boundary = mime.new_boundary(entropy)
    parts: list[tuple[str, bytes]] = []
    if isinstance(exchange, Request):
        kept = {each.certificate.fingerprint: each.certificate for each in exchange.trust_requests}
        names = {name: content_id(boundary, number) for number, name in enumerate(kept, 1)}
        root = write_request(exchange, names, url, now)
        kind = f"{CERTIFICATE_TYPE}; smime-type=certs-only; name=smime.p7c"
        parts = [(kind, write_certificates([each])) for each in kept.values()]
    else:
        root = write_response(exchange, now)
    whole = [(CONTENT_TYPE, root), *parts]
    documents = [(PayloadInfo(len(octets), kind), [octets]) for kind, octets in whole]
    info, payload = related(documents, boundary)
    return info, b"".join(payload)


def unpack(payload: bytes, attachments: Sequence[Attachment], limit: int) -> Exchange:
    """Read the payload of an exchange message. Raises UnusableExchange."""
    root = find_root(attachments)
    if root is None:
        raise UnusableExchange(f"no part of type {CONTENT_TYPE}")
    enclosed = {
        each.content_id: read_certificates(_octets(each, payload))
        for each in attachments
        if each is not root and each.content_id and each.content_type == CERTIFICATE_TYPE
    }
    return read(_octets(root, payload), enclosed, limit)


def find_root(attachments: Iterable[Attachment]) -> Attachment | None:
    """The part that is the XML, wherever it stands."""
    return next((each for each in attachments if each.content_type == CONTENT_TYPE), None)


def _octets(attachment: Attachment, payload: bytes) -> bytes:
    return b"".join(attachment.read([payload]))
