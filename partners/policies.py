"""Policies: rows in, the frozen values out that the core works by.

A change of settings is in force with the next message, in every process, without a restart. Rows
are read again when any of them changed (``partners.remembered``), octets that cannot change are
parsed once (``partners.parsed``), and what is in use is decided for the moment of each message.
"""

import base64
import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from django.conf import settings

from as2gateway.algorithms import (
    CipherAlgorithm,
    Compression,
    DigestAlgorithm,
    KeyTransport,
    SignatureScheme,
)
from as2gateway.certificates import Certificate
from as2gateway.engine import Engine
from as2gateway.engines import get_engine
from as2gateway.features import Feature
from as2gateway.policy import (
    MODERN_CIPHERS,
    MODERN_DIGESTS,
    DecryptionKey,
    InboundPolicy,
    Limits,
    MDNMode,
    OutboundPolicy,
    SigningKey,
)
from as2gateway.quirks import from_plain, to_plain
from partners.models import Connection, KeyPair, Organization, accepted, in_use
from partners.models.choices import NONE
from partners.parsed import parse_certificate, private_key_of
from partners.remembered import rows


class PolicyError(Exception):
    """A message cannot be built: the text says which key or certificate is missing, and where."""


def find_connection(as2_from: str, as2_to: str) -> Connection | None:
    """Find the connection of an inbound message by its two names, octet for octet (R20)."""
    return rows.connection(as2_from, as2_to)


def inbound_policy(connection: Connection, now: dt.datetime) -> InboundPolicy:
    """Say what a message of this partner must be, with the keys that read it at this moment."""
    sign, needs = _digest(connection), connection.needs
    return InboundPolicy(
        as2_from=connection.as2_id,
        as2_to=connection.organization.as2_id,
        require_signature=connection.require_signature,
        require_encryption=connection.require_encryption,
        digests=allowed_digests(connection),
        ciphers=allowed_ciphers(connection),
        verify_with=verify_certificates(connection, now),
        decrypt_with=decryption_keys(connection.organization, now),
        require_signed_attributes=connection.require_signed_attributes,
        default_digest=sign or DigestAlgorithm.SHA256,
        quirks=needs,
    )


def outbound_policy(connection: Connection, now: dt.datetime) -> OutboundPolicy:
    """Say how a message to this partner is built; raises PolicyError if a key for it is missing."""
    sign, needs = _digest(connection), connection.needs
    cipher = None if connection.encrypt == NONE else CipherAlgorithm(connection.encrypt)
    return OutboundPolicy(
        as2_from=connection.organization.as2_id,
        as2_to=connection.as2_id,
        sign=sign,
        encrypt=cipher,
        compress=Compression(connection.compress),
        mdn=MDNMode(connection.mdn),
        mdn_signed=connection.mdn_signed,
        mdn_url=f"{settings.AS2_BASE_URL}/as2" if connection.mdn == MDNMode.ASYNC else "",
        sign_with=_required_signing_key(connection, now) if sign else None,
        encrypt_to=_encrypt_certificate(connection, now) if cipher else None,
        key_transport=KeyTransport(connection.key_transport),
        require_key_usage=needs.check_key_usage,
        quirks=needs,
        features=announced_features(connection),
    )


def announced_features(connection: Connection) -> frozenset[Feature]:
    """What every message and MDN of this connection says that we can do (RFC 6017).

    Nothing by default; a partner with whom certificates are exchanged has to be told, and whoever
    is told anything is told all of it that the connection's settings allow (HDR-12).
    """
    if not (connection.certificate_exchange or connection.announce_features):
        return frozenset()
    lacking = {
        Feature.CERTIFICATE_EXCHANGE: not connection.certificate_exchange,
        # What is sent again under another name cannot be told from a new message (REL-11).
        Feature.RELIABILITY: connection.needs.new_message_id,
    }
    return frozenset(each for each in Feature if not lacking.get(each))


def allowed_digests(connection: Connection) -> frozenset[DigestAlgorithm]:
    """Digests this partner may sign with; SHA-1 and MD5 only where it is agreed (SEC-11)."""
    sha1 = connection.accept_sha1 or connection.sign == DigestAlgorithm.SHA1
    agreed = {DigestAlgorithm.SHA1: sha1, DigestAlgorithm.MD5: connection.needs.accept_md5}
    return MODERN_DIGESTS | {digest for digest, is_so in agreed.items() if is_so}


def allowed_ciphers(connection: Connection) -> frozenset[CipherAlgorithm]:
    """Ciphers this partner may encrypt with; triple DES only where it is agreed (SEC-11)."""
    triple_des = CipherAlgorithm.TRIPLE_DES_CBC
    agreed = connection.accept_3des or connection.encrypt == triple_des
    return MODERN_CIPHERS | {triple_des} if agreed else MODERN_CIPHERS


def verify_certificates(connection: Connection, now: dt.datetime) -> tuple[Certificate, ...]:
    """Every certificate of the partner that may have signed at this moment, the newest first."""
    verifying = [row for row in rows.certificates(connection) if row.verifies]
    return tuple(parse_certificate(bytes(row.certificate)) for row in accepted(verifying, now))


def decryption_keys(organization: Organization, now: dt.datetime) -> tuple[DecryptionKey, ...]:
    """Every key pair that partners may have encrypted to at this moment, the newest first."""
    pairs = accepted([pair for pair in rows.pairs(organization) if pair.decrypts], now)
    keys = [(private_key_of(pair), pair) for pair in pairs]
    return tuple(
        DecryptionKey(key, parse_certificate(bytes(pair.certificate)))
        for key, pair in keys
        if isinstance(key, RSAPrivateKey)
    )


def signing_key(organization: Organization, now: dt.datetime) -> SigningKey | None:
    """Return the key pair that signs at this moment: the latest to have started."""
    pair = _signing_pair(organization, now)
    if pair is None:
        return None
    chain = tuple(parse_certificate(base64.b64decode(der)) for der in pair.chain)
    certificate = parse_certificate(bytes(pair.certificate))
    return SigningKey(private_key_of(pair), certificate, chain=chain)


def signing_key_for(connection: Connection, now: dt.datetime) -> SigningKey | None:
    """Return the key that signs for a partner, in the scheme that the connection says."""
    key = signing_key(connection.organization, now)
    return key and replace(key, scheme=SignatureScheme(connection.signature_scheme))


def limits() -> Limits:
    """Return what a message may cost here (AS2_LIMIT_…)."""
    return replace(settings.AS2_LIMITS, decompressed=settings.AS2_MAX_BODY)


def engine_for(connection: Connection) -> Engine:
    """Return the engine that reads and writes this connection's messages."""
    return get_engine(engine_name(connection))


def engine_name(connection: Connection) -> str:
    """Name the engine: the connection's own, else the installation's."""
    return connection.engine or settings.AS2_ENGINE


def snapshot(connection: Connection, policy: InboundPolicy | OutboundPolicy) -> dict[str, object]:
    """Return what a message is made or judged by, for JSON: names and fingerprints, no keys."""
    facts = _inbound(policy) if isinstance(policy, InboundPolicy) else _outbound(policy)
    if quirks := to_plain(policy.quirks):
        facts["quirks"] = quirks
    return {"engine": engine_name(connection), **facts}


def as_built(as2_from: str, as2_to: str, facts: Mapping[str, Any]) -> OutboundPolicy:
    """Return the policy that a snapshot was taken of, as far as it decided on octets: no keys."""
    sign, encrypt = facts["sign"], facts["encrypt"]
    return OutboundPolicy(
        as2_from=as2_from,
        as2_to=as2_to,
        sign=None if sign == NONE else DigestAlgorithm(sign),
        encrypt=None if encrypt == NONE else CipherAlgorithm(encrypt),
        compress=Compression(facts["compress"]),
        quirks=from_plain(facts.get("quirks", {})),
    )


def _inbound(policy: InboundPolicy) -> dict[str, object]:
    return {
        "require_signature": policy.require_signature,
        "require_encryption": policy.require_encryption,
        "require_signed_attributes": policy.require_signed_attributes,
        "digests": sorted(policy.digests),
        "ciphers": sorted(policy.ciphers),
        "verify_with": [certificate.fingerprint for certificate in policy.verify_with],
        "decrypt_with": [key.certificate.fingerprint for key in policy.decrypt_with],
    }


def _outbound(policy: OutboundPolicy) -> dict[str, object]:
    sign_with, encrypt_to = policy.sign_with, policy.encrypt_to
    return {
        "sign": policy.sign or NONE,
        "encrypt": policy.encrypt or NONE,
        "compress": policy.compress,
        "mdn": policy.mdn,
        "mdn_signed": policy.mdn_signed,
        "key_transport": policy.key_transport,
        "signature_scheme": sign_with.scheme if sign_with else None,
        "sign_with": sign_with.certificate.fingerprint if sign_with else None,
        "encrypt_to": encrypt_to.fingerprint if encrypt_to else None,
    }


def _digest(connection: Connection) -> DigestAlgorithm | None:
    return None if connection.sign == NONE else DigestAlgorithm(connection.sign)


def _signing_pair(organization: Organization, now: dt.datetime) -> KeyPair | None:
    pairs = in_use([pair for pair in rows.pairs(organization) if pair.signs], now)
    return pairs[0] if pairs else None


def _required_signing_key(connection: Connection, now: dt.datetime) -> SigningKey:
    key = signing_key_for(connection, now)
    if key is None:
        raise PolicyError(
            f"{connection} signs with {connection.sign}, but organization "
            f"{connection.organization.as2_id} has no key pair that signs now. "
            "Add one with the purpose sign, or set sign to none."
        )
    return key


def _encrypt_certificate(connection: Connection, now: dt.datetime) -> Certificate:
    encrypting = in_use([row for row in rows.certificates(connection) if row.encrypts], now)
    if not encrypting:
        raise PolicyError(
            f"{connection} encrypts with {connection.encrypt}, but has no certificate of "
            f"{connection.partner.name} to encrypt to now. "
            "Add one with the role encrypt, or set encrypt to none."
        )
    certificate = parse_certificate(bytes(encrypting[0].certificate))
    if certificate.key_type != "rsa":
        raise PolicyError(
            f"{connection} encrypts to {certificate.subject}, whose key is {certificate.key_type}; "
            "only an RSA certificate can be encrypted to. Take the role encrypt from it."
        )
    return certificate
