"""Building a message: compression, signature, encryption. RFC 4130 section 2.4, RFC 5402.

Each stage wraps a MIME entity in another one, and works only while the outermost body is being
read. Nothing is held but what must be to learn a length: CMS is DER with definite lengths wherever
its length can be told beforehand, since some products read nothing else (CMS-04).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC
from email.header import Header
from email.utils import format_datetime

from as2gateway import features, mime, names
from as2gateway.algorithms import (
    ALL_DIGESTS_SIZE,
    KEPT_DIGESTS,
    LIKELY_DIGESTS,
    Compression,
    DigestAlgorithm,
)
from as2gateway.attachments import is_related
from as2gateway.cms import enveloped
from as2gateway.cms.signing import Signing
from as2gateway.engine import Stamp
from as2gateway.entities import (
    Entity,
    base64_length,
    compressed_entity,
    encode_base64,
    encoded,
    measured,
    payload_entity,
    pkcs7_mime,
)
from as2gateway.headers import Headers, is_printable
from as2gateway.mic import RunningDigests
from as2gateway.mic_variants import is_wrapped
from as2gateway.policy import MDNMode, OutboundPolicy, PayloadInfo
from as2gateway.quirks import NO_QUIRKS, Quirks

Entropy = Callable[[int], bytes]


class MessageComposition:
    """A message being built: an ``engine.Composition``."""

    def __init__(self, headers: Headers, entity: Entity, digests: RunningDigests) -> None:
        self.headers = headers
        #: bytes of the body, where that can be told before it is built
        self.length = entity.length
        self._body = entity.body
        self._digests = digests
        self._complete = False

    def __iter__(self) -> Iterator[bytes]:
        yield from self._body
        self._complete = True

    @property
    def mics(self) -> Mapping[DigestAlgorithm, bytes]:
        """Digests of what the partner's MIC is over; RuntimeError before the body has been read."""
        if not self._complete:
            raise RuntimeError("the MICs are known once the whole body has been read")
        return self._digests.digests


def compose(
    payload: Iterable[bytes],
    info: PayloadInfo,
    policy: OutboundPolicy,
    stamp: Stamp,
    entropy: Entropy,
) -> MessageComposition:
    """Start building a message.

    Raises ValueError for a policy that lacks a key or URL which it needs; reading the body raises
    it if the payload is not as large as ``info`` says.
    """
    wrapped = is_wrapped(policy)
    # In the clear HTTP carries the payload as it is: nothing is gained by base64 there.
    quirks = policy.quirks if wrapped else NO_QUIRKS
    if is_related(info) and not wrapped:
        # Receivers do not agree on its MIC (RFC 6362 §2.3).
        raise ValueError("several attachments must be signed, encrypted or compressed")
    entity = payload_entity(payload, info, quirks)
    compress_first = policy.sign is not None and policy.compress is Compression.BEFORE_SIGNING
    if compress_first:
        entity = compressed_entity(entity, quirks)
    digests = kept_digests(policy, info.size)
    entity = _digested(entity, digests, with_headers=wrapped)
    if policy.sign is not None:
        entity = _signed(entity, policy, stamp, digests, mime.new_boundary(entropy))
    if policy.compress is not Compression.NONE and not compress_first:
        entity = compressed_entity(entity, quirks)
    if policy.encrypt is not None:
        entity = _encrypted(entity, policy, entropy)
    return MessageComposition(http_headers(entity.headers, policy, stamp), entity, digests)


def kept_digests(policy: OutboundPolicy, size: int = 0) -> RunningDigests:
    """Digests to be run over what the partner's MIC is over (MIC-11).

    Of a large payload only the likely ones: ``mic_variants.mic_again`` takes the others, should a
    partner answer in one.
    """
    kept = KEPT_DIGESTS if size <= ALL_DIGESTS_SIZE else LIKELY_DIGESTS
    return RunningDigests({*kept, _digest(policy)})


def _digest(policy: OutboundPolicy) -> DigestAlgorithm:
    """Digest of the signature and of the MDN that is asked for: one and the same (HDR-29)."""
    return policy.sign or DigestAlgorithm.SHA256


def digest_name(digest: DigestAlgorithm, quirks: Quirks) -> str:
    """What a digest is called on the wire (MIC-08)."""
    return digest.rfc3851_name if quirks.rfc3851_names else digest.wire_name


# Stages --------------------------------------------------------------------------------------


def _digested(entity: Entity, digests: RunningDigests, *, with_headers: bool) -> Entity:
    def body() -> Iterator[bytes]:
        if with_headers:
            digests.update(entity.head)
        for chunk in entity.body:
            digests.update(chunk)
            yield chunk

    return Entity(entity.headers, body(), entity.length)


def _signed(
    entity: Entity,
    policy: OutboundPolicy,
    stamp: Stamp,
    digests: RunningDigests,
    boundary: str,
) -> Entity:
    key, algorithm = policy.sign_with, _digest(policy)
    if key is None:
        raise ValueError("messages are to be signed, but there is no key to sign with")
    quirks, key = policy.quirks, key.with_quirks(policy.quirks)
    signing = Signing(algorithm, key, stamp.now)
    if quirks.opaque_signature:
        return _signed_opaquely(entity, quirks, signing, digests)
    encoding = "base64" if quirks.base64 else "binary"
    frame = mime.SignedEntity(boundary, digest_name(algorithm, quirks), encoding)

    def body() -> Iterator[bytes]:
        yield frame.opening
        yield from entity.octets
        yield frame.middle
        signature = signing.sign(digests.digests[algorithm])
        yield encode_base64(signature) if quirks.base64 else signature
        yield frame.closing

    headers = Headers((("Content-Type", frame.content_type),))
    length = signing.signature_length
    if entity.octets_length is None or length is None:
        return Entity(headers, body())
    if quirks.base64:
        length = base64_length(length)
    return Entity(headers, body(), entity.octets_length + frame.overhead + length)


def _signed_opaquely(
    entity: Entity, quirks: Quirks, signing: Signing, digests: RunningDigests
) -> Entity:
    """A signature with its content inside, which no gateway on the way takes for text."""
    length = entity.octets_length
    body = signing.enclose(entity.octets, length, lambda: digests.digests[signing.algorithm])
    if length is not None:
        length = signing.enclosed_length(length)
    return encoded(Entity(pkcs7_mime("signed-data", "smime.p7m"), body, length), quirks)


def _encrypted(entity: Entity, policy: OutboundPolicy, entropy: Entropy) -> Entity:
    to, cipher, transport = policy.encrypt_to, policy.encrypt, policy.key_transport
    append = cipher is not None and cipher.authenticates and policy.quirks.appended_gcm_tag
    if to is None or cipher is None:
        raise ValueError("messages are to be encrypted, but there is no certificate to encrypt to")
    if policy.require_key_usage and not to.may_encipher:
        raise ValueError(f"the keyUsage of {to.subject} does not allow to encrypt to it")

    def body() -> Iterator[bytes]:
        chunks, length = entity.octets, entity.octets_length
        if length is None:
            chunks, length = measured(chunks)
        yield from enveloped.encrypt(
            chunks, length, to, cipher, transport, entropy, append_tag=append
        )

    length = entity.octets_length
    if length is not None:
        length = enveloped.encrypted_length(length, to, cipher, transport, append_tag=append)
    # RFC 8551 §3.2.2
    tagged = cipher.authenticates and not append
    smime_type = "authEnveloped-data" if tagged else "enveloped-data"
    return encoded(Entity(pkcs7_mime(smime_type, "smime.p7m"), body(), length), policy.quirks)


# Header fields -------------------------------------------------------------------------------


def http_headers(entity: Headers, policy: OutboundPolicy, stamp: Stamp) -> Headers:
    """Fields of the request that carries an entity with these fields.

    HTTP carries octets as they are: "binary" is not said there. Raises ValueError for a policy that
    lacks a URL which it needs, and for what would break out of its line.
    """
    binary = ("Content-Transfer-Encoding", "binary")
    wrapper = (field for field in entity if field != binary)
    headers = Headers(
        (
            *features.fields(policy.features),
            ("AS2-From", names.quote(policy.as2_from)),
            ("AS2-To", names.quote(policy.as2_to)),
            ("Message-ID", stamp.message_id),
            ("Subject", _unstructured(stamp.subject or "AS2 message")),
            ("Date", format_datetime(stamp.now.astimezone(UTC), usegmt=True)),
            ("MIME-Version", "1.0"),
            *wrapper,
            *_mdn_fields(policy),
        )
    )
    if not is_printable("".join([value for _, value in headers.fields])):
        headers.encode()
    return headers


def _mdn_fields(policy: OutboundPolicy) -> Iterator[tuple[str, str]]:
    if policy.mdn is MDNMode.NONE:
        return
    # Its presence asks for an MDN; its value is looked at by nobody (HDR-18).
    yield "Disposition-Notification-To", names.quote(policy.as2_from)
    if policy.mdn_signed:
        protocol = "signed-receipt-protocol=optional, pkcs7-signature"
        micalg = f"signed-receipt-micalg=optional, {digest_name(_digest(policy), policy.quirks)}"
        yield "Disposition-Notification-Options", f"{protocol}; {micalg}"
    if policy.mdn is MDNMode.ASYNC:
        if not policy.mdn_url:
            raise ValueError("an async MDN is wanted, but there is no URL to send it to")
        yield "Receipt-Delivery-Option", policy.mdn_url


def _unstructured(text: str) -> str:
    """Write free text as one line of ASCII (RFC 2047)."""
    line = " ".join(text.split())
    return line if line.isascii() else Header(line, "utf-8", maxlinelen=10_000).encode()
