"""EnvelopedData as a stream: RFC 5652, section 6.

Whatever is wrong inside one, the answer is DecryptionFailed, and it comes when all octets have been
read (threats R12, CMS-32). Clear octets are given out before it is known that nothing is wrong.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import (
    BlockCipherAlgorithm,
    Cipher,
    CipherContext,
    algorithms,
    modes,
)

from as2gateway import ber, der
from as2gateway.algorithms import CipherAlgorithm, KeyTransport
from as2gateway.ber import Node
from as2gateway.certificates import Certificate
from as2gateway.cms import oids, recipients
from as2gateway.cms.content import ContentInfo, Frame, counted, read_oid
from as2gateway.errors import AS2Error, DecryptionFailed
from as2gateway.policy import DecryptionKey, Limits
from as2gateway.stream import Parser, Source, Wait

#: octets of a version, and of an AlgorithmIdentifier with its initialization vector
_MAX_VERSION = 16
_MAX_ALGORITHM = 1024

#: what encrypts one block under a key of the right length
_BLOCK_CIPHERS: Mapping[CipherAlgorithm, Callable[[bytes], BlockCipherAlgorithm]] = (
    MappingProxyType(
        {
            CipherAlgorithm.AES128_CBC: algorithms.AES,
            CipherAlgorithm.AES192_CBC: algorithms.AES,
            CipherAlgorithm.AES256_CBC: algorithms.AES,
            CipherAlgorithm.TRIPLE_DES_CBC: TripleDES,
        }
    )
)

_CIPHERS: Mapping[bytes, CipherAlgorithm] = MappingProxyType(
    {der.oid_contents(cipher.oid): cipher for cipher in CipherAlgorithm}
)


@dataclass(frozen=True, slots=True)
class EnvelopedFacts:
    """How a message was encrypted, and for whom."""

    cipher: CipherAlgorithm
    key_transport: KeyTransport
    #: of the certificate of ours that it was encrypted to
    certificate_fingerprint: str
    #: SHA-256 of the wrapped content key: an honest sender never repeats one (threats R14)
    wrapped_key_digest: bytes


# --- reading -------------------------------------------------------------------------------------


def decrypt(
    source: Source,
    keys: tuple[DecryptionKey, ...],
    ciphers: frozenset[CipherAlgorithm],
    limits: Limits,
    info: ContentInfo,
) -> Parser[bytes, EnvelopedFacts]:
    """Give out the clear octets; ``info`` is what ``read_content_info`` returned.

    At most one operation of one private key is made. Raises DecryptionFailed and nothing else, once
    the source has ended.
    """
    try:
        facts = yield from _decrypt(source, keys, ciphers, limits)
        yield from info.close(source)
    except AS2Error as error:
        fault = error
    else:
        return facts
    while (yield from source.some()):
        pass
    raise DecryptionFailed(fault.reason) from fault


def _decrypt(
    source: Source,
    keys: tuple[DecryptionKey, ...],
    ciphers: frozenset[CipherAlgorithm],
    limits: Limits,
) -> Parser[bytes, EnvelopedFacts]:
    outer = (yield from ber.read_header(source)).open(ber.SEQUENCE)
    infos = yield from _read_recipient_infos(source, limits)
    content = (yield from ber.read_header(source)).open(ber.SEQUENCE)
    # What is inside is MIME, whatever the type says (CMS-34).
    yield from read_oid(source)
    header = yield from ber.read_header(source)
    parameters = yield from ber.read_element(source, header, _MAX_ALGORITHM)
    cipher, vector = _read_cipher(parameters, ciphers)
    recipient = recipients.choose(infos, keys, limits.recipients)
    context = _cipher(cipher, recipient.unwrap(cipher.key_size), vector).decryptor()
    string = (yield from ber.read_header(source)).expect(ber.CONTEXT)
    yield from _clear_octets(ber.read_octets(source, string), context, cipher.block_size)
    yield from ber.read_end(source, content)
    yield from ber.skip_rest(source, outer, limits.recipients_size)
    return EnvelopedFacts(
        cipher,
        recipient.transport,
        recipient.key.certificate.fingerprint,
        recipient.wrapped_digest,
    )


def _read_recipient_infos(source: Source, limits: Limits) -> Wait[Node]:
    """Read version, originatorInfo and recipientInfos; only the last say anything."""
    header = (yield from ber.read_header(source)).expect(ber.INTEGER)
    yield from ber.read_element(source, header, _MAX_VERSION)
    header = yield from ber.read_header(source)
    if header.tag == ber.CONTEXT:
        yield from ber.read_element(source, header, limits.recipients_size)
        header = yield from ber.read_header(source)
    return (yield from ber.read_element(source, header.open(ber.SET), limits.recipients_size))


def _read_cipher(
    identifier: Node, allowed: frozenset[CipherAlgorithm]
) -> tuple[CipherAlgorithm, bytes]:
    fields = identifier.expect(ber.SEQUENCE).fields()
    name = fields.take(ber.OID).content
    cipher = _CIPHERS.get(name)
    if cipher is None or cipher not in allowed:
        raise DecryptionFailed(f"the cipher {cipher or ber.dotted(name)} is not allowed")
    vector = fields.take(ber.OCTET_STRING).octets()
    if len(vector) != cipher.block_size:
        raise DecryptionFailed(f"an initialization vector of {len(vector)} octets")
    return cipher, vector


def _cipher(cipher: CipherAlgorithm, key: bytes, vector: bytes) -> Cipher[modes.CBC]:
    return Cipher(_BLOCK_CIPHERS[cipher](key), modes.CBC(vector))


def _clear_octets(
    sealed: Parser[bytes, None], context: CipherContext, block: int
) -> Parser[bytes, None]:
    """Decrypt; the last block is held back, for it holds the padding (RFC 5652 §6.3)."""
    held = b""
    for piece in sealed:
        if piece is None:
            yield None
            continue
        clear = held + context.update(piece)
        held = clear[-block:]
        if len(clear) > block:
            yield clear[:-block]
    try:
        context.finalize()
    except ValueError as error:
        raise DecryptionFailed("the encrypted octets are no whole number of blocks") from error
    count = held[-1] if held else 0
    if not 1 <= count <= block or not held.endswith(bytes((count,)) * count):
        raise DecryptionFailed("the padding is wrong: another key, or damaged octets")
    if count < block:
        yield held[:-count]


# --- writing -------------------------------------------------------------------------------------


def encrypt(  # noqa: PLR0913, PLR0917  all that makes one EnvelopedData differ from another
    chunks: Iterable[bytes],
    length: int | None,
    to: Certificate,
    cipher: CipherAlgorithm,
    transport: KeyTransport,
    entropy: Callable[[int], bytes],
) -> Iterator[bytes]:
    """Write a ContentInfo with EnvelopedData: DER if the length of the clear octets is known.

    Raises ValueError for a certificate that cannot be encrypted to, and, while it is iterated, for
    chunks that are not ``length`` octets.
    """
    key, vector = entropy(cipher.key_size), entropy(cipher.block_size)
    frame = _frame(recipients.recipient_info(to, transport, key), cipher, vector)
    context = _cipher(cipher, key, vector).encryptor()
    sealed = _sealed_octets(counted(chunks, length), context, cipher.block_size)
    return frame.write(sealed, None if length is None else _padded(length, cipher))


def encrypted_length(
    length: int, to: Certificate, cipher: CipherAlgorithm, transport: KeyTransport
) -> int:
    """Octets that ``encrypt`` makes of ``length`` clear octets."""
    info = bytes(recipients.recipient_info_length(to, transport))
    frame = _frame(info, cipher, bytes(cipher.block_size))
    return frame.length(_padded(length, cipher))


def _padded(length: int, cipher: CipherAlgorithm) -> int:
    return (length // cipher.block_size + 1) * cipher.block_size


def _frame(recipient_info: bytes, cipher: CipherAlgorithm, vector: bytes) -> Frame:
    algorithm = der.sequence(der.oid(cipher.oid), der.octet_string(vector))
    return Frame(
        (
            (der.SEQUENCE, der.oid(oids.ENVELOPED_DATA)),
            (der.CONTEXT | der.CONSTRUCTED, b""),
            # version 0 goes with recipients of version 0 and nothing optional (RFC 5652 §6.1)
            (der.SEQUENCE, der.integer(0) + der.set_of([recipient_info])),
            (der.SEQUENCE, der.oid(oids.DATA) + algorithm),
        ),
        der.CONTEXT,
    )


def _sealed_octets(
    chunks: Iterable[bytes], context: CipherContext, block: int
) -> Generator[bytes, None, None]:
    length = 0
    for chunk in chunks:
        length += len(chunk)
        yield context.update(chunk)
    count = block - length % block
    yield context.update(bytes((count,)) * count) + context.finalize()
