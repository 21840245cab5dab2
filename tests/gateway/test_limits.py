"""Each limit, at the limit and one beyond it; messages are openssl's, ``wrapping`` cut the MIME.

Those of HTTP's header and body are in ``tests.messages.test_intake``.
"""

import zlib
from dataclasses import fields, replace
from functools import cache

import pytest

from as2gateway import ber
from as2gateway.errors import MalformedMDN
from as2gateway.events import Rejected, Verdict
from as2gateway.mdn import read_mdn
from as2gateway.policy import Limits
from tests.gateway import mdns
from tests.gateway.reading import OPEN, read, read_entity
from tests.gateway.wrapping import (
    OURS,
    THEIRS,
    Entity,
    compressed,
    compressed_data,
    document,
    encrypted,
    multipart,
    opaque,
    pkcs7,
    signature,
    signed,
)
from tests.openssl import cms_encrypt, identity

SHORT = document(b"x" * 400)


@cache
def to_several() -> bytes:
    others = [identity(f"other{number}", key_of="other").certificate for number in range(3)]
    return cms_encrypt(SHORT.octets, [*others, OURS.certificate], "-aes128")


@cache
def signature_of_document() -> bytes:
    return signature(SHORT.octets)


def several_parts(count: int) -> Entity:
    part = b"--AAA\r\nContent-Type: text/plain\r\n\r\nx\r\n"
    return Entity(("Content-Type: multipart/related; boundary=AAA",), part * count + b"--AAA--\r\n")


def packed_zeros() -> bytes:
    return zlib.compress(b"\r\n" + bytes(100_000), 9)


def message(limit: str) -> Entity:
    """A message that just keeps one limit."""
    if limit == "depth":
        return signed(compressed(SHORT))
    if limit in {"recipients", "recipients_size"}:
        return pkcs7("enveloped-data", to_several())
    if limit == "attachments":
        return several_parts(3)
    if limit in {"ratio", "ratio_from", "decompressed"}:
        return pkcs7("compressed-data", compressed_data(packed_zeros()))
    if limit == "signature":
        return multipart(SHORT.octets, signature_of_document())
    return signed(SHORT)


def bound(limit: str) -> int:
    """The least value of a limit that takes its message."""
    unpacked = len(zlib.decompress(packed_zeros()))
    return {
        "depth": 2,
        "recipients": 4,
        "recipients_size": len(ber.parse(to_several()).children[1].only_child().children[1].raw),
        "attachments": 3,
        "ratio": -(-unpacked // len(packed_zeros())),
        "ratio_from": unpacked,
        "decompressed": unpacked,
        "signature": len(signature_of_document().partition(b"\r\n\r\n")[2]),
        "signers": 1,
        "rsa_bits": 2048,
    }[limit]


def verdict(limit: str, value: int) -> Verdict:
    # A ratio counts from a size on, and that size where the ratio is passed.
    other = {"ratio": {"ratio_from": 0}, "ratio_from": {"ratio": 1}}.get(limit, {})
    limits = replace(Limits(), **{limit: value, **other})
    return read_entity(message(limit), OPEN, limits=limits)[1]


#: the others have tests of their own: below, and certificate exchanges in ``test_exchanges``
STREAMED = [
    each.name for each in fields(Limits) if each.name not in {"mdn", "whole_message", "exchange"}
]


@pytest.mark.parametrize("limit", STREAMED)
def test_a_message_at_the_limit_is_taken(limit: str) -> None:
    found = verdict(limit, bound(limit))
    assert not isinstance(found, Rejected), found


@pytest.mark.parametrize("limit", STREAMED)
def test_a_message_one_beyond_the_limit_is_refused(limit: str) -> None:
    found = verdict(limit, bound(limit) - 1)
    assert isinstance(found, Rejected)
    assert "allowed" in found.error.reason or "more than" in found.error.reason


@pytest.mark.parametrize("engine", ["native", "pyas2lib"])
def test_a_key_at_the_limit_verifies_and_a_longer_one_does_not(engine: str) -> None:
    for bits, refused in ((2048, False), (2047, True)):
        limits = replace(Limits(), rsa_bits=bits)
        entity = signed(SHORT, THEIRS)
        found = read(entity.headers, [entity.body], OPEN, limits=limits, engine=engine)[1]
        assert isinstance(found, Rejected) is refused


def test_a_whole_message_engine_takes_the_limit_and_no_octet_more() -> None:
    entity = opaque(SHORT)
    for less, refused in ((0, False), (1, True)):
        limits = replace(Limits(), whole_message=len(entity.body) - less)
        found = read(entity.headers, [entity.body], OPEN, limits=limits, engine="pyas2lib")[1]
        assert isinstance(found, Rejected) is refused


def test_an_mdn_at_the_limit_is_read_and_a_longer_one_is_not() -> None:
    body = mdns.sign()
    headers = mdns.http(mdns.SIGNED_TYPE)
    assert read_mdn(headers, body, replace(Limits(), mdn=len(body))).signed
    with pytest.raises(MalformedMDN, match="allowed"):
        read_mdn(headers, body, replace(Limits(), mdn=len(body) - 1))


def test_an_encrypted_message_keeps_its_limits_too() -> None:
    found = read_entity(encrypted(several_parts(4)), OPEN, limits=replace(Limits(), attachments=3))[
        1
    ]
    assert isinstance(found, Rejected)
