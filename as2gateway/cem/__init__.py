"""Certificate exchange messages (CEM): a partner asks by a message to trust its next certificate.

draft-meadors-certificate-exchange-14, of which only the beginning could be read; what stands here
beyond that is the structure that a product in use writes and reads (docs/protocol.md, CEM rows).

Octets in, values out and back. Whether anything is trusted is decided elsewhere, by people.
"""

from as2gateway.cem.exchange import (
    CONTENT_TYPE,
    CertificateReference,
    Exchange,
    Request,
    Response,
    Status,
    TrustRequest,
    TrustResponse,
    Usage,
    is_exchange,
)
from as2gateway.cem.packing import find_root, pack, unpack
from as2gateway.cem.reading import read
from as2gateway.cem.writing import write_request, write_response

__all__ = [
    "CONTENT_TYPE",
    "CertificateReference",
    "Exchange",
    "Request",
    "Response",
    "Status",
    "TrustRequest",
    "TrustResponse",
    "Usage",
    "find_root",
    "is_exchange",
    "pack",
    "read",
    "unpack",
    "write_request",
    "write_response",
]
