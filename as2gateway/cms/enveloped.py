"""EnvelopedData and AuthEnvelopedData as streams: RFC 5652 section 6, RFC 5083.

Whatever is wrong inside one, the answer is DecryptionFailed, and it comes when all octets have been
read (threats R12, CMS-32). Clear octets are given out before it is known that nothing is wrong.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from as2gateway import ber, der
from as2gateway.algorithms import CipherAlgorithm, KeyTransport
from as2gateway.ber import Node
from as2gateway.certificates import Certificate
from as2gateway.cms import oids, recipients
from as2gateway.cms.attributes import signed_form
from as2gateway.cms.ciphers import (
    AppendedTagOpener,
    ContentCipher,
    Opener,
    PaddedOpener,
    Sealer,
    TaggedOpener,
)
from as2gateway.cms.content import ContentInfo, Frame, counted, read_oid
from as2gateway.cms.recipients import Recipient
from as2gateway.errors import AS2Error, DecryptionFailed
from as2gateway.policy import InboundPolicy, Limits
from as2gateway.stream import Parser, Source, Wait

#: octets of a version, a tag, and an AlgorithmIdentifier with its initialization vector
_MAX_VERSION = 16
_MAX_TAG = 64
_MAX_ALGORITHM = 1024
#: octets of authenticated attributes: each block of them costs some 20 µs
_MAX_ATTRIBUTES = 16 * 1024


class EnvelopedFacts(NamedTuple):
    """How a message was encrypted, and for whom."""

    cipher: CipherAlgorithm
    key_transport: KeyTransport
    #: of the certificate of ours that it was encrypted to
    certificate_fingerprint: str
    #: SHA-256 of the wrapped content key: an honest sender never repeats one (threats R14)
    wrapped_key_digest: bytes


# --- reading -------------------------------------------------------------------------------------


def decrypt(
    source: Source, policy: InboundPolicy, limits: Limits, info: ContentInfo
) -> Parser[bytes, EnvelopedFacts]:
    """Give out the clear octets; ``info`` is what ``read_content_info`` returned.

    At most one operation of one private key is made. Raises DecryptionFailed and nothing else, once
    the source has ended.
    """
    try:
        facts = yield from _decrypt(source, policy, limits, info)
        yield from info.close(source)
    except AS2Error as error:
        fault = error
    else:
        return facts
    while (yield from source.some()):
        pass
    raise DecryptionFailed(fault.reason) from fault


def _decrypt(
    source: Source, policy: InboundPolicy, limits: Limits, info: ContentInfo
) -> Parser[bytes, EnvelopedFacts]:
    outer = (yield from ber.read_header(source)).open(ber.SEQUENCE)
    start = source.taken
    infos = yield from _read_recipient_infos(source, limits)
    content = (yield from ber.read_header(source)).open(ber.SEQUENCE)
    # What is inside is MIME, whatever the type says (CMS-34).
    yield from read_oid(source)
    parameters = yield from ber.read_whole(source, ber.SEQUENCE, _MAX_ALGORITHM)
    cipher = ContentCipher.read(parameters, policy.ciphers)
    recipient = recipients.choose(infos, policy.decrypt_with, limits.recipients)
    wrapped_digest = recipient.wrapped_digest
    recipients.check_unseen(wrapped_digest, policy.wrapped_key_seen)
    if info.oid == oids.AUTH_ENVELOPED_DATA:
        yield from _read_authenticated(source, content, cipher, recipient)
    else:
        kind = AppendedTagOpener if cipher.algorithm.authenticates else PaddedOpener
        opener: Opener = kind(cipher, recipient.unwrap(cipher.algorithm.key_size))
        yield from _clear_octets(source, content, opener)
    # Attributes, which are not protected and say nothing.
    yield from info.skip_rest(source, outer, start, limits.recipients_size)
    return EnvelopedFacts(
        cipher.algorithm,
        recipient.transport,
        recipient.key.certificate.fingerprint,
        wrapped_digest,
    )


def _read_recipient_infos(source: Source, limits: Limits) -> Wait[Node]:
    """Read version, originatorInfo and recipientInfos; only the last say anything."""
    yield from ber.read_whole(source, ber.INTEGER, _MAX_VERSION)
    header = yield from ber.read_header(source)
    if header.tag == ber.CONTEXT:
        yield from ber.read_element(source, header, limits.recipients_size)
        header = yield from ber.read_header(source)
    return (yield from ber.read_element(source, header.open(ber.SET), limits.recipients_size))


def _read_authenticated(
    source: Source, content: ber.Header, cipher: ContentCipher, recipient: Recipient
) -> Parser[bytes, None]:
    """Read the octets, then attributes and the tag over both (RFC 5083 §2.1)."""
    if not cipher.algorithm.authenticates:
        raise DecryptionFailed(f"{cipher.algorithm} in an AuthEnvelopedData")
    opener = TaggedOpener(cipher, recipient.unwrap(cipher.algorithm.key_size))
    yield from _clear_octets(source, content, opener)
    attributes = b""
    header = yield from ber.read_header(source)
    if header.tag == ber.CONTEXT + 1:
        node = yield from ber.read_element(source, header, _MAX_ATTRIBUTES)
        attributes = signed_form(node.children)
        header = yield from ber.read_header(source)
    tag = yield from ber.read_element(source, header.expect(ber.OCTET_STRING), _MAX_TAG)
    opener.verify(tag.octets(), attributes)


def _clear_octets(source: Source, content: ber.Header, opener: Opener) -> Parser[bytes, None]:
    string = (yield from ber.read_header(source)).expect(ber.CONTEXT)
    clear = b""
    for piece in ber.read_octets(source, string):
        if piece is None:
            yield None
            continue
        # One piece late, so that the last one goes on together with the block that was held back.
        if clear:
            yield clear
        clear = opener.update(piece)
    try:
        rest = opener.finish()
    except DecryptionFailed:
        # What is inside takes its time all the same (threats R12).
        yield clear
        raise
    if clear or rest:
        yield clear + rest
    yield from ber.read_end(source, content)


# --- writing -------------------------------------------------------------------------------------


def encrypt(  # noqa: PLR0913, PLR0917  all that makes one EnvelopedData differ from another
    chunks: Iterable[bytes],
    length: int | None,
    to: Certificate,
    cipher: CipherAlgorithm,
    transport: KeyTransport,
    entropy: Callable[[int], bytes],
    *,
    append_tag: bool = False,
) -> Iterator[bytes]:
    """Write a ContentInfo: DER if the length of the clear octets is known.

    With EnvelopedData, or AuthEnvelopedData for a cipher that authenticates, unless its tag is to
    be appended to the octets. Raises ValueError for a certificate that cannot be encrypted to,
    and, while it is iterated, for chunks that are not ``length`` octets.
    """
    key = entropy(cipher.key_size)
    content_cipher = ContentCipher.new(cipher, entropy)
    tagged = cipher.authenticates and not append_tag
    frame = _frame(recipients.recipient_info(to, transport, key), content_cipher, tagged=tagged)
    sealer = Sealer(content_cipher, key)
    sealed_length = None if length is None else content_cipher.sealed_length(length)
    sealed: Iterator[bytes] = sealer.seal(counted(chunks, length))
    if tagged:
        return frame.write(sealed, sealed_length, lambda: der.octet_string(sealer.tag))
    if cipher.authenticates:
        sealed = _with_tag(sealed, sealer)
        sealed_length = None if sealed_length is None else sealed_length + content_cipher.tag_length
    return frame.write(sealed, sealed_length)


def _with_tag(sealed: Iterator[bytes], sealer: Sealer) -> Iterator[bytes]:
    yield from sealed
    yield sealer.tag


def encrypted_length(
    length: int,
    to: Certificate,
    cipher: CipherAlgorithm,
    transport: KeyTransport,
    *,
    append_tag: bool = False,
) -> int:
    """Octets that ``encrypt`` makes of ``length`` clear octets."""
    content_cipher = ContentCipher.new(cipher, bytes)
    info = bytes(recipients.recipient_info_length(to, transport))
    sealed_length = content_cipher.sealed_length(length)
    tagged = cipher.authenticates and not append_tag
    if append_tag:
        sealed_length += content_cipher.tag_length
    return _frame(info, content_cipher, tagged=tagged).length(sealed_length)


def _frame(recipient_info: bytes, cipher: ContentCipher, *, tagged: bool) -> Frame:
    content_type = oids.AUTH_ENVELOPED_DATA if tagged else oids.ENVELOPED_DATA
    return Frame(
        (
            (der.SEQUENCE, der.oid(content_type)),
            (der.CONTEXT | der.CONSTRUCTED, b""),
            # version 0 goes with recipients of version 0 and nothing optional (RFC 5652 §6.1)
            (der.SEQUENCE, der.integer(0) + der.set_of([recipient_info])),
            (der.SEQUENCE, der.oid(oids.DATA) + cipher.identifier),
        ),
        der.CONTEXT,
        len(der.octet_string(bytes(cipher.tag_length))) if tagged else 0,
    )
