"""MICs over other octets are known for what they are, where a connection forgives them."""

import hashlib
import zlib
from collections.abc import Iterator
from dataclasses import replace

import pytest

from as2gateway.algorithms import Compression, DigestAlgorithm
from as2gateway.mic import MIC
from as2gateway.mic_variants import matched_variant
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
