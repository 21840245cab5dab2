"""Reading a message as the gateway does: piece by piece, and again where the verdict says so."""

from collections.abc import Iterable
from dataclasses import replace

from as2gateway.algorithms import CipherAlgorithm, DigestAlgorithm
from as2gateway.engines import get_engine
from as2gateway.events import Accepted, Reading, Rejected, Verdict
from as2gateway.headers import Headers
from as2gateway.policy import DecryptionKey, InboundPolicy, Limits
from as2gateway.request import MDNRequest
from tests.gateway.wrapping import OURS, THEIRS, Entity

#: what a connection of ours that is set to the defaults asks for
STRICT = InboundPolicy(
    as2_from="THEM",
    as2_to="US",
    verify_with=(THEIRS.certificate,),
    decrypt_with=(DecryptionKey(OURS.rsa_key, OURS.certificate),),
)
#: the same, taking messages that are neither signed nor encrypted
OPEN = replace(STRICT, require_signature=False, require_encryption=False)
#: the same, with every algorithm that there is
LEGACY = replace(OPEN, digests=frozenset(DigestAlgorithm), ciphers=frozenset(CipherAlgorithm))

Read = tuple[bytes, Verdict]


def read(
    headers: Headers,
    pieces: Iterable[bytes],
    policy: InboundPolicy = STRICT,
    *,
    request: MDNRequest | None = None,
    limits: Limits | None = None,
    reading: Reading | None = None,
    engine: str = "native",
) -> Read:
    """One reading: what was given out, and the verdict."""
    receiver = get_engine(engine).receiver(
        headers, policy, request, limits or Limits(), reading or Reading()
    )
    payload = bytearray()
    for piece in pieces:
        for event in receiver.feed(piece):
            payload += event.data
    last, verdict = receiver.close()
    for event in last:
        payload += event.data
    return bytes(payload), verdict


def read_entity(
    entity: Entity, policy: InboundPolicy = STRICT, *, limits: Limits | None = None
) -> Read:
    """One reading of a message that came in one piece."""
    return read(entity.headers, [entity.body], policy, limits=limits)


def read_to_the_end(
    entity: Entity, policy: InboundPolicy = STRICT, *, engine: str = "native"
) -> Read:
    """As many readings as the verdicts ask for."""
    payload, verdict = read(entity.headers, [entity.body], policy, engine=engine)
    while isinstance(verdict, Rejected) and verdict.second_reading is not None:
        again = verdict.second_reading
        payload, verdict = read(entity.headers, [entity.body], policy, reading=again, engine=engine)
    return payload, verdict


def accepted(verdict: Verdict) -> Accepted:
    """The verdict, which is to be Accepted."""
    assert isinstance(verdict, Accepted), verdict
    return verdict


def rejected(verdict: Verdict) -> Rejected:
    """The verdict, which is to be Rejected."""
    assert isinstance(verdict, Rejected), verdict
    return verdict
