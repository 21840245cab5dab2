"""The native engine: streams messages of any size through constant memory, in both directions."""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from as2gateway.algorithms import DigestAlgorithm
from as2gateway.engine import BuiltMDN, Composition, Receiver, Stamp
from as2gateway.events import Reading
from as2gateway.headers import Headers
from as2gateway.mdn import MDNReport, build_mdn
from as2gateway.policy import InboundPolicy, Limits, OutboundPolicy, PayloadInfo, SigningKey
from as2gateway.receive import MessageReceiver
from as2gateway.request import MDNRequest
from as2gateway.send import compose


@dataclass(frozen=True, slots=True)
class NativeEngine:
    """An ``engine.Engine`` of our own: RFC 4130 on cryptographic primitives and nothing else."""

    name: str = "native"
    streams: bool = True
    #: gives that many random octets, for keys, vectors and boundaries
    entropy: Callable[[int], bytes] = os.urandom

    def check(self, policy: OutboundPolicy) -> None:
        """Nothing: it does all that a policy can say."""

    def receiver(
        self,
        headers: Headers,
        policy: InboundPolicy,
        request: MDNRequest | None,
        limits: Limits,
        reading: Reading,
    ) -> Receiver:
        """Start reading a message whose HTTP header fields are given."""
        return MessageReceiver(headers, policy, request, limits, reading)

    def compose(
        self,
        payload: Iterable[bytes],
        info: PayloadInfo,
        policy: OutboundPolicy,
        stamp: Stamp,
    ) -> Composition:
        """Start building a message. Raises ValueError for a policy that lacks a key it needs."""
        return compose(payload, info, policy, stamp, self.entropy)

    def compose_mdn(
        self,
        report: MDNReport,
        stamp: Stamp,
        sign_with: SigningKey | None,
        digest: DigestAlgorithm,
    ) -> BuiltMDN:
        """Build an MDN, signed with ``digest`` if a key is given."""
        headers, body = build_mdn(
            report,
            stamp.message_id,
            stamp.now,
            sign_with,
            digest,
            subject=stamp.subject,
            entropy=self.entropy,
        )
        return BuiltMDN(headers, body)
