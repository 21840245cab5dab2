"""Our sheet: what a partner has to know to set us up, to print or as JSON; no secrets."""

import datetime as dt
import hashlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from django.conf import settings

from as2gateway.certificates import Certificate
from partners.models import Connection, KeyPair
from partners.models.choices import NONE
from partners.urls import without_password


@dataclass(frozen=True, slots=True)
class CertificateSheet:
    """A certificate of ours, and what it is for."""

    purposes: list[str]
    subject: str
    serial: str
    key: str
    signature_hash: str
    sha256: str
    #: what older software shows; told for comparing, not for trust
    sha1: str
    not_before: str
    not_after: str
    used_from: str
    pem: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """Us, as one connection's partner has to know us."""

    organization: str
    as2_id: str
    email: str
    environment: str
    url: str
    mdn_url: str
    #: addresses and networks that our messages come from; empty = not told
    sending_addresses: list[str]
    partner_as2_id: str
    partner_url: str
    messages_we_send: list[str]
    messages_we_accept: list[str]
    certificates: list[CertificateSheet]

    def to_plain(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return asdict(self)


def our_url() -> str:
    """Return where partners send messages and MDNs to."""
    return f"{settings.AS2_BASE_URL}/as2"


def build(connection: Connection, now: dt.datetime) -> Sheet:
    """Say who we are for one connection."""
    ours = connection.organization
    url = our_url()
    return Sheet(
        organization=ours.name,
        as2_id=ours.as2_id,
        email=ours.email,
        environment=connection.environment,
        url=url,
        mdn_url=url,
        sending_addresses=list(settings.AS2_SENDING_ADDRESSES),
        partner_as2_id=connection.as2_id,
        partner_url=without_password(connection.url),
        messages_we_send=list(_sent(connection)),
        messages_we_accept=list(_accepted(connection)),
        certificates=[_certificate(pair) for pair in _pairs(connection, now)],
    )


def _pairs(connection: Connection, now: dt.datetime) -> list[KeyPair]:
    """Return our key pairs that are not retired, the successor of a rollover too."""
    rows = connection.organization.keys.order_by("activates_at", "pk")
    return [row for row in rows if row.retires_at is None or row.retires_at > now]


def _sent(connection: Connection) -> Iterator[str]:
    yield f"signed with {connection.sign}" if connection.sign != NONE else "not signed"
    yield f"encrypted with {connection.encrypt}" if connection.encrypt != NONE else "not encrypted"
    if connection.compress != NONE:
        yield f"compressed ({connection.compress})"
    if connection.mdn == NONE:
        yield "no MDN is asked for"
    else:
        yield f"{'signed' if connection.mdn_signed else 'unsigned'} {connection.mdn} MDN, please"
    yield f"content type {connection.content_type}"


def _accepted(connection: Connection) -> Iterator[str]:
    weak_digest = ", SHA-1" if connection.accept_sha1 else ""
    weak_cipher = ", 3DES" if connection.accept_3des else ""
    must = "must be" if connection.require_signature else "may be"
    yield f"{must} signed: SHA-256, SHA-384, SHA-512{weak_digest}"
    must = "must be" if connection.require_encryption else "may be"
    yield f"{must} encrypted: AES-128, AES-192, AES-256{weak_cipher}"
    yield "may be compressed (zlib), before or after signing"
    yield "MDNs are returned as asked: synchronous or asynchronous, signed or not"


def _certificate(pair: KeyPair) -> CertificateSheet:
    value: Certificate = pair.value
    uses = {"verify our signatures": pair.signs, "encrypt to us": pair.decrypts}
    return CertificateSheet(
        purposes=[text for text, is_so in uses.items() if is_so],
        subject=value.subject,
        serial=f"{value.serial:x}",
        key=f"{value.key_type.upper()} {value.key_bits}",
        signature_hash=value.signature_digest,
        sha256=value.fingerprint,
        sha1=hashlib.sha1(value.der, usedforsecurity=False).hexdigest(),
        not_before=value.not_before.isoformat(),
        not_after=value.not_after.isoformat(),
        used_from=pair.activates_at.isoformat(),
        pem=value.pem(),
    )
