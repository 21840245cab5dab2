"""Exporting: certificates and public keys as files for partners. No private keys."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, pkcs7

from as2gateway.certificates import Certificate
from partners.importing import PublicKey


class Form(StrEnum):
    """How a certificate is written down; the value is part of the address."""

    PEM = "pem"
    DER = "der"
    PKCS7 = "p7b"


@dataclass(frozen=True, slots=True)
class File:
    """A file to be downloaded or attached."""

    name: str
    content_type: str
    data: bytes


def certificate_file(stem: str, certificates: Sequence[Certificate], form: Form) -> File:
    """Write a certificate; PKCS#7 takes those above it along, the others are the first alone.

    PEM and DER both end in ``.cer``: that is what partners' portals ask for.
    """
    write, ending, content_type = _FORMS[form]
    return File(f"{_safe(stem)}{ending}", content_type, write(certificates))


def public_key_pem(key: PublicKey) -> bytes:
    """Write a public key as SubjectPublicKeyInfo in PEM, octet for octet as openssl does."""
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def public_key_fingerprint(key: PublicKey) -> str:
    """Return the SHA-256 of the SubjectPublicKeyInfo, lower-case hex."""
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()


def _pem(certificates: Sequence[Certificate]) -> bytes:
    return certificates[0].pem().encode()


def _der(certificates: Sequence[Certificate]) -> bytes:
    return certificates[0].der


def _pkcs7(certificates: Sequence[Certificate]) -> bytes:
    return pkcs7.serialize_certificates([each.x509 for each in certificates], Encoding.PEM)


_FORMS: Final[dict[Form, tuple[Callable[[Sequence[Certificate]], bytes], str, str]]] = {
    Form.PEM: (_pem, ".cer", "application/x-pem-file"),
    Form.DER: (_der, ".der.cer", "application/pkix-cert"),  # RFC 2585 §4
    Form.PKCS7: (_pkcs7, ".p7b", "application/x-pkcs7-certificates"),
}


def _safe(stem: str) -> str:
    """Keep letters, digits and what separates them; a certificate's name comes from outside."""
    kept = "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "-" for c in stem)
    return kept.strip("-.")[:80] or "certificate"
