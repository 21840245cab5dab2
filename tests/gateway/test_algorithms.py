import hashlib

import pytest

from as2gateway.algorithms import (
    KEPT_DIGESTS,
    CipherAlgorithm,
    DigestAlgorithm,
)
from as2gateway.headers import Headers
from as2gateway.mic import MIC
from as2gateway.mime import ContentType
from as2gateway.request import read_request

MD5, SHA1, SHA224 = DigestAlgorithm.MD5, DigestAlgorithm.SHA1, DigestAlgorithm.SHA224
SHA256, SHA384, SHA512 = DigestAlgorithm.SHA256, DigestAlgorithm.SHA384, DigestAlgorithm.SHA512

SPELLINGS = [
    ("md5", MD5), ("RSA-MD5", MD5),
    ("sha1", SHA1), ("SHA-1", SHA1), ("sha", SHA1), ("rsa-sha1", SHA1),
    ("sha224", SHA224), ("sha-224", SHA224),
    ("sha256", SHA256), ("SHA-256", SHA256), ("sha2-256", SHA256), ("sha2_256", SHA256),
    ("sha_256", SHA256), ("rsa-sha256", SHA256),
    ("sha384", SHA384), ("sha-384", SHA384), ("sha2-384", SHA384), ("Sha2_384", SHA384),
    ("sha_384", SHA384), ("rsa-sha384", SHA384),
    ("sha512", SHA512), ("sha-512", SHA512), ("sha2-512", SHA512), ("sha2_512", SHA512),
    ("SHA_512", SHA512), ("RSA-SHA512", SHA512),
]  # fmt: skip


@pytest.mark.parametrize(("spelling", "digest"), SPELLINGS)
def test_each_spelling_is_known_in_a_micalg(spelling: str, digest: DigestAlgorithm) -> None:
    for value in (spelling, f'"{spelling}"'):
        content_type = ContentType.parse(f"multipart/signed; micalg={value}; boundary=x")
        assert DigestAlgorithm.parse(content_type.get("micalg") or "") is digest


@pytest.mark.parametrize(("spelling", "digest"), SPELLINGS)
def test_each_spelling_is_known_in_a_mic(spelling: str, digest: DigestAlgorithm) -> None:
    for value in (f"QUJD, {spelling}", f"QUJD,{spelling} ", f'QUJD , "{spelling}"'):
        assert MIC.parse(value) == MIC(b"ABC", digest)


@pytest.mark.parametrize(("spelling", "digest"), SPELLINGS)
def test_each_spelling_is_known_in_the_mdn_options(spelling: str, digest: DigestAlgorithm) -> None:
    fields = {"AS2-From": "A", "AS2-To": "B", "Disposition-Notification-To": "x"}
    options = f"signed-receipt-micalg=optional, {spelling}"
    headers = Headers((*fields.items(), ("Disposition-Notification-Options", options)))
    asked = read_request(headers).mdn
    assert asked is not None
    # MD5 is known and never made.
    assert (asked.digest, asked.failure is None) == (
        (None, False) if digest is MD5 else (digest, True)
    )


@pytest.mark.parametrize(
    "name", ["", "sha3", "sha-2", "sha1024", "sha-25", "rsa", "md4", "xsha1", "sha1 md5", "sha--1"]
)
def test_other_names_are_unknown(name: str) -> None:
    with pytest.raises(ValueError, match="unknown digest"):
        DigestAlgorithm.parse(name)


@pytest.mark.parametrize("digest", DigestAlgorithm)
def test_a_digest_is_what_its_name_says(digest: DigestAlgorithm) -> None:
    running = digest.new()
    running.update(b"abc")
    reference = hashlib.new(digest.replace("-", ""), b"abc")
    assert running.digest() == reference.digest()
    assert digest.size == digest.hash.digest_size == reference.digest_size
    assert DigestAlgorithm.parse(digest.wire_name) is digest
    assert DigestAlgorithm.of_size(digest.size) is digest


def test_no_digest_has_another_size() -> None:
    with pytest.raises(ValueError, match="17 bytes"):
        DigestAlgorithm.of_size(17)


def test_emitted_names_are_those_that_partners_know() -> None:
    names = [digest.wire_name for digest in KEPT_DIGESTS]
    assert names == ["sha1", "sha-256", "sha-384", "sha-512"]


@pytest.mark.parametrize(
    ("cipher", "key", "block"),
    [
        (CipherAlgorithm.AES128_CBC, 16, 16),
        (CipherAlgorithm.AES192_CBC, 24, 16),
        (CipherAlgorithm.AES256_CBC, 32, 16),
        (CipherAlgorithm.AES128_GCM, 16, 16),
        (CipherAlgorithm.AES192_GCM, 24, 16),
        (CipherAlgorithm.AES256_GCM, 32, 16),
        (CipherAlgorithm.TRIPLE_DES_CBC, 24, 8),
    ],
)
def test_ciphers_have_their_sizes(cipher: CipherAlgorithm, key: int, block: int) -> None:
    assert (cipher.key_size, cipher.block_size) == (key, block)


def test_object_identifiers_are_distinct() -> None:
    assert len({each.oid for each in (*DigestAlgorithm, *CipherAlgorithm)}) == 13
