"""Content encryption: its AlgorithmIdentifier, opening and sealing. RFC 3370, RFC 5084."""

from collections.abc import Callable, Generator, Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple, Protocol

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import (
    AEADEncryptionContext,
    BlockCipherAlgorithm,
    Cipher,
    CipherContext,
    algorithms,
    modes,
)

from as2gateway import ber, der
from as2gateway.algorithms import CipherAlgorithm
from as2gateway.ber import Node
from as2gateway.cms import gcm
from as2gateway.errors import DecryptionFailed

#: tags as we write them
TAG_LENGTH = 16
#: tags of whoever does not say (RFC 5084 §3.2)
_DEFAULT_TAG_LENGTH = 12

_CIPHERS: Mapping[bytes, CipherAlgorithm] = MappingProxyType(
    {der.oid_contents(cipher.oid): cipher for cipher in CipherAlgorithm}
)


class ContentCipher(NamedTuple):
    """A cipher and its parameters."""

    algorithm: CipherAlgorithm
    #: initialization vector or nonce
    vector: bytes
    #: octets of the tag that authenticates; 0 for a cipher that does not
    tag_length: int = 0

    @classmethod
    def read(cls, identifier: Node, allowed: frozenset[CipherAlgorithm]) -> "ContentCipher":
        """Read an AlgorithmIdentifier. Raises DecryptionFailed, MalformedMessage."""
        fields = identifier.fields()
        name = fields.take(ber.OID).content
        algorithm = _CIPHERS.get(name)
        if algorithm is None or algorithm not in allowed:
            raise DecryptionFailed(f"the cipher {algorithm or ber.dotted(name)} is not allowed")
        if algorithm.authenticates:
            return _read_gcm(algorithm, fields.take(ber.SEQUENCE))
        vector = fields.take(ber.OCTET_STRING).octets()
        if len(vector) != algorithm.block_size:
            raise DecryptionFailed(f"an initialization vector of {len(vector)} octets")
        return cls(algorithm, vector)

    @classmethod
    def new(cls, algorithm: CipherAlgorithm, entropy: Callable[[int], bytes]) -> "ContentCipher":
        """A cipher to seal with."""
        tag_length = TAG_LENGTH if algorithm.authenticates else 0
        return cls(algorithm, entropy(algorithm.vector_size), tag_length)

    @property
    def identifier(self) -> bytes:
        """Its AlgorithmIdentifier in DER."""
        parameters = der.octet_string(self.vector)
        if self.algorithm.authenticates:
            parameters = der.sequence(parameters, der.integer(self.tag_length))
        return der.sequence(der.oid(self.algorithm.oid), parameters)

    def sealed_length(self, length: int) -> int:
        """Octets that it makes of ``length`` octets, without a tag."""
        if self.algorithm.authenticates:
            return length
        return (length // self.algorithm.block_size + 1) * self.algorithm.block_size


def _read_gcm(algorithm: CipherAlgorithm, parameters: Node) -> ContentCipher:
    fields = parameters.fields()
    nonce = fields.take(ber.OCTET_STRING).octets()
    tag_length = fields.optional(ber.INTEGER)
    length = tag_length.integer() if tag_length else _DEFAULT_TAG_LENGTH
    if length not in gcm.TAG_LENGTHS or len(nonce) not in gcm.NONCE_LENGTHS:
        raise DecryptionFailed(f"a tag of {length} octets, a nonce of {len(nonce)}")
    return ContentCipher(algorithm, nonce, length)


# --- opening -------------------------------------------------------------------------------------


class Opener(Protocol):
    """Decrypts octets as they come. What it gives out is unverified until ``finish``."""

    def update(self, data: bytes) -> bytes:
        """Take the next octets."""

    def finish(self) -> bytes:
        """Say that they are complete; the rest. Raises DecryptionFailed."""


class PaddedOpener:
    """CBC: the last block is held back, for it holds the padding (RFC 5652 §6.3)."""

    def __init__(self, cipher: ContentCipher, key: bytes) -> None:
        self._block = cipher.algorithm.block_size
        mode = modes.CBC(cipher.vector)
        self._context = Cipher(_BLOCK_CIPHERS[cipher.algorithm](key), mode).decryptor()
        self._held = b""

    def update(self, data: bytes) -> bytes:
        """Take the next octets."""
        clear = self._held + self._context.update(data)
        self._held = clear[-self._block :]
        return clear[: -self._block]

    def finish(self) -> bytes:
        """Say that they are complete; the rest. Raises DecryptionFailed."""
        try:
            self._context.finalize()
        except ValueError as error:
            raise DecryptionFailed("the encrypted octets are no whole number of blocks") from error
        held = self._held
        count = held[-1] if held else 0
        if not 1 <= count <= self._block or not held.endswith(bytes((count,)) * count):
            raise DecryptionFailed("the padding is wrong: another key, or damaged octets")
        return held[:-count]


class TaggedOpener:
    """GCM with its tag elsewhere: in the ``mac`` of an AuthEnvelopedData."""

    def __init__(self, cipher: ContentCipher, key: bytes) -> None:
        self._opener = gcm.Opener(key, cipher.vector, cipher.tag_length)
        self._tag_length = cipher.tag_length

    def update(self, data: bytes) -> bytes:
        """Take the next octets. Raises DecryptionFailed."""
        try:
            return self._opener.update(data)
        except ValueError as error:
            raise DecryptionFailed("more octets than AES-GCM can encrypt") from error

    def finish(self) -> bytes:
        """Say that they are complete; ``verify`` is still to be called."""
        return b""

    def verify(self, tag: bytes, authenticated: bytes = b"") -> None:
        """Raise DecryptionFailed unless the tag, of the length announced, is theirs."""
        if len(tag) != self._tag_length or not self._opener.verify(tag, authenticated):
            raise DecryptionFailed("the tag is wrong: another key, or damaged octets")


class AppendedTagOpener(TaggedOpener):
    """GCM with its tag behind the octets, in an EnvelopedData: phase2, by Bouncy Castle."""

    def __init__(self, cipher: ContentCipher, key: bytes) -> None:
        super().__init__(cipher, key)
        self._held = b""

    def update(self, data: bytes) -> bytes:
        """Take the next octets. Raises DecryptionFailed."""
        sealed = self._held + data
        self._held = sealed[-self._tag_length :]
        return super().update(sealed[: -self._tag_length])

    def finish(self) -> bytes:
        """Say that they are complete. Raises DecryptionFailed."""
        self.verify(self._held)
        return b""


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


# --- sealing -------------------------------------------------------------------------------------


class Sealer:
    """Encrypts octets; after the last one it has the tag, if there is one."""

    def __init__(self, cipher: ContentCipher, key: bytes) -> None:
        self._cipher = cipher
        self._key = key
        self._tag = b""

    @property
    def tag(self) -> bytes:
        """The tag; empty for a cipher without one, and before the end."""
        return self._tag

    def seal(self, chunks: Iterable[bytes]) -> Generator[bytes, None, None]:
        """The encrypted octets, to be read once."""
        if self._cipher.algorithm.authenticates:
            mode = modes.GCM(self._cipher.vector)
            return self._seal_tagged(chunks, Cipher(algorithms.AES(self._key), mode).encryptor())
        block_cipher = _BLOCK_CIPHERS[self._cipher.algorithm](self._key)
        context = Cipher(block_cipher, modes.CBC(self._cipher.vector)).encryptor()
        return self._seal_padded(chunks, context)

    def _seal_tagged(
        self, chunks: Iterable[bytes], context: AEADEncryptionContext
    ) -> Generator[bytes, None, None]:
        for chunk in chunks:
            yield context.update(chunk)
        context.finalize()
        self._tag = context.tag

    def _seal_padded(
        self, chunks: Iterable[bytes], context: CipherContext
    ) -> Generator[bytes, None, None]:
        block = self._cipher.algorithm.block_size
        length = 0
        for chunk in chunks:
            length += len(chunk)
            yield context.update(chunk)
        count = block - length % block
        yield context.update(bytes((count,)) * count) + context.finalize()
