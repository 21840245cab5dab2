"""Rows and keys for tests: small functions, each makes one thing and saves it.

Keys are made once a process, by name: RSA 2048, with a certificate that is valid around now.
"""

import datetime as dt
from dataclasses import dataclass
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID
from django.utils import timezone

from as2gateway.certificates import Certificate
from as2gateway.policy import DecryptionKey, SigningKey
from partners.importing import KeyMaterial
from partners.models import Connection, KeyPair, Organization, Partner, PartnerCertificate
from partners.models.certificates import this_second

DAY = dt.timedelta(days=1)
YEAR = 365 * DAY


@dataclass(frozen=True, slots=True)
class Identity:
    """A private key and its certificate."""

    private_key: rsa.RSAPrivateKey
    certificate: Certificate

    @property
    def pkcs8(self) -> bytes:
        """The private key as DER, unencrypted."""
        return self.private_key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())

    @property
    def key_pem(self) -> bytes:
        """The private key as PEM, unencrypted."""
        return self.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    @property
    def signing_key(self) -> SigningKey:
        """As the core signs with it."""
        return SigningKey(self.private_key, self.certificate)

    @property
    def decryption_key(self) -> DecryptionKey:
        """As the core decrypts with it."""
        return DecryptionKey(self.private_key, self.certificate)


@cache
def rsa_key(name: str, bits: int = 2048) -> rsa.RSAPrivateKey:
    """Make the RSA key of that name."""
    return rsa.generate_private_key(65537, bits)


@cache
def identity(name: str) -> Identity:
    """Make that key and its self-signed certificate, valid for a year from yesterday."""
    return Identity(rsa_key(name), certificate(name))


def certificate(
    name: str,
    *,
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | None = None,
    start: dt.datetime | None = None,
    lifetime: dt.timedelta = YEAR,
) -> Certificate:
    """Make a self-signed certificate for the key of that name, or for a given one."""
    key = key or rsa_key(name)
    start = start or timezone.now() - DAY
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + lifetime)
    )
    return Certificate.from_der(builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER))


def organization(as2_id: str = "VENDOR", **fields: Any) -> Organization:
    """Make an organization; it has no key pair yet."""
    return Organization.objects.create(as2_id=as2_id, **{"name": f"{as2_id} Inc", **fields})


def key_pair(owner: Organization, key: Identity | None = None, **fields: Any) -> KeyPair:
    """Give an organization a key pair that signs and decrypts, by default that of its own name."""
    key = key or identity(owner.as2_id)
    pair = KeyPair(
        organization=owner,
        private_key=key.pkcs8,
        **{"name": f"key-{owner.keys.count() + 1}", "activates_at": this_second() - DAY, **fields},
    )
    pair.read_facts(key.certificate)
    pair.save()
    return pair


def partner(name: str = "Amazon", **fields: Any) -> Partner:
    """Make a partner."""
    return Partner.objects.create(name=name, **fields)


def partner_certificate(
    connection: Connection, value: Certificate | None = None, **fields: Any
) -> PartnerCertificate:
    """Give a connection a certificate, by default the one of the partner's AS2 name."""
    row = PartnerCertificate(
        connection=connection, **{"activates_at": this_second() - DAY, **fields}
    )
    row.read_facts(value or identity(connection.as2_id).certificate)
    row.save()
    return row


def bare_connection(
    owner: Organization | None = None, company: Partner | None = None, **fields: Any
) -> Connection:
    """Make a connection that has no certificate; what is not given is made without keys."""
    defaults = {"as2_id": "AMAZON", "url": "http://127.0.0.1:9/as2"}  # port 9: nobody listens
    return Connection.objects.create(
        organization=owner or organization(),
        partner=company or partner(),
        **{**defaults, **fields},
    )


def connection(
    owner: Organization | None = None, company: Partner | None = None, **fields: Any
) -> Connection:
    """Make a connection that can send and receive: a key pair of ours, a certificate of theirs."""
    row = bare_connection(owner, company, **fields)
    if not row.organization.keys.exists():
        key_pair(row.organization)
    partner_certificate(row)
    return row


def encrypted_pem(key: Identity, encryption: KeySerializationEncryption) -> bytes:
    """Write a private key as PEM under a passphrase."""
    return key.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


def material(key: Identity) -> KeyMaterial:
    """Give a private key and its certificate as an import would."""
    return KeyMaterial(key.private_key, key.certificate)
