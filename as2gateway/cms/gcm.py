"""AES-GCM as a stream: RFC 5084, and NIST SP 800-38D for what is inside it.

CMS puts the attributes that GCM authenticates behind the octets that it encrypts; GCM wants them
before. Its checksum is linear, so it is taken without them, and what they would have added to it is
added to the tag that is due.
"""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

#: RFC 5084 §3.2: the lengths of a tag
TAG_LENGTHS = range(12, 17)
#: lengths of a nonce that OpenSSL takes; RFC 5084 recommends 12
NONCE_LENGTHS = range(8, 129)

#: octets of a block
_BLOCK = 16
#: x^128 + x^7 + x^2 + x + 1, the bits in GCM's order (SP 800-38D §6.3)
_POLYNOMIAL = 0xE1 << 120
_BITS = 128


class Opener:
    """Decrypts octets and finds out, at their end, whether they are what was encrypted."""

    def __init__(self, key: bytes, nonce: bytes, tag_length: int) -> None:
        mode = modes.GCM(nonce, None, min_tag_length=tag_length)
        self._key = key
        self._context = Cipher(algorithms.AES(key), mode).decryptor()
        self._count = 0

    def update(self, data: bytes) -> bytes:
        """Take the next octets. Raises ValueError for more than GCM can (64 GiB)."""
        self._count += len(data)
        return self._context.update(data)

    def verify(self, tag: bytes, authenticated: bytes = b"") -> bool:
        """Whether all octets, and those that are only authenticated, are genuine. Call once."""
        if authenticated:
            tag = _xor(tag, self._share(authenticated))
        try:
            self._context.finalize_with_tag(tag)
        except InvalidTag:
            return False
        return True

    def _share(self, authenticated: bytes) -> bytes:
        """What these octets, had they come first, would have added to the checksum."""
        ecb = Cipher(algorithms.AES(self._key), modes.ECB()).encryptor()  # noqa: S305  of zeros: this is GCM's hash key
        hash_key = int.from_bytes(ecb.update(bytes(_BLOCK)))
        state = 0
        for at in range(0, len(authenticated), _BLOCK):
            block = authenticated[at : at + _BLOCK].ljust(_BLOCK, b"\0")
            state = _times(state ^ int.from_bytes(block), hash_key)
        # It passes through each block of the encrypted octets, and that of the lengths.
        after = -(-self._count // _BLOCK) + 1
        lengths = len(authenticated) * 8 << 64
        share = _times(state, _power(hash_key, after)) ^ _times(lengths, hash_key)
        return share.to_bytes(_BLOCK)


def _times(one: int, other: int) -> int:
    """Multiply in GCM's field (SP 800-38D §6.3)."""
    product = 0
    for bit in range(_BITS - 1, -1, -1):
        if one >> bit & 1:
            product ^= other
        other = other >> 1 ^ (_POLYNOMIAL if other & 1 else 0)
    return product


def _power(base: int, exponent: int) -> int:
    power = 1 << (_BITS - 1)  # the one of this field
    while exponent:
        if exponent & 1:
            power = _times(power, base)
        base = _times(base, base)
        exponent >>= 1
    return power


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=False))
