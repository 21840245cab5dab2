"""Building a message: compression, signature, encryption. RFC 4130 section 2.4, RFC 5402.

Each stage wraps a MIME entity in another one, and works only while the outermost body is being
read. Nothing is held but what must be to learn a length: CMS is DER with definite lengths wherever
its length can be told beforehand, since some products read nothing else (CMS-04).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC
from email.header import Header
from email.utils import format_datetime
from itertools import chain

from as2gateway import mime, names
from as2gateway.algorithms import KEPT_DIGESTS, Compression, DigestAlgorithm
from as2gateway.attachments import is_related
from as2gateway.cms import compressed, enveloped, signing
from as2gateway.engine import Stamp
from as2gateway.headers import Headers
from as2gateway.mic import RunningDigests
from as2gateway.policy import MDNMode, OutboundPolicy, PayloadInfo, SigningKey

#: Octets that are held to learn how many there are; more go out with indefinite lengths.
HELD = 1024 * 1024

Entropy = Callable[[int], bytes]


class MessageComposition:
    """A message being built: an ``engine.Composition``."""

    def __init__(self, headers: Headers, entity: "_Entity", digests: RunningDigests) -> None:
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
    # Only a payload that nothing is wrapped around has a MIC without header fields (§7.3.1).
    wrapped = policy.sign or policy.encrypt or policy.compress is not Compression.NONE
    if is_related(info) and not wrapped:
        # Receivers do not agree on its MIC (RFC 6362 §2.3).
        raise ValueError("several attachments must be signed, encrypted or compressed")
    entity = _payload_entity(payload, info)
    compress_first = policy.sign is not None and policy.compress is Compression.BEFORE_SIGNING
    if compress_first:
        entity = _compressed(entity)
    digests = kept_digests(policy)
    entity = _digested(entity, digests, with_headers=bool(wrapped))
    if policy.sign is not None:
        entity = _signed(entity, policy, stamp, digests, mime.new_boundary(entropy))
    if policy.compress is not Compression.NONE and not compress_first:
        entity = _compressed(entity)
    if policy.encrypt is not None:
        entity = _encrypted(entity, policy, entropy)
    return MessageComposition(http_headers(entity.headers, policy, stamp), entity, digests)


def kept_digests(policy: OutboundPolicy) -> RunningDigests:
    """Digests to be run over what the partner's MIC is over (MIC-11)."""
    return RunningDigests({*KEPT_DIGESTS, _digest(policy)})


def _digest(policy: OutboundPolicy) -> DigestAlgorithm:
    """Digest of the signature and of the MDN that is asked for: one and the same (HDR-29)."""
    return policy.sign or DigestAlgorithm.SHA256


# Stages --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Entity:
    """Header fields, and a body to be read once; its length in bytes where that can be told."""

    headers: Headers
    body: Iterable[bytes]
    length: int | None = None

    @property
    def head(self) -> bytes:
        return self.headers.encode() + b"\r\n"

    @property
    def octets(self) -> Iterator[bytes]:
        """The whole entity, as it goes into a signature or another layer."""
        return chain((self.head,), self.body)

    @property
    def octets_length(self) -> int | None:
        return None if self.length is None else len(self.head) + self.length


def _payload_entity(payload: Iterable[bytes], info: PayloadInfo) -> _Entity:
    # Binary for every type, text too: what is delivered is what was given (MIME-20, MIME-21).
    headers = Headers(
        (("Content-Type", info.content_type), ("Content-Transfer-Encoding", "binary"))
    )
    if info.filename:
        headers = headers.with_field("Content-Disposition", mime.disposition(info.filename))
    return _Entity(headers, _exactly(payload, info.size), info.size)


def _exactly(payload: Iterable[bytes], size: int) -> Iterator[bytes]:
    """Lengths are written before the payload is read: another size would break the message."""
    count = 0
    for chunk in payload:
        count += len(chunk)
        if count > size:
            break
        yield chunk
    if count != size:
        raise ValueError(f"the payload was to have {size} bytes, it has {count} or more")


def _digested(entity: _Entity, digests: RunningDigests, *, with_headers: bool) -> _Entity:
    def body() -> Iterator[bytes]:
        if with_headers:
            digests.update(entity.head)
        for chunk in entity.body:
            digests.update(chunk)
            yield chunk

    return _Entity(entity.headers, body(), entity.length)


def _signed(
    entity: _Entity,
    policy: OutboundPolicy,
    stamp: Stamp,
    digests: RunningDigests,
    boundary: str,
) -> _Entity:
    key, algorithm = policy.sign_with, _digest(policy)
    if key is None:
        raise ValueError("messages are to be signed, but there is no key to sign with")
    frame = mime.SignedEntity(boundary, algorithm.wire_name)

    def body(key: SigningKey) -> Iterator[bytes]:
        yield frame.opening
        yield from entity.octets
        yield frame.middle
        yield signing.sign(digests.digests[algorithm], algorithm, key, stamp.now)
        yield frame.closing

    headers = Headers((("Content-Type", frame.content_type),))
    signature = signing.signature_length(algorithm, key, stamp.now)
    if entity.octets_length is None or signature is None:
        return _Entity(headers, body(key))
    return _Entity(headers, body(key), entity.octets_length + frame.overhead + signature)


def _compressed(entity: _Entity) -> _Entity:
    def body() -> Iterator[bytes]:
        chunks, length = _measured(compressed.compress(entity.octets))
        yield from compressed.compressed_data(chunks, length)

    return _Entity(_pkcs7_mime("compressed-data", "smime.p7z"), body())


def _encrypted(entity: _Entity, policy: OutboundPolicy, entropy: Entropy) -> _Entity:
    to, cipher, transport = policy.encrypt_to, policy.encrypt, policy.key_transport
    if to is None or cipher is None:
        raise ValueError("messages are to be encrypted, but there is no certificate to encrypt to")
    if policy.require_key_usage and not to.may_encipher:
        raise ValueError(f"the keyUsage of {to.subject} does not allow to encrypt to it")

    def body() -> Iterator[bytes]:
        chunks, length = entity.octets, entity.octets_length
        if length is None:
            chunks, length = _measured(chunks)
        yield from enveloped.encrypt(chunks, length, to, cipher, transport, entropy)

    length = entity.octets_length
    if length is not None:
        length = enveloped.encrypted_length(length, to, cipher, transport)
    # RFC 8551 §3.2.2
    smime_type = "authEnveloped-data" if cipher.authenticates else "enveloped-data"
    return _Entity(_pkcs7_mime(smime_type, "smime.p7m"), body(), length)


def _measured(chunks: Iterator[bytes]) -> tuple[Iterator[bytes], int | None]:
    """Hold up to ``HELD`` octets back: if that is all, their number is known."""
    held: list[bytes] = []
    length = 0
    for chunk in chunks:
        held.append(chunk)
        length += len(chunk)
        if length > HELD:
            return chain(held, chunks), None
    return iter(held), length


def _pkcs7_mime(smime_type: str, name: str) -> Headers:
    content_type = f'application/pkcs7-mime; smime-type={smime_type}; name="{name}"'
    return Headers((("Content-Type", content_type), ("Content-Transfer-Encoding", "binary")))


# Header fields -------------------------------------------------------------------------------


def http_headers(entity: Headers, policy: OutboundPolicy, stamp: Stamp) -> Headers:
    """Fields of the request that carries an entity with these fields.

    HTTP carries octets as they are, so no transfer encoding is named. Raises ValueError for a
    policy that lacks a URL which it needs.
    """
    wrapper = (field for field in entity if field[0] != "Content-Transfer-Encoding")
    return Headers(
        (
            ("AS2-Version", "1.1"),  # compression is understood here (RFC 5402 §6)
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


def _mdn_fields(policy: OutboundPolicy) -> Iterator[tuple[str, str]]:
    if policy.mdn is MDNMode.NONE:
        return
    # Its presence asks for an MDN; its value is looked at by nobody (HDR-18).
    yield "Disposition-Notification-To", names.quote(policy.as2_from)
    if policy.mdn_signed:
        protocol = "signed-receipt-protocol=optional, pkcs7-signature"
        micalg = f"signed-receipt-micalg=optional, {_digest(policy).wire_name}"
        yield "Disposition-Notification-Options", f"{protocol}; {micalg}"
    if policy.mdn is MDNMode.ASYNC:
        if not policy.mdn_url:
            raise ValueError("an async MDN is wanted, but there is no URL to send it to")
        yield "Receipt-Delivery-Option", policy.mdn_url


def _unstructured(text: str) -> str:
    """Write free text as one line of ASCII (RFC 2047)."""
    line = " ".join(text.split())
    return line if line.isascii() else Header(line, "utf-8", maxlinelen=10_000).encode()
