"""What a body looks like, where its header fields say something else."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from as2gateway import mime
from as2gateway.headers import Headers

#: octets that are looked at
_GLANCE = 1024
_BOUNDARY_LINE = re.compile(rb"(?:\A|\r?\n)--([^\r\n]{1,70})\r?\n[A-Za-z-]+:")
_BASE64_SEQUENCE = re.compile(rb"MI[A-Za-z0-9+/\r\n]{60}")
_DER_SEQUENCE = b"\x30"


@dataclass(frozen=True, slots=True)
class Sniffed:
    """Header fields that fit the body."""

    headers: Headers
    #: the fields, in words
    description: str


def sniffed(headers: Headers, octets: Callable[[], Iterable[bytes]]) -> Sniffed | None:
    """Header fields that would fit the body better than those that it came with; None if none."""
    head = _head(octets())
    content_type = mime.ContentType.parse(headers.get("Content-Type"))
    is_cms = mime.is_pkcs7_mime(content_type, headers.get("Content-Disposition"))
    if boundary := _BOUNDARY_LINE.search(head):
        name = boundary[1].decode("latin-1").rstrip()
        if content_type.type == "multipart/signed" and content_type.boundary == name:
            return None
        value = f'multipart/signed; protocol="application/pkcs7-signature"; boundary="{name}"'
        return _with(headers, value)
    if head.startswith(_DER_SEQUENCE) and not is_cms:
        return _with(headers, "application/pkcs7-mime; smime-type=enveloped-data")
    encoding = (headers.get("Content-Transfer-Encoding") or "").strip().lower()
    if _BASE64_SEQUENCE.match(head) and not (is_cms and encoding == "base64"):
        return _with(headers, "application/pkcs7-mime; smime-type=enveloped-data", "base64")
    return None


def _with(headers: Headers, content_type: str, encoding: str = "") -> Sniffed:
    fields = {"Content-Type": content_type}
    if encoding:
        fields["Content-Transfer-Encoding"] = encoding
    names = {name.lower() for name in fields}
    kept = tuple(pair for pair in headers if pair[0].lower() not in names)
    description = " and ".join(f"{name}: {value}" for name, value in fields.items())
    return Sniffed(Headers((*kept, *fields.items())), description)


def _head(octets: Iterable[bytes]) -> bytes:
    head = b""
    for chunk in octets:
        head += chunk[:_GLANCE]
        if len(head) >= _GLANCE:
            break
    return head[:_GLANCE]
