"""MICs taken when an MDN has come: in another digest (MIC-11), over other octets (MIC-12).

Both happen seldom, so nothing is kept for them: the payload is read again. Other octets than those
that are due count only as far as the connection's quirks forgive it.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType

from as2gateway.algorithms import Compression, DigestAlgorithm
from as2gateway.entities import Entity, compressed_entity, payload_entity
from as2gateway.mic import MIC, RunningDigests
from as2gateway.policy import OutboundPolicy, PayloadInfo
from as2gateway.quirks import NO_QUIRKS, MICVariant

_LINE_END = re.compile(rb"\r\n|\n")


def matched_variant(
    payload: Callable[[], Iterable[bytes]],
    info: PayloadInfo,
    policy: OutboundPolicy,
    returned: MIC,
) -> MICVariant | None:
    """The tolerated variant of which a returned MIC is the digest; None if it is of none.

    ``payload`` starts the payload anew each time; ``policy`` and ``info`` are those that the
    message was built by.
    """
    tolerated = policy.quirks.mic_tolerances
    if policy.compress is Compression.NONE:
        tolerated -= {MICVariant.COMPRESSED}
    for variant in sorted(tolerated):
        entity = payload_entity(payload(), info, policy.quirks)
        digests = RunningDigests((returned.algorithm,))
        for piece in _OCTETS[variant](entity, policy):
            digests.update(piece)
        if digests.mic(returned.algorithm) == returned:
            return variant
    return None


def mic_again(
    payload: Iterable[bytes], info: PayloadInfo, policy: OutboundPolicy, algorithm: DigestAlgorithm
) -> MIC:
    """The MIC that is due, in a digest that was not kept when the message was built.

    ``policy`` and ``info`` are those that it was built by. Raises ValueError if the payload is not
    the one that it was.
    """
    running = algorithm.new()
    for piece in covered(payload, info, policy):
        running.update(piece)
    return MIC(running.digest(), algorithm)


def covered(payload: Iterable[bytes], info: PayloadInfo, policy: OutboundPolicy) -> Iterable[bytes]:
    """The octets that a message's MIC is over, made again from its payload."""
    entity = payload_entity(payload, info, policy.quirks if is_wrapped(policy) else NO_QUIRKS)
    if policy.sign and policy.compress is Compression.BEFORE_SIGNING:
        entity = compressed_entity(entity, policy.quirks)
    return entity.octets if is_wrapped(policy) else entity.body


def _entity(entity: Entity, _policy: OutboundPolicy) -> Iterable[bytes]:
    return entity.octets


def _body(entity: Entity, _policy: OutboundPolicy) -> Iterable[bytes]:
    return entity.body


def _compressed(entity: Entity, policy: OutboundPolicy) -> Iterable[bytes]:
    return compressed_entity(entity, policy.quirks).body


def _lf(entity: Entity, policy: OutboundPolicy) -> Iterable[bytes]:
    return _with_line_ends(entity, policy, b"\n")


def _crlf(entity: Entity, policy: OutboundPolicy) -> Iterable[bytes]:
    return _with_line_ends(entity, policy, b"\r\n")


def _with_line_ends(entity: Entity, policy: OutboundPolicy, end: bytes) -> Iterator[bytes]:
    if is_wrapped(policy):
        yield entity.head
    held = b""
    for chunk in entity.body:
        data = held + chunk
        # What may be the first half of a line end waits for the second.
        held = b"\r" if data.endswith(b"\r") else b""
        yield _LINE_END.sub(end, data.removesuffix(held) if held else data)
    yield held


def is_wrapped(policy: OutboundPolicy) -> bool:
    """Whether anything is wrapped around a payload; if not, no header field counts (§7.3.1)."""
    return bool(policy.sign or policy.encrypt) or policy.compress is not Compression.NONE


_OCTETS: Mapping[MICVariant, Callable[[Entity, OutboundPolicy], Iterable[bytes]]] = (
    MappingProxyType(
        {
            MICVariant.ENTITY: _entity,
            MICVariant.BODY: _body,
            MICVariant.COMPRESSED: _compressed,
            MICVariant.LF: _lf,
            MICVariant.CRLF: _crlf,
        }
    )
)
