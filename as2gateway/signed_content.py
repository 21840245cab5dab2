"""Signed content: the very octets that a sender signed, taken out of a received message again.

A message is kept as it came, encrypted to us. Who is to check its signature without our private
key needs what was inside the encryption: the signed octets, and the signature beside them (RFC
1847).
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

from as2gateway import layers
from as2gateway.events import LayerFacts, LayerKind, Reading
from as2gateway.headers import Headers
from as2gateway.layers import NATIVE, Entity, Inner, Message
from as2gateway.policy import InboundPolicy, Limits
from as2gateway.receive import MessageReceiver
from as2gateway.stream import Parser, Source

Sink = Callable[[bytes], object]


class SignedContentReceiver(MessageReceiver):
    """Reads a message as any receiver, and gives what a multipart/signed covers to ``sink``.

    What is signed is what was verified: in the line ends of the reading that holds. Of a signature
    within another one the outer one counts. One that carries its content (CMS-24) is not given out.
    """

    def __init__(
        self,
        headers: Headers,
        policy: InboundPolicy,
        limits: Limits,
        reading: Reading,
        sink: Sink,
    ) -> None:
        self._sink = sink
        self.readers = replace(NATIVE, multipart_signed=self._read)
        super().__init__(headers, policy, None, limits, reading)

    @property
    def signature(self) -> bytes:
        """The signature as it came, DER or BER; empty if there is none of its own."""
        return self._message.signature

    def _read(
        self, source: Source, message: Message, inner: Inner, entity: Entity
    ) -> Parser[bytes, LayerFacts]:
        beside = inner if LayerKind.SIGNED in entity.around else _Tee(inner, self._sink)
        return (yield from layers.read_multipart_signed(source, message, beside, entity))


class _Tee(Inner):
    """What is inside a layer, and a sink beside it."""

    def __init__(self, inner: Inner, sink: Sink) -> None:  # it has no parser of its own
        self._inner = inner
        self._sink = sink

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Give octets to both."""
        self._sink(data)
        yield from self._inner.feed(data)

    def end(self) -> Iterator[bytes]:
        """Say that the octets are complete."""
        yield from self._inner.end()

    def settle(self) -> None:
        """Raise the fault of what is inside, if there was one."""
        self._inner.settle()
