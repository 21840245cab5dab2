"""MIME entities on raw octets: RFC 2045, RFC 2046 and RFC 1847.

What was signed is digested and delivered as it came, so nothing here prints an entity again.
"""

from as2gateway.mime.charsets import codec_of
from as2gateway.mime.content_type import (
    PKCS7_MIME,
    ContentType,
    is_pkcs7_mime,
    is_pkcs7_signature,
    read_parameters,
)
from as2gateway.mime.entity import begins_with_headers, read_headers
from as2gateway.mime.filename import disposition, filename
from as2gateway.mime.multipart import read_epilogue, read_part, read_preamble
from as2gateway.mime.signed_entity import SignedEntity, new_boundary
from as2gateway.mime.transfer_encoding import Decoder, cms_decoder, decoder

__all__ = [
    "PKCS7_MIME",
    "ContentType",
    "Decoder",
    "SignedEntity",
    "begins_with_headers",
    "cms_decoder",
    "codec_of",
    "decoder",
    "disposition",
    "filename",
    "is_pkcs7_mime",
    "is_pkcs7_signature",
    "new_boundary",
    "read_epilogue",
    "read_headers",
    "read_parameters",
    "read_part",
    "read_preamble",
]
