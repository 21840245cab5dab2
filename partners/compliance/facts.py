"""Facts out of rows: what the rules may know of a connection of ours.

What the gateway does for every connection is stated here once; it is no setting, but partners ask.
"""

import datetime as dt
import hashlib
from dataclasses import dataclass
from functools import lru_cache

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import (
    DuplicateExtension,
    ExtensionNotFound,
    InvalidVersion,
    SubjectAlternativeName,
)
from django.conf import settings

from as2gateway.algorithms import DigestAlgorithm
from as2gateway.compliance.facts import (
    CertificateFacts,
    ConnectionFacts,
    KeyFacts,
    Owner,
    SiblingFacts,
    Trust,
    Use,
)
from as2gateway.tls.manual import parse_platform
from partners.models import APIKeyPair, Connection, KeyPair, PartnerCertificate, Region
from partners.models.certificates import CertificateFacts as CertificateRow
from partners.models.choices import NONE
from partners.parsed import CERTIFICATES, parse_certificate
from partners.policies import allowed_ciphers, allowed_digests


def connection_facts(
    connection: Connection, siblings: tuple[SiblingFacts, ...] | None
) -> ConnectionFacts:
    """Say what the settings of a connection are. It needs not be saved."""
    return ConnectionFacts(
        environment=connection.environment,
        as2_from=connection.organization.as2_id,
        as2_id=connection.as2_id,
        url=connection.url,
        sign=connection.sign,
        encrypt=connection.encrypt,
        compress=connection.compress,
        mdn=connection.mdn,
        mdn_signed=connection.mdn_signed,
        # An unsigned message asks for an MDN with SHA-256.
        mdn_digest=DigestAlgorithm.SHA256 if connection.sign == NONE else connection.sign,
        content_type=connection.content_type,
        require_signature=connection.require_signature,
        require_encryption=connection.require_encryption,
        accepts=frozenset({*allowed_digests(connection), *allowed_ciphers(connection)}),
        notice_contact=connection.partner.email,
        provider=connection.provider,
        provider_access=connection.provider_access,
        tls_trust=Trust(connection.tls_trust),
        payment=connection.payment,
        platform=_platform(connection.platform),
        mdn_url=f"{settings.AS2_BASE_URL}/as2",
        siblings=siblings,
        # Letters and downloads have it as .cer; PKCS#7 is there for who asks for it by name.
        certificate_formats=frozenset({"cer"}),
        retry_keeps_message_id=not connection.needs.new_message_id,
        duplicate_gets_same_mdn=not connection.needs.duplicate_warning,
        refuses_unknown_names=True,
        max_attempts=connection.max_attempts,
    )


def _platform(text: str) -> tuple[str, str] | None:
    """Read what an operator wrote down; what is not readable is not known."""
    try:
        return parse_platform(text)
    except ValueError:
        return None


def certificate_of_theirs(row: PartnerCertificate) -> CertificateFacts:
    """Say what a partner's certificate is and is used for."""
    uses = {Use.VERIFY: row.verifies, Use.ENCRYPT: row.encrypts, Use.TLS: row.tls}
    return _certificate(row, Owner.PARTNER, frozenset(use for use, on in uses.items() if on))


def certificate_of_ours(row: KeyPair) -> CertificateFacts:
    """Say what the certificate of a key pair is and is used for."""
    uses = {Use.SIGN: row.signs, Use.DECRYPT: row.decrypts}
    return _certificate(row, Owner.OWN, frozenset(use for use, on in uses.items() if on))


def key_facts(row: APIKeyPair) -> KeyFacts:
    """Say what a key pair for a partner's programming interface is.

    Keys are kept in one form each, and the private one is checked against the public one when it
    comes in. Names are told apart by region too.
    """
    return KeyFacts(
        name=row.name if row.region == Region.ANY else f"{row.name} ({row.region})",
        owner=row.owner,
        purpose=row.purpose,
        environment=row.environment,
        key_type="rsa",
        key_bits=row.bits,
        private_format="pkcs8",
        public_format="spki",
        private_spki_sha256=row.fingerprint,
        public_spki_sha256=row.fingerprint,
        external_key_id=row.external_key_id,
        created_at=row.created_at,
    )


def _certificate(row: CertificateRow, owner: Owner, uses: frozenset[Use]) -> CertificateFacts:
    more = _read(bytes(row.certificate))
    return CertificateFacts(
        name=row.subject,
        fingerprint=row.fingerprint,
        owner=owner,
        uses=uses,
        key_type=row.key_type,
        key_bits=row.key_bits,
        signature_hash=row.signature_hash,
        not_before=row.not_before,
        not_after=row.not_after,
        activates_at=row.activates_at,
        retires_at=row.retires_at,
        self_signed=more.self_signed,
        has_san=more.has_san,
        spki_sha256=more.spki_sha256,
    )


@dataclass(frozen=True, slots=True)
class _More:
    """What columns do not say."""

    self_signed: bool | None
    has_san: bool | None
    spki_sha256: str


@lru_cache(CERTIFICATES)
def _read(der: bytes) -> _More:
    certificate = parse_certificate(der)
    spki = certificate.public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    digest = hashlib.sha256(spki).hexdigest()
    try:
        read = certificate.x509
        extensions = read.extensions
    except (ValueError, InvalidVersion, DuplicateExtension):
        # An odd certificate, forgiven elsewhere: what it says of itself is not known here.
        return _More(None, None, digest)
    try:
        has_san = bool(list(extensions.get_extension_for_class(SubjectAlternativeName).value))
    except ExtensionNotFound:
        has_san = False
    return _More(read.issuer == read.subject, has_san, digest)


def moment_to_day(now: dt.datetime) -> dt.date:
    """Return the day of a moment, in UTC, by which deadlines count."""
    return now.astimezone(dt.UTC).date()
