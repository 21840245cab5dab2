"""MDNs inside layers that AS2 does not foresee are read if they open, and refused if not."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from as2gateway.errors import AuthenticationFailed, MalformedMDN
from as2gateway.headers import Headers
from as2gateway.mdn import UnverifiedMDN, read_mdn, verify_mdn
from as2gateway.policy import Limits
from tests.gateway.mdns import (
    EXPECTED,
    EXPECTED_UNSIGNED,
    REPORT,
    REPORT_TYPE,
    SIGNED_TYPE,
    sign,
)
from tests.gateway.reading import STRICT
from tests.gateway.wrapping import OURS, Entity, compressed, encrypted, opaque, pkcs7
from tests.openssl import identity

NAMES = ("AS2-From: THEM", "AS2-To: US")
SIGNER = identity("partner")  # whose key EXPECTED expects
UNSIGNED = Entity((f"Content-Type: {REPORT_TYPE}",), REPORT)
SIGNED = Entity((f"Content-Type: {SIGNED_TYPE}",), sign())


def opened(entity: Entity, limits: Limits | None = None) -> UnverifiedMDN:
    headers = Headers.parse("\r\n".join((*entity.fields, *NAMES)).encode())
    return read_mdn(headers, entity.body, limits or Limits(), STRICT)


@pytest.mark.parametrize(
    "entity",
    [
        SIGNED,
        encrypted(SIGNED),
        encrypted(SIGNED, OURS, "-aes-128-gcm"),
        compressed(SIGNED),
        encrypted(compressed(SIGNED)),
    ],
)
def test_a_signed_mdn_is_read_in_any_layers(entity: Entity) -> None:
    mdn = opened(entity)
    assert mdn.signed
    assert (mdn.as2_from, mdn.as2_to) == ("THEM", "US")
    verify_mdn(mdn, EXPECTED)


def test_an_unsigned_mdn_may_be_encrypted() -> None:
    mdn = opened(encrypted(UNSIGNED))
    assert not mdn.signed
    verify_mdn(mdn, EXPECTED_UNSIGNED)


@pytest.mark.parametrize("outside", [None, encrypted, compressed])
def test_an_opaque_signature_counts(outside: Callable[[Entity], Entity] | None) -> None:
    entity = opaque(UNSIGNED, SIGNER)
    mdn = opened(outside(entity) if outside else entity)
    assert mdn.signed
    verify_mdn(mdn, EXPECTED)
    with pytest.raises(AuthenticationFailed):
        verify_mdn(mdn, replace(EXPECTED, certificates=(OURS.certificate,)))


@pytest.mark.parametrize(
    ("entity", "words"),
    [
        (encrypted(SIGNED, identity("somebody else")), "does not open"),
        (pkcs7("compressed-data", b"\x30\x00"), "does not open"),
        (pkcs7("compressed-data", b"nothing"), "does not open"),
        (opaque(compressed(UNSIGNED)), "a layer inside its signature"),
        (compressed(compressed(compressed(UNSIGNED))), "more than 2 layers"),
        (pkcs7("data", bytes.fromhex("301106092a864886f70d010701a00404026869")), "not supported"),
    ],
)
def test_what_does_not_open_is_no_mdn(entity: Entity, words: str) -> None:
    with pytest.raises(MalformedMDN, match=words):
        opened(entity, Limits(depth=2))


def test_without_a_policy_nothing_is_opened() -> None:
    entity = encrypted(SIGNED)
    with pytest.raises(MalformedMDN):
        read_mdn(entity.headers, entity.body, Limits())
