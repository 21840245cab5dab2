"""The engine called ``pyas2lib``."""

from collections.abc import Iterable
from dataclasses import dataclass

from as2gateway.algorithms import DigestAlgorithm
from as2gateway.engine import BuiltMDN, Composition, Receiver, Stamp
from as2gateway.events import Reading
from as2gateway.headers import Headers
from as2gateway.mdn import MDNReport
from as2gateway.policy import InboundPolicy, Limits, OutboundPolicy, PayloadInfo, SigningKey
from as2gateway.pyas2.composing import check, compose
from as2gateway.pyas2.mdns import compose_mdn
from as2gateway.pyas2.reading import WholeMessageReceiver
from as2gateway.request import MDNRequest


@dataclass(frozen=True, slots=True)
class Pyas2Engine:
    """An ``engine.Engine`` on pyas2lib. Time and randomness are what that library takes itself."""

    name: str = "pyas2lib"
    streams: bool = False
    #: bytes of the largest payload that is sent
    whole_message: int = Limits().whole_message

    def check(self, policy: OutboundPolicy) -> None:
        """Raise ValueError, in words for an operator, for a policy that it cannot fulfil."""
        check(policy)

    def receiver(
        self,
        headers: Headers,
        policy: InboundPolicy,
        request: MDNRequest | None,
        limits: Limits,
        reading: Reading,
    ) -> Receiver:
        """Start reading a message whose HTTP header fields are given."""
        return WholeMessageReceiver(headers, policy, request, limits, reading)

    def compose(
        self,
        payload: Iterable[bytes],
        info: PayloadInfo,
        policy: OutboundPolicy,
        stamp: Stamp,
    ) -> Composition:
        """Build a message. Raises ValueError for a policy that pyas2lib cannot fulfil."""
        return compose(payload, info, policy, stamp, self.whole_message)

    def compose_mdn(
        self,
        report: MDNReport,
        stamp: Stamp,
        sign_with: SigningKey | None,
        digest: DigestAlgorithm,
    ) -> BuiltMDN:
        """Build an MDN, signed with ``digest`` if a key is given."""
        return compose_mdn(report, stamp, sign_with, digest)
