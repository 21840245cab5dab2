"""The seam between the gateway and whatever reads and writes AS2 messages.

Two things can stand behind it: the streaming ``native`` engine, and one built on a library. Whoever
calls it chunks as it likes and never learns which engine works.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from as2gateway.algorithms import DigestAlgorithm
from as2gateway.events import Reading, UnverifiedPayload, Verdict
from as2gateway.headers import Headers
from as2gateway.mdn import MDNReport
from as2gateway.policy import InboundPolicy, Limits, OutboundPolicy, PayloadInfo, SigningKey
from as2gateway.request import MDNRequest


class Receiver(Protocol):
    """Reads one message."""

    def feed(self, data: bytes) -> Iterable[UnverifiedPayload]:
        """Take the next octets of the body and give out what payload they release.

        Never raises for what a partner sent: a fault shows in the verdict, and octets fed after it
        are passed over in the same time.
        """

    def close(self) -> tuple[Iterable[UnverifiedPayload], Verdict]:
        """Say that the body is complete; the last payload and the verdict. Call once."""


class Composition(Protocol):
    """A message being built. Iterate it once to get the body; then the MICs are known."""

    #: fields of the HTTP request that belong to the message, without Content-Length
    headers: Headers

    def __iter__(self) -> Iterator[bytes]:
        """Octets of the body."""

    @property
    def mics(self) -> Mapping[DigestAlgorithm, bytes]:
        """Digests of the octets that the partner's MIC is over, in each algorithm kept (MIC-11).

        Raises RuntimeError before the body has been read to its end.
        """


@dataclass(frozen=True, slots=True)
class Stamp:
    """What makes one message different from the next: from outside, so that the core is pure."""

    message_id: str
    now: datetime
    subject: str = ""


@dataclass(frozen=True, slots=True)
class BuiltMDN:
    """An MDN ready to be sent: header fields of its HTTP message (no Content-Length), and body."""

    headers: Headers
    body: bytes


class Engine(Protocol):
    """Reads and writes AS2 messages and writes MDNs. Reading MDNs is ``as2gateway.mdn``'s."""

    @property
    def name(self) -> str:
        """What connections call it."""

    @property
    def streams(self) -> bool:
        """Whether size is no matter; if not, ``Limits.whole_message`` bounds a message."""

    def check(self, policy: OutboundPolicy) -> None:
        """Raise ValueError, in words for an operator, for a policy that it cannot fulfil.

        Keys that the policy lacks are not its matter here.
        """

    def receiver(
        self,
        headers: Headers,
        policy: InboundPolicy,
        request: MDNRequest | None,
        limits: Limits,
        reading: Reading,
    ) -> Receiver:
        """Start reading a message whose HTTP header fields are given."""

    def compose(
        self,
        payload: Iterable[bytes],
        info: PayloadInfo,
        policy: OutboundPolicy,
        stamp: Stamp,
    ) -> Composition:
        """Start building a message. Raises ValueError for a policy that lacks a key it needs."""

    def compose_mdn(
        self,
        report: MDNReport,
        stamp: Stamp,
        sign_with: SigningKey | None,
        digest: DigestAlgorithm,
    ) -> BuiltMDN:
        """Build an MDN, signed with ``digest`` if a key is given."""
