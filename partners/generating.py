"""Generating: new key pairs of ours, with a certificate signed by themselves or a request for one.

What is made here meets what partners ask for: SHA-256, a subject alternative name (RFC 6125 §6.4.4
lets clients ignore the common name), a random serial number and an end.
"""

import datetime as dt
import ipaddress
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from as2gateway.certificates import Certificate
from partners.importing import KeyMaterial
from partners.parsed import PrivateKey

#: RFC 8017 leaves it open; everybody takes F4, and some partners' software knows no other.
EXPONENT: Final = 65537
#: A common name is at most this long (RFC 5280 appendix A.1, ub-common-name).
COMMON_NAME: Final = 64
#: Clocks differ; a certificate of this moment must be valid at the partner's already.
SKEW: Final = dt.timedelta(minutes=5)


class KeyKind(StrEnum):
    """Kinds of keys that are made. Partners can encrypt to RSA only."""

    RSA_2048 = "rsa-2048"
    RSA_3072 = "rsa-3072"
    RSA_4096 = "rsa-4096"
    P_256 = "p-256"

    @property
    def encrypts(self) -> bool:
        """Whether AS2 messages can be encrypted to such a key."""
        return self is not KeyKind.P_256


@dataclass(frozen=True, slots=True)
class Owner:
    """Whom a certificate names; the host becomes its subject alternative name."""

    common_name: str
    company: str = ""
    host: str = ""

    @property
    def name(self) -> x509.Name:
        """The distinguished name."""
        parts = [x509.NameAttribute(NameOID.COMMON_NAME, self.common_name[:COMMON_NAME])]
        if self.company:
            company = self.company[:COMMON_NAME]  # ub-organization-name is the same
            parts.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, company))
        return x509.Name(parts)

    @property
    def alternative_name(self) -> x509.SubjectAlternativeName:
        """The host, or the common name where there is none."""
        return x509.SubjectAlternativeName([_general_name(self.host or self.common_name)])


def generate_key(kind: KeyKind) -> PrivateKey:
    """Make a private key."""
    if kind is KeyKind.P_256:
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(EXPONENT, int(kind.removeprefix("rsa-")))


def self_signed(
    key: PrivateKey, owner: Owner, start: dt.datetime, lifetime: dt.timedelta
) -> KeyMaterial:
    """Make a certificate for a key, signed by itself."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(owner.name)
        .issuer_name(owner.name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start - SKEW)
        .not_valid_after(start + lifetime)
        .add_extension(owner.alternative_name, critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(key), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    made = builder.sign(key, hashes.SHA256())
    return KeyMaterial(key, Certificate.from_der(made.public_bytes(Encoding.DER)))


def signing_request(key: PrivateKey, owner: Owner) -> bytes:
    """Make a request (PKCS#10, PEM) that an authority turns into a certificate for the key."""
    builder = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(owner.name)
        .add_extension(owner.alternative_name, critical=False)
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


def _usage(key: PrivateKey) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=isinstance(key, rsa.RSAPrivateKey),
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(text: str) -> x509.GeneralName:
    """Name a host; an AS2 name that can be none becomes a URI, which may be anything."""
    try:
        return x509.IPAddress(ipaddress.ip_address(text.strip("[]")))
    except ValueError:
        pass
    if text.isascii() and all(part.replace("-", "").isalnum() for part in text.split(".")):
        return x509.DNSName(text)
    return x509.UniformResourceIdentifier(f"urn:as2:{quote(text)}")
