"""Facts: what is known of a connection and what it stands on. None means not known.

The names are those of a connection's settings where there is one, so that a finding can stand at
its field. Nothing here is judged.
"""

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum


class Owner(StrEnum):
    """Whose certificate it is."""

    OWN = "own"
    PARTNER = "partner"


class Use(StrEnum):
    """What a certificate is for. *Sign* and *decrypt* are ours, *verify* and *encrypt* theirs."""

    SIGN = "sign"
    DECRYPT = "decrypt"
    VERIFY = "verify"
    ENCRYPT = "encrypt"
    TLS = "tls"


class Trust(StrEnum):
    """Why the other side of a TLS connection is trusted."""

    MOZILLA = "mozilla"
    CUSTOM_CA = "custom-ca"
    PINNED = "pinned"
    NONE = "none"


class HostMatch(StrEnum):
    """By what a TLS certificate names its host: SAN, CN without any SAN, or not at all."""

    SAN = "san"
    CN = "cn"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """A certificate of theirs or ours, and how it is used."""

    name: str
    fingerprint: str
    owner: Owner
    uses: frozenset[Use]
    key_type: str
    key_bits: int
    #: as ``hashlib`` names it; empty for what has none, such as Ed25519
    signature_hash: str
    not_before: dt.datetime
    not_after: dt.datetime
    activates_at: dt.datetime
    retires_at: dt.datetime | None = None
    self_signed: bool | None = None
    has_san: bool | None = None
    #: SHA-256 of the public key
    spki_sha256: str = ""

    def is_retired(self, now: dt.datetime) -> bool:
        """Whether it is history."""
        return self.retires_at is not None and self.retires_at <= now

    def is_active(self, now: dt.datetime) -> bool:
        """Whether it is used now."""
        return self.activates_at <= now and not self.is_retired(now)

    def is_planned(self, now: dt.datetime) -> bool:
        """Whether it is to be used later."""
        return self.activates_at > now and not self.is_retired(now)

    def days_left(self, now: dt.datetime) -> int:
        """Whole days to its end; negative once that has passed."""
        return (self.not_after - now).days


@dataclass(frozen=True, slots=True)
class SiblingFacts:
    """Another connection of the same partner."""

    environment: str
    #: whether a rule of its own profile is violated at error; None without a profile
    failing: bool | None


@dataclass(frozen=True, slots=True)
class ConnectionFacts:
    """Settings of a connection, and what the gateway does for every connection."""

    environment: str
    #: our name and theirs
    as2_from: str
    as2_id: str
    url: str
    sign: str
    encrypt: str
    compress: str
    mdn: str
    mdn_signed: bool
    #: the digest that we ask MDNs to be made with
    mdn_digest: str
    content_type: str
    require_signature: bool
    require_encryption: bool
    #: algorithms that inbound messages may use
    accepts: frozenset[str]
    notice_contact: str
    #: who runs the connection for us, if not we ourselves
    provider: str
    provider_access: bool
    tls_trust: Trust | None
    #: where async MDNs are received
    mdn_url: str
    siblings: tuple[SiblingFacts, ...] | None = None
    #: forms in which our certificate is handed out
    certificate_formats: frozenset[str] | None = None
    retry_keeps_message_id: bool | None = None
    duplicate_gets_same_mdn: bool | None = None
    refuses_unknown_names: bool | None = None
    max_attempts: int | None = None
    #: whether card or bank details pass here
    payment: bool = False
    #: what the other side runs, as an operator wrote it down: name and version
    platform: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class EndpointFacts:
    """What a TLS probe of one host and port found."""

    #: ``host:port``
    target: str
    tested_at: dt.datetime
    #: accepted versions, as ``SSLv3``, ``TLSv1``, ``TLSv1.1``, ``TLSv1.2``, ``TLSv1.3``
    versions: frozenset[str] | None = None
    #: accepted suites by IANA name, up to TLS 1.2 and of TLS 1.3
    suites: frozenset[str] | None = None
    suites13: frozenset[str] | None = None
    trust: Trust | None = None
    host_match: HostMatch | None = None
    not_after: dt.datetime | None = None
    #: SHA-256 of the public key of its certificate
    spki_sha256: str = ""
    #: what the other side runs, where it tells: ``("Java", "7")``
    platform: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """A key pair for a partner's programming interface. Never the key itself."""

    name: str
    owner: str
    purpose: str
    environment: str
    key_type: str
    key_bits: int
    #: ``pkcs8``, ``pkcs8-encrypted``, ``pkcs1``, ``openssh``, ``unreadable``
    private_format: str
    #: ``spki``, ``pkcs1``, ``openssh``, ``unreadable``
    public_format: str
    private_spki_sha256: str
    public_spki_sha256: str
    #: the id under which the partner knows it
    external_key_id: str
    created_at: dt.datetime


@dataclass(frozen=True, slots=True)
class EnvironmentFacts:
    """The host and the TLS client that the gateway runs with."""

    #: as OpenSSL writes it: ``OpenSSL 3.0.19 27 Jan 2026``
    openssl: str | None = None
    os_name: str | None = None
    os_supported_until: dt.date | None = None
    client_versions: frozenset[str] | None = None
    #: suites that our client can offer, up to TLS 1.2, by IANA name
    client_suites: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """All that the rules may look at; None is what nobody has looked into."""

    connection: ConnectionFacts
    certificates: tuple[CertificateFacts, ...] | None = None
    #: the partner's URL, and our own as seen from outside
    endpoint: EndpointFacts | None = None
    server: EndpointFacts | None = None
    keys: tuple[KeyFacts, ...] | None = None
    environment: EnvironmentFacts = EnvironmentFacts()
