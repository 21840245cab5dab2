"""Signed content, against messages made by openssl: what comes out is what openssl signed."""

import pytest

from as2gateway.events import Accepted, Reading, Rejected
from as2gateway.headers import Headers
from as2gateway.policy import InboundPolicy, Limits
from as2gateway.signed_content import SignedContentReceiver
from tests.gateway.reading import OPEN
from tests.gateway.splits import SPLITS, Split
from tests.gateway.wrapping import (
    THEIRS,
    Entity,
    compressed,
    document,
    encrypted,
    opaque,
    signed,
)
from tests.openssl import cms_verify


def taken(
    entity: Entity, split: Split, policy: InboundPolicy = OPEN
) -> tuple[bytes, bytes, Accepted | Rejected]:
    """Read as many times as the verdict asks for; the content, the signature, the verdict."""
    reading: Reading | None = Reading()
    while reading is not None:
        content = bytearray()
        receiver = SignedContentReceiver(
            Headers(entity.headers.fields), policy, Limits(), reading, content.extend
        )
        for piece in split(entity.body):
            list(receiver.feed(piece))
        last, verdict = receiver.close()
        list(last)
        reading = verdict.second_reading if isinstance(verdict, Rejected) else None
    return bytes(content), receiver.signature, verdict


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize(
    ("entity", "content"),
    [
        (signed(document()), document()),
        (encrypted(signed(document())), document()),
        (encrypted(compressed(signed(document()))), document()),
        (encrypted(signed(compressed(document()))), compressed(document())),
        (signed(document(encoding="base64")), document(encoding="base64")),
    ],
    ids=["signed", "encrypted", "compressed outside", "compressed inside", "base64"],
)
def test_the_octets_are_those_that_openssl_signed(
    entity: Entity, content: Entity, split: Split
) -> None:
    octets, signature, verdict = taken(entity, split)
    assert isinstance(verdict, Accepted)
    assert octets == content.octets
    assert cms_verify(signature, THEIRS.certificate, octets) == octets


@pytest.mark.parametrize("split", SPLITS)
def test_line_ends_that_were_changed_on_the_way_come_as_they_were_signed(split: Split) -> None:
    inside = Entity(("Content-Type: text/plain",), b"one\r\ntwo\r\n")
    entity = signed(inside)
    changed = Entity(
        entity.fields, entity.body.replace(inside.octets, b"Content-Type: text/plain\n\none\ntwo\n")
    )
    octets, signature, verdict = taken(changed, split)
    assert isinstance(verdict, Accepted)
    assert cms_verify(signature, THEIRS.certificate, octets) == octets == inside.octets


def test_of_a_signature_within_another_the_outer_one_counts() -> None:
    inner = signed(document())
    octets, signature, verdict = taken(signed(inner), SPLITS[1])
    assert isinstance(verdict, Accepted)
    assert cms_verify(signature, THEIRS.certificate, octets) == octets == inner.octets


@pytest.mark.parametrize("entity", [document(), encrypted(document()), opaque(document())])
def test_without_a_signature_beside_it_nothing_comes_out(entity: Entity) -> None:
    octets, signature, verdict = taken(entity, SPLITS[2])
    assert isinstance(verdict, Accepted)
    assert (octets, signature) == (b"", b"")


def test_a_forged_message_is_rejected_as_by_any_receiver() -> None:
    entity = signed(document())
    forged = Entity(entity.fields, entity.body.replace(b"GS*PO", b"GS*IN"))
    _octets, _signature, verdict = taken(forged, SPLITS[2])
    assert isinstance(verdict, Rejected)
