"""MIME entities on raw octets: RFC 2045, RFC 2046 and RFC 1847."""

from as2gateway.mime.content_type import (
    ContentType,
    is_pkcs7_mime,
    is_pkcs7_signature,
    read_parameters,
)

__all__ = ["ContentType", "is_pkcs7_mime", "is_pkcs7_signature", "read_parameters"]
