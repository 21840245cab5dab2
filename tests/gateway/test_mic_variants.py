"""MICs over other octets are known for what they are, where a connection forgives them."""

import hashlib
import zlib
from collections.abc import Iterator
from dataclasses import replace

import pytest

from as2gateway.algorithms import (
    ALL_DIGESTS_SIZE,
    KEPT_DIGESTS,
    LIKELY_DIGESTS,
    CipherAlgorithm,
    Compression,
    DigestAlgorithm,
)
from as2gateway.mic import MIC
from as2gateway.mic_variants import matched_variant, mic_again
from as2gateway.policy import OutboundPolicy, PayloadInfo
from as2gateway.quirks import MICVariant, Quirks
from tests.gateway.test_send import PLAIN, POLICY, compose

PAYLOAD = b"ISA*00*\r\nGS*PO\nSE*1\r\r\n\n\r"
HEAD = b"Content-Type: application/EDI-X12\r\nContent-Transfer-Encoding: binary\r\n\r\n"
ALL = Quirks(mic_tolerances=frozenset(MICVariant))


def matched(
    octets: bytes, policy: OutboundPolicy, *, quirks: Quirks = ALL, size: int = 3
) -> MICVariant | None:
    def pieces() -> Iterator[bytes]:
        for at in range(0, len(PAYLOAD), size):
            yield PAYLOAD[at : at + size]

    mic = MIC(hashlib.sha512(octets).digest(), DigestAlgorithm.SHA512)
    policy = replace(policy, quirks=quirks)
    return matched_variant(pieces, PayloadInfo(len(PAYLOAD)), policy, mic)


COMPRESSED = replace(PLAIN, compress=Compression.AFTER_SIGNING)


@pytest.mark.parametrize("size", [1, 2, 100])
@pytest.mark.parametrize(
    ("octets", "policy", "variant"),
    [
        (HEAD + PAYLOAD, PLAIN, MICVariant.ENTITY),
        (HEAD + PAYLOAD, POLICY, MICVariant.ENTITY),
        (PAYLOAD, COMPRESSED, MICVariant.BODY),
        (b"ISA*00*\nGS*PO\nSE*1\r\n\n\r", PLAIN, MICVariant.LF),
        (HEAD + b"ISA*00*\nGS*PO\nSE*1\r\n\n\r", POLICY, MICVariant.LF),
        (b"ISA*00*\r\nGS*PO\r\nSE*1\r\r\n\r\n\r", PLAIN, MICVariant.CRLF),
        (HEAD + b"ISA*00*\r\nGS*PO\r\nSE*1\r\r\n\r\n\r", COMPRESSED, MICVariant.CRLF),
        (b"something else", COMPRESSED, None),
        (b"", PLAIN, None),
    ],
)
def test_a_variant_is_found(
    octets: bytes, policy: OutboundPolicy, variant: MICVariant | None, size: int
) -> None:
    assert matched(octets, policy, size=size) is variant


@pytest.mark.parametrize("digest", KEPT_DIGESTS)
@pytest.mark.parametrize("sign", [None, DigestAlgorithm.SHA256])
@pytest.mark.parametrize("encrypt", [None, CipherAlgorithm.AES128_GCM])
@pytest.mark.parametrize("compress", Compression)
def test_the_mic_can_be_taken_again_in_any_digest(
    digest: DigestAlgorithm,
    sign: DigestAlgorithm | None,
    encrypt: CipherAlgorithm | None,
    compress: Compression,
) -> None:
    policy = replace(POLICY, sign=sign, encrypt=encrypt, compress=compress)
    for quirks in (Quirks(), Quirks(base64=True)):
        policy = replace(policy, quirks=quirks)
        _, _, composition = compose(policy, PAYLOAD)
        mic = mic_again([PAYLOAD], PayloadInfo(len(PAYLOAD)), policy, digest)
        assert mic == MIC(composition.mics[digest], digest)


@pytest.mark.parametrize(
    ("size", "sign", "kept"),
    [
        (ALL_DIGESTS_SIZE, None, {*KEPT_DIGESTS}),
        (ALL_DIGESTS_SIZE + 1, None, {*LIKELY_DIGESTS}),
        (ALL_DIGESTS_SIZE + 1, DigestAlgorithm.SHA1, {*LIKELY_DIGESTS}),
        (
            ALL_DIGESTS_SIZE + 1,
            DigestAlgorithm.SHA512,
            {*LIKELY_DIGESTS, DigestAlgorithm.SHA512},
        ),
    ],
)
def test_of_a_large_payload_only_likely_digests_are_kept(
    size: int, sign: DigestAlgorithm | None, kept: set[DigestAlgorithm]
) -> None:
    policy = replace(POLICY, sign=sign, encrypt=None)
    _, _, composition = compose(policy, bytes(size))
    assert {*composition.mics} == kept
    digest = DigestAlgorithm.SHA384
    mic = mic_again([bytes(size)], PayloadInfo(size), policy, digest)
    head = HEAD if sign else b""
    assert mic.digest == hashlib.sha384(head + bytes(size)).digest()


def test_the_mic_is_not_taken_of_another_payload() -> None:
    with pytest.raises(ValueError, match="bytes"):
        mic_again([b"x"], PayloadInfo(2), PLAIN, DigestAlgorithm.SHA384)


def test_the_compressed_octets_are_a_variant() -> None:
    _, body, _ = compose(COMPRESSED, PAYLOAD)
    assert zlib.compress(HEAD + PAYLOAD) in body
    assert matched(body, COMPRESSED) is MICVariant.COMPRESSED
    assert matched(body, PLAIN) is None


@pytest.mark.parametrize("variant", MICVariant)
def test_only_what_the_connection_forgives_is_looked_for(variant: MICVariant) -> None:
    others = Quirks(mic_tolerances=frozenset(MICVariant) - {variant})
    octets = {MICVariant.ENTITY: HEAD + PAYLOAD, MICVariant.BODY: PAYLOAD}.get(variant)
    if octets is None:
        octets = b"ISA*00*\nGS*PO\nSE*1\r\n\n\r"
        others = Quirks(mic_tolerances=frozenset({MICVariant.ENTITY, MICVariant.BODY}))
    assert matched(octets, PLAIN) is not None
    assert matched(octets, PLAIN, quirks=others) is None
    assert matched(octets, PLAIN, quirks=Quirks()) is None
