"""Frozen values that tell the core what a connection wants: settings and keys, no database rows.

The words are those of a connection's settings. A policy is made for one message at one moment: it
holds the certificates that are in use then.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Self

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from as2gateway.algorithms import (
    CipherAlgorithm,
    Compression,
    DigestAlgorithm,
    KeyTransport,
    SignatureScheme,
)
from as2gateway.certificates import Certificate
from as2gateway.features import Feature
from as2gateway.quirks import NO_QUIRKS, Quirks


class MDNMode(StrEnum):
    """How we ask to be answered."""

    NONE = "none"
    SYNC = "sync"
    ASYNC = "async"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key of ours with its certificate."""

    private_key: RSAPrivateKey | EllipticCurvePrivateKey = field(repr=False)
    certificate: Certificate
    #: of an RSA key
    scheme: SignatureScheme = SignatureScheme.RSA_V15
    #: certificates that travel along with its own, up to the root or not (CMS-21)
    chain: tuple[Certificate, ...] = ()
    #: some products choke on certificates in a signature; without them it names its own only
    enclose: bool = True
    #: signatures say by which algorithms they were made (RFC 6211)
    protect_algorithms: bool = False

    def with_quirks(self, quirks: Quirks) -> Self:
        """The same key, as the partner needs its signatures."""
        enclose = self.enclose and not quirks.omit_certificates
        chain = self.chain if quirks.enclose_chain else ()
        protect = quirks.algorithm_protection
        if (enclose, chain, protect) == (self.enclose, self.chain, self.protect_algorithms):
            return self
        return replace(self, enclose=enclose, chain=chain, protect_algorithms=protect)

    @property
    def enclosed(self) -> tuple[Certificate, ...]:
        """The certificates that go into a signature."""
        if not self.enclose:
            return ()
        if not self.chain:
            return (self.certificate,)
        return tuple(dict.fromkeys((self.certificate, *self.chain)))


@dataclass(frozen=True, slots=True)
class DecryptionKey:
    """A private key of ours that opens what was encrypted to its certificate."""

    private_key: RSAPrivateKey = field(repr=False)
    certificate: Certificate


#: Digests and ciphers that a new connection takes; weaker ones are switched on by name (SEC-11).
MODERN_DIGESTS = frozenset(
    {DigestAlgorithm.SHA224, DigestAlgorithm.SHA256, DigestAlgorithm.SHA384, DigestAlgorithm.SHA512}
)
MODERN_CIPHERS = frozenset(CipherAlgorithm) - {CipherAlgorithm.TRIPLE_DES_CBC}


def never_seen(_wrapped_key: bytes) -> bool:
    """Say that no wrapped key came before: where nobody remembers them."""
    return False


@dataclass(frozen=True, slots=True)
class InboundPolicy:
    """What a message from this partner must be, and the keys to read it and to answer it."""

    as2_from: str
    as2_to: str
    require_signature: bool = True
    require_encryption: bool = True
    digests: frozenset[DigestAlgorithm] = MODERN_DIGESTS
    ciphers: frozenset[CipherAlgorithm] = MODERN_CIPHERS
    #: every certificate of the partner that is valid for signatures now (rollover: several)
    verify_with: tuple[Certificate, ...] = ()
    decrypt_with: tuple[DecryptionKey, ...] = ()
    #: asked before a private key is used, with the SHA-256 of the wrapped content key: whether that
    #: came before in another request. No honest sender repeats one; who probes must (threats R14)
    wrapped_key_seen: Callable[[bytes], bool] = field(default=never_seen, repr=False, compare=False)
    #: a signature without signed attributes is refused unless this is off
    require_signed_attributes: bool = True
    #: multipart types whose parts are delivered one by one; others are one document (MIME-27)
    split_attachments: frozenset[str] = frozenset({"multipart/related"})
    #: for unsigned messages whose options name no digest (MIC-05)
    default_digest: DigestAlgorithm = DigestAlgorithm.SHA256
    quirks: Quirks = NO_QUIRKS


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what a message may cost; sizes in bytes. Each is a setting (SEC-09)."""

    #: layers around the payload; RFC 4130 and RFC 5402 need three
    depth: int = 5
    #: the CMS part of a multipart/signed; SignerInfos and certificates of any SignedData (R9)
    signature: int = 1024 * 1024
    #: all RecipientInfos together (threats R9)
    recipients_size: int = 64 * 1024
    recipients: int = 20
    signers: int = 10
    #: parts of a multipart payload
    attachments: int = 100
    #: decompressed octets, absolute and as a multiple of what was compressed (threats R8)
    decompressed: int = 16 * 1024**3
    #: EDI packs to a tenth or a twentieth of its size; zlib's ceiling, which bombs reach, is 1032:1
    ratio: int = 200
    #: decompressed octets that any message may have, however well it packs: no setting, as no
    #: document that short can fill a disk
    ratio_from: int = 64 * 1024**2
    #: an MDN is read into memory
    mdn: int = 1024 * 1024
    #: a message, for an engine that does not stream; pyas2lib takes some ten times as much memory
    whole_message: int = 50 * 1000 * 1000
    #: of an RSA key that a signature is checked with: the time grows with its square
    rsa_bits: int = 8192
    #: a certificate exchange message, XML and certificates together: it is read into memory
    exchange: int = 1024 * 1024


@dataclass(frozen=True, slots=True)
class OutboundPolicy:
    """How a message to this partner is built."""

    as2_from: str
    as2_to: str
    sign: DigestAlgorithm | None = DigestAlgorithm.SHA256
    encrypt: CipherAlgorithm | None = CipherAlgorithm.AES128_CBC
    compress: Compression = Compression.NONE
    mdn: MDNMode = MDNMode.SYNC
    mdn_signed: bool = True
    #: where an async MDN is to be posted: our own public URL
    mdn_url: str = ""
    sign_with: SigningKey | None = None
    encrypt_to: Certificate | None = None
    key_transport: KeyTransport = KeyTransport.RSA_V15
    #: refuse to encrypt to a certificate whose keyUsage does not allow it (CMS-35)
    require_key_usage: bool = False
    #: told in every message and MDN (RFC 6017); none are told by default
    features: frozenset[Feature] = frozenset()
    quirks: Quirks = NO_QUIRKS


@dataclass(frozen=True, slots=True)
class PayloadInfo:
    """What is known of the bytes to send."""

    size: int
    content_type: str = "application/EDI-X12"
    filename: str = ""
