"""An X.509 certificate as a value: RFC 5280, read leniently (CMS-19).

Partners' certificates are odd and are trusted because an operator configured them, so nothing here
judges one. No chain is built and no date is looked at: that is ``partners``' business.
"""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Self

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import load_der_public_key

from as2gateway import ber, distinguished_names
from as2gateway.ber import Node
from as2gateway.cms import oids
from as2gateway.cms.signature_algorithms import SignatureAlgorithm
from as2gateway.der import oid_contents, sequence
from as2gateway.errors import AS2Error, MalformedMessage

_PEM = re.compile(rb"-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----(.+?)-----END ", re.DOTALL)

#: certificates kept read, across messages: some kB each
_KEPT = 1024

#: bit 2 of the first octet (RFC 5280 §4.2.1.3)
_KEY_ENCIPHERMENT = 0x20

_KEY_USAGE = oid_contents(oids.KEY_USAGE)
_SUBJECT_KEY_IDENTIFIER = oid_contents(oids.SUBJECT_KEY_IDENTIFIER)


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate that can be read. Two are equal if they are the same octets."""

    der: bytes

    @classmethod
    def from_der(cls, data: bytes) -> Self:
        """Take an encoded certificate. Raises ValueError, in words for an operator."""
        certificate = cls(bytes(data))
        try:
            _ = certificate.public_key
            if ber.parse(certificate.der).stop != len(data):
                raise ValueError("octets follow the certificate")
        except AS2Error as error:
            raise ValueError(f"this is not an X.509 certificate: {error.reason}") from error
        return certificate

    @classmethod
    def from_pem(cls, pem: bytes) -> Self:
        """Take the first certificate of a PEM file, whatever stands around. Raises ValueError."""
        match = _PEM.search(pem)
        if match is None:
            raise ValueError("no -----BEGIN CERTIFICATE----- was found")
        try:
            return cls.from_der(base64.b64decode(b"".join(match[1].split()), validate=True))
        except binascii.Error as error:
            raise ValueError(f"the base64 of the certificate is damaged: {error}") from error

    def pem(self) -> str:
        """The certificate in PEM."""
        encoded = base64.b64encode(self.der).decode("ascii")
        lines = [encoded[at : at + 64] for at in range(0, len(encoded), 64)]
        return "\n".join(["-----BEGIN CERTIFICATE-----", *lines, "-----END CERTIFICATE-----", ""])

    @property
    def x509(self) -> x509.Certificate:
        """As ``cryptography`` reads it. ValueError for oddities that this module forgives."""
        return x509.load_der_x509_certificate(self.der)

    @property
    def public_key(self) -> PublicKeyTypes:
        """The public key. Raises ValueError for a kind that is not known."""
        return _public_key(_facts(self.der).public_key)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the octets, lower-case hex."""
        return _facts(self.der).fingerprint

    @property
    def issuer_der(self) -> bytes:
        """The issuer's Name, octet for octet: what a SignerIdentifier must repeat."""
        return _facts(self.der).issuer.raw

    @property
    def serial(self) -> int:
        """The serial number; zero and negative ones occur (CMS-18)."""
        return _facts(self.der).serial.integer()

    @property
    def issuer_and_serial(self) -> bytes:
        """The IssuerAndSerialNumber that means this certificate (RFC 5652 §10.2.4)."""
        return _facts(self.der).issuer_and_serial

    @property
    def subject_key_id(self) -> bytes | None:
        """The subjectKeyIdentifier extension, if there is one."""
        return _facts(self.der).subject_key_id

    @property
    def may_encipher(self) -> bool:
        """Whether keys may be wrapped for it: its keyUsage, if it has one, says so (CMS-35)."""
        usage = _facts(self.der).key_usage
        return usage is None or bool(usage & _KEY_ENCIPHERMENT)

    @property
    def subject(self) -> str:
        """Whose key it is, as RFC 4514 writes names."""
        return distinguished_names.text(_facts(self.der).subject)

    @property
    def issuer(self) -> str:
        """Who issued it, as RFC 4514 writes names."""
        return distinguished_names.text(_facts(self.der).issuer)

    @property
    def not_before(self) -> datetime:
        """Start of its validity, UTC."""
        return _facts(self.der).not_before

    @property
    def not_after(self) -> datetime:
        """End of its validity, UTC."""
        return _facts(self.der).not_after

    @property
    def key_type(self) -> str:
        """``rsa``, ``ec``, ``ed25519``, ``ed448``, or ``other``."""
        key = self.public_key
        return next((name for kind, name in _KEY_TYPES.items() if isinstance(key, kind)), "other")

    @property
    def key_bits(self) -> int:
        """Length of its key; 0 where that says nothing."""
        return _key_bits(_facts(self.der).public_key)

    @property
    def signature_digest(self) -> str:
        """The digest that its issuer signed, as ``hashlib`` names it; empty if it has none."""
        return _facts(self.der).signature_digest

    def issued_as(self, issuer_der: bytes, serial: int) -> bool:
        """Whether an IssuerAndSerialNumber means this certificate (CMS-18)."""
        return self.serial == serial and distinguished_names.same(self.issuer_der, issuer_der)

    def __repr__(self) -> str:
        return f"<Certificate {self.subject} {self.fingerprint[:16]}>"


_KEY_TYPES: dict[type, str] = {
    rsa.RSAPublicKey: "rsa",
    ec.EllipticCurvePublicKey: "ec",
    ed25519.Ed25519PublicKey: "ed25519",
    ed448.Ed448PublicKey: "ed448",
}


@dataclass(frozen=True, slots=True)
class _Facts:
    """What a certificate says, as views of its octets."""

    fingerprint: str
    serial: Node
    issuer: Node
    issuer_and_serial: bytes
    subject: Node
    not_before: datetime
    not_after: datetime
    public_key: bytes
    subject_key_id: bytes | None
    #: first octet of the keyUsage extension; None if there is none
    key_usage: int | None
    signature_digest: str


@lru_cache(_KEPT)
def _facts(encoded: bytes) -> _Facts:
    outer = ber.parse(encoded).fields()
    fields = outer.take(ber.SEQUENCE).fields()
    fields.optional(ber.CONTEXT)  # version: what is there is read, whatever it says (CMS-05)
    serial = fields.take(ber.INTEGER)
    fields.take(ber.SEQUENCE)  # the signature algorithm, repeated outside
    issuer = fields.take(ber.SEQUENCE)
    validity = fields.take(ber.SEQUENCE).fields()
    subject = fields.take(ber.SEQUENCE)
    public_key = fields.take(ber.SEQUENCE).raw
    extensions = _extensions(fields)
    # Read once here, so that a name that cannot be read is found when the certificate is taken.
    _ = distinguished_names.text(issuer), distinguished_names.text(subject)
    return _Facts(
        fingerprint=hashlib.sha256(encoded).hexdigest(),
        serial=serial,
        issuer=issuer,
        issuer_and_serial=sequence(issuer.raw, serial.raw),
        subject=subject,
        not_before=validity.any().time(),
        not_after=validity.any().time(),
        public_key=public_key,
        subject_key_id=_subject_key_id(extensions.get(_SUBJECT_KEY_IDENTIFIER)),
        key_usage=_key_usage(extensions.get(_KEY_USAGE)),
        signature_digest=_signature_digest(outer.take(ber.SEQUENCE)),
    )


def _signature_digest(identifier: Node) -> str:
    try:
        digest = SignatureAlgorithm.read(identifier).digest
    except MalformedMessage:
        return ""
    return digest.value.replace("-", "") if digest else ""


def _extensions(fields: ber.Fields) -> dict[bytes, Node]:
    """Extensions by the contents of their object identifiers; of each, the OCTET STRING."""
    fields.optional(ber.CONTEXT + 1)  # unique identifiers, unused since 1996
    fields.optional(ber.CONTEXT + 2)
    extensions = fields.optional(ber.CONTEXT + 3)
    found: dict[bytes, Node] = {}
    for extension in extensions.only_child().children if extensions else ():
        members = extension.children
        if len(members) > 1:
            found.setdefault(members[0].content, members[-1])
    return found


def _subject_key_id(extension: Node | None) -> bytes | None:
    if extension is None:
        return None
    return ber.parse(extension.octets()).expect(ber.OCTET_STRING).octets()


def _key_usage(extension: Node | None) -> int | None:
    if extension is None:
        return None
    try:
        bits = ber.parse(extension.octets()).expect(ber.BIT_STRING).content
    except MalformedMessage:  # an odd one says nothing, and the certificate loads all the same
        return None
    # The number of unused bits, then the bits from the highest on.
    return int.from_bytes(bits[1:2])


@lru_cache(_KEPT)
def _key_bits(encoded: bytes) -> int:
    key = _public_key(encoded)
    return key.key_size if isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey) else 0


@lru_cache(_KEPT)
def _public_key(encoded: bytes) -> PublicKeyTypes:
    try:
        return load_der_public_key(encoded)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ValueError(f"the public key of the certificate cannot be read: {error}") from error
