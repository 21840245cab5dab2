"""What is checked before and after pyas2lib is asked, since it does not check it itself.

It takes any algorithm, any number of signers, also none, and looks at the first recipient only;
it unpacks and splits into lines whatever comes; and its ASN.1 reader takes quadratic time for
strings in segments. So a structure is read here first, within limits, and handed on in DER.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from as2gateway import ber, der, mime
from as2gateway.algorithms import CipherAlgorithm, DigestAlgorithm, KeyTransport
from as2gateway.ber import Node
from as2gateway.cms import compressed, oids, signed
from as2gateway.cms.content import ContentInfo, read_oid
from as2gateway.cms.identifiers import means
from as2gateway.cms.recipients import check_unseen
from as2gateway.cms.signature_algorithms import SignatureAlgorithm
from as2gateway.cms.signer import SignerInfo
from as2gateway.errors import (
    AuthenticationFailed,
    DecryptionFailed,
    InsufficientMessageSecurity,
    IntegrityCheckFailed,
    LimitExceeded,
)
from as2gateway.policy import DecryptionKey, InboundPolicy, Limits
from as2gateway.stream import Source, Wait, gather, run, skip

#: Lines of a signed part: Python's email package, by which pyas2lib reads it, takes some
#: microseconds and 100 bytes for each. A document of 50 MB has about 600 000.
MAX_LINES = 1_000_000

#: octets of a version, or of an algorithm with its parameters
_MAX_SMALL = 1024

_CIPHERS: Mapping[str, CipherAlgorithm] = MappingProxyType(
    {cipher.oid: cipher for cipher in CipherAlgorithm if not cipher.authenticates}
)
_TRANSPORTS: Mapping[str, KeyTransport] = MappingProxyType(
    {oids.RSA_ENCRYPTION: KeyTransport.RSA_V15, oids.RSAES_OAEP: KeyTransport.RSA_OAEP}
)


# --- enveloped -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Envelope:
    """An EnvelopedData that may be opened."""

    #: ContentInfo in DER, with the one recipient that is ours
    octets: bytes
    cipher: CipherAlgorithm
    key: DecryptionKey
    transport: KeyTransport
    #: SHA-256 of the wrapped key without leading zeros: one for one key (threats R14)
    wrapped_digest: bytes


@dataclass(frozen=True, slots=True)
class _Recipient:
    info: Node
    key: DecryptionKey
    transport: KeyTransport
    wrapped: bytes


def read_envelope(
    source: Source, info: ContentInfo, policy: InboundPolicy, limits: Limits
) -> Wait[Envelope]:
    """Read EnvelopedData from its content on. Raises AS2Error: all of it means DecryptionFailed."""
    outer = (yield from ber.read_header(source)).open(ber.SEQUENCE)
    start = source.taken
    infos = yield from _read_recipient_infos(source, limits)
    content = (yield from ber.read_header(source)).open(ber.SEQUENCE)
    # What is inside is MIME, whatever the type says (CMS-34).
    yield from read_oid(source)
    algorithm = yield from _read_small(source)
    string = (yield from ber.read_header(source)).expect(ber.CONTEXT)
    sealed = yield from gather(ber.read_octets(source, string), limits.whole_message)
    yield from ber.read_end(source, content)
    yield from info.skip_rest(source, outer, start, limits.recipients_size)
    cipher = _cipher(algorithm, policy)
    recipient = _recipient(infos, policy, limits)
    octets = _content_info(
        oids.ENVELOPED_DATA,
        der.sequence(
            der.integer(0),
            der.element(der.SET, recipient.info.raw),
            der.sequence(der.oid(oids.DATA), algorithm.raw, der.element(der.CONTEXT, sealed)),
        ),
    )
    digest = hashlib.sha256(recipient.wrapped.lstrip(b"\0")).digest()
    check_unseen(digest, policy.wrapped_key_seen)
    return Envelope(octets, cipher, recipient.key, recipient.transport, digest)


def _read_recipient_infos(source: Source, limits: Limits) -> Wait[Node]:
    yield from _read_small(source)  # the version
    header = yield from ber.read_header(source)
    if header.tag == ber.CONTEXT:  # originatorInfo
        yield from ber.read_element(source, header, limits.recipients_size)
        header = yield from ber.read_header(source)
    return (yield from ber.read_element(source, header.open(ber.SET), limits.recipients_size))


def _read_small(source: Source) -> Wait[Node]:
    header = yield from ber.read_header(source)
    return (yield from ber.read_element(source, header, _MAX_SMALL))


def _cipher(algorithm: Node, policy: InboundPolicy) -> CipherAlgorithm:
    name = algorithm.fields().take(ber.OID).oid()
    cipher = _CIPHERS.get(name)
    if cipher is None or cipher not in policy.ciphers:
        raise DecryptionFailed(f"the cipher {cipher or name} is not allowed")
    return cipher


def _recipient(infos: Node, policy: InboundPolicy, limits: Limits) -> _Recipient:
    """The first RecipientInfo that is ours: pyas2lib would only look at the first of all."""
    members = infos.children
    if len(members) > limits.recipients:
        raise LimitExceeded(f"{len(members)} RecipientInfos, {limits.recipients} are allowed")
    for member in members:
        # Other kinds (key agreement, passwords …) are tagged; they are not for an RSA key.
        if member.tag == ber.SEQUENCE and (ours := _ours(member, policy.decrypt_with)):
            return ours
    raise DecryptionFailed("it is not encrypted to any certificate of ours that is in use")


def _ours(info: Node, keys: tuple[DecryptionKey, ...]) -> _Recipient | None:
    fields = info.fields()
    fields.take(ber.INTEGER)  # the version
    identifier = fields.any()
    key = next((key for key in keys if means(identifier, key.certificate)), None)
    if key is None:
        return None
    name = fields.take(ber.SEQUENCE).fields().take(ber.OID).oid()
    if name not in _TRANSPORTS:
        raise DecryptionFailed(f"the content key is wrapped by an unknown algorithm {name}")
    return _Recipient(info, key, _TRANSPORTS[name], fields.take(ber.OCTET_STRING).octets())


def _content_info(oid: str, content: bytes) -> bytes:
    return der.sequence(der.oid(oid), der.element(der.CONTEXT | der.CONSTRUCTED, content))


# --- compressed ----------------------------------------------------------------------------------


def check_compressed(content: bytes, info: ContentInfo, limits: Limits) -> bytes:
    """The ContentInfo in DER, if what is in it unpacks within the limits; else DecompressionFailed.

    So pyas2lib, which unpacks all at once, never meets a bomb (threats R8).
    """
    bounded = replace(limits, decompressed=min(limits.decompressed, limits.whole_message))
    run(lambda source: skip(compressed.decompress(source, bounded, info)), content)
    _, packed = run(lambda source: _read_packed(source, limits), content)
    return b"".join(compressed.compressed_data((packed,), len(packed)))


def _read_packed(source: Source, limits: Limits) -> Wait[bytes]:
    (yield from ber.read_header(source)).open(ber.SEQUENCE)
    yield from _read_small(source)  # the version
    yield from _read_small(source)  # the algorithm: what unpacked a moment ago is zlib
    (yield from ber.read_header(source)).open(ber.SEQUENCE)
    yield from read_oid(source)
    (yield from ber.read_header(source)).open(ber.CONTEXT)
    string = (yield from ber.read_header(source)).expect(ber.OCTET_STRING)
    return (yield from gather(ber.read_octets(source, string), limits.whole_message))


# --- signed --------------------------------------------------------------------------------------


def check_signature(signature: signed.SignedData, policy: InboundPolicy) -> None:
    """Raise AS2Error for signers that pyas2lib would take, and that a policy does not.

    pyas2lib has each of them verified with the partner's certificate, so all must be its own.
    """
    if not signature.signers:
        raise AuthenticationFailed("the SignedData has no signer")
    for signer in signature.signers:
        if signer.digest not in policy.digests:
            reason = f"it is signed with {signer.digest}, which is not allowed"
            raise InsufficientMessageSecurity(reason)
        if signer.attributes is None and policy.require_signed_attributes:
            raise InsufficientMessageSecurity("the signature has no signed attributes")
        _check_one_digest(signer)


def _check_one_digest(signer: SignerInfo) -> None:
    named = SignatureAlgorithm.read(signer.signature_identifier).digest
    if named not in {None, signer.digest}:
        reason = f"the signature is over {named}, the content over {signer.digest}"
        raise AuthenticationFailed(reason)


def check_signed_part(part: bytes) -> None:
    """Raise AS2Error for a signed part that pyas2lib would take apart, or take ages for."""
    if part.count(b"\n") + part.count(b"\r") > 2 * MAX_LINES:
        raise LimitExceeded(f"a signed part of more than {MAX_LINES} lines")
    _, (headers, _) = run(mime.read_headers, part)
    kind = mime.ContentType.parse(headers.get("Content-Type")).type
    if kind.startswith(("multipart/", "message/")):
        reason = f"pyas2lib cannot verify a signed {kind}; the engine native can"
        raise IntegrityCheckFailed(reason)


def check_coverage(
    signature: signed.SignedData, octets: bytes, digests: Mapping[DigestAlgorithm, bytes]
) -> None:
    """Raise AS2Error unless every signer speaks of exactly these octets, once and of their type."""
    for signer in signature.signers:
        if signer.attributes is not None:
            signer.attributes.check_algorithms(
                signer.digest_identifier, signer.signature_identifier
            )
            signer.attributes.check_content(oids.DATA, digests[signer.digest])
    if signature.content is not None and signature.content != octets:
        raise IntegrityCheckFailed("the signature encloses other content than it came with")


def opaque_signature(content: bytes) -> bytes:
    """The ContentInfo of a SignedData that stands at the front of these octets."""
    return _content_info(oids.SIGNED_DATA, ber.parse(content).expect(ber.SEQUENCE).raw)
