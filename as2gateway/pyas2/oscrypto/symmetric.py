"""CBC with padding, as ``(vector, octets)`` one way and octets the other: RFC 5652 section 6.3."""

import os

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import BlockCipherAlgorithm, Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7


def aes_cbc_pkcs7_encrypt(key: bytes, data: bytes, iv: bytes | None) -> tuple[bytes, bytes]:
    """Encrypt under a vector, or a new one."""
    return _encrypt(algorithms.AES(key), data, iv)


def aes_cbc_pkcs7_decrypt(key: bytes, data: bytes, iv: bytes) -> bytes:
    """Decrypt. Raises ValueError for a wrong padding or length."""
    return _decrypt(algorithms.AES(key), data, iv)


def tripledes_cbc_pkcs5_encrypt(key: bytes, data: bytes, iv: bytes | None) -> tuple[bytes, bytes]:
    """Encrypt under a vector, or a new one."""
    return _encrypt(TripleDES(key), data, iv)


def tripledes_cbc_pkcs5_decrypt(key: bytes, data: bytes, iv: bytes) -> bytes:
    """Decrypt. Raises ValueError for a wrong padding or length."""
    return _decrypt(TripleDES(key), data, iv)


def _encrypt(cipher: BlockCipherAlgorithm, data: bytes, iv: bytes | None) -> tuple[bytes, bytes]:
    vector = iv or os.urandom(cipher.block_size // 8)
    padder = PKCS7(cipher.block_size).padder()
    context = Cipher(cipher, modes.CBC(vector)).encryptor()
    sealed = context.update(padder.update(data)) + context.update(padder.finalize())
    return vector, sealed + context.finalize()


def _decrypt(cipher: BlockCipherAlgorithm, data: bytes, iv: bytes) -> bytes:
    context = Cipher(cipher, modes.CBC(iv)).decryptor()
    unpadder = PKCS7(cipher.block_size).unpadder()
    clear = unpadder.update(context.update(data) + context.finalize())
    return clear + unpadder.finalize()
